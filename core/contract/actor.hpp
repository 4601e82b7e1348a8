#pragma once

#include <caf/error.hpp>
#include <caf/message.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>
#include <caf/sec.hpp>
#include <caf/typed_response_promise.hpp>
#include <memory>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/kiln_message.hpp"

KILN_MESSAGE(kiln::error)

namespace kiln {

/// Our error as CAF carries it, code, sentence and details whole.
caf::error to_caf(const error& fault);
/// And back. CAF's own errors become codes a client understands: a request that timed out is
/// DEADLINE_EXCEEDED, a receiver that is gone UNAVAILABLE.
error from_caf(const caf::error& fault);

template <class T>
caf::result<T> to_result(expected<T> value) {
  if (value) return std::move(*value);
  return to_caf(value.error());
}

/// Gives who waits for this promise the answer, or an error. Any thread, also when the actor that made the
/// promise has ended: what CAF's own `deliver` cannot bear.
void answer_anywhere(const caf::response_promise& promise, caf::message what);
/// The same, if nobody will answer.
void refuse_dropped(const caf::response_promise& promise) noexcept;

/// The duty to answer a request. CAF 0.17 forgets a promise that is dropped, and the asker waits for ever;
/// this one answers UNAVAILABLE in that case. Copies share the duty; the first answer counts. Confined to the
/// actor that made it, but for the dropping.
template <class T>
class answer {
public:
  explicit answer(caf::typed_response_promise<T> promise)
      : duty_(std::make_shared<duty>(std::move(promise))) {}

  void deliver(expected<T> value) {
    if (!duty_->pending) return;
    duty_->pending = false;
    if (value)
      duty_->promise.deliver(std::move(*value));
    else
      duty_->promise.deliver(to_caf(value.error()));
  }
  /// The same on any thread, for who has the duty alone.
  void deliver_anywhere(expected<T> value) {
    if (!duty_->pending) return;
    const auto& promise = static_cast<caf::response_promise&>(duty_->promise);
    answer_anywhere(promise,
                    value ? caf::make_message(std::move(*value)) : caf::make_message(to_caf(value.error())));
    duty_->pending = false;
  }
  bool pending() const noexcept { return duty_->pending; }
  /// What a handler returns to CAF.
  operator caf::result<T>() const { return duty_->promise; }  // NOLINT: a handler returns the duty itself

private:
  struct duty {
    explicit duty(caf::typed_response_promise<T> p) : promise(std::move(p)) {}
    ~duty() {
      if (pending) refuse_dropped(static_cast<caf::response_promise&>(promise));
    }
    caf::typed_response_promise<T> promise;
    bool pending = true;
  };
  std::shared_ptr<duty> duty_;
};

template <class T, class Self>
answer<T> make_answer(Self* self) {
  return answer<T>(self->template make_response_promise<T>());
}

/// Runs a handler's body so that an exception becomes an error instead of the actor's death:
/// RESOURCE_EXHAUSTED for memory, INTERNAL for anything else.
template <class T, class Body>
caf::result<T> guarded(Body body) {
  try {
    return body();
  } catch (...) {
    return to_caf(current_fault());
  }
}

}  // namespace kiln
