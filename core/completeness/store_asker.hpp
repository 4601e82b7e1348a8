#pragma once

#include <caf/typed_actor.hpp>
#include <functional>
#include <utility>

#include "core/contract/on_response.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"

namespace kiln {

/// Who lets others come back to it (core/contract/resume.hpp).
using home_actor = caf::typed_actor<caf::reacts_to<resume>>;

/// How code that lives in an actor, whichever that is, asks stores. Continuations run in the actor, and once
/// more, with an error, if they throw.
class store_asker {
public:
  template <class Answer>
  using heard = std::function<void(expected<Answer>)>;

  virtual ~store_asker() = default;
  virtual void ask(const store_actor& whom, find_missing order, heard<missing_blobs> then) = 0;
  virtual void ask(const store_actor& whom, read_blob order, heard<blob_content> then) = 0;
  virtual void ask(const store_actor& whom, read_blobs order, heard<blob_batch> then) = 0;
  virtual void ask(const store_actor& whom, write_blob order, heard<receipt> then) = 0;
  virtual void ask(const store_actor& whom, forget_blob order, heard<forgotten> then) = 0;
  virtual void ask(const store_actor& whom, measure_store order, heard<store_stats> then) = 0;
  /// `then` runs in the actor once so much time has passed.
  virtual void after(duration delay, std::function<void()> then) = 0;
  /// The actor itself.
  virtual home_actor home() const = 0;
  /// `then` runs in the actor when what has come to it by now is done.
  void later(std::function<void()> then) const { caf::anon_send(home(), resume{std::move(then)}); }
};

/// In an actor whose handle is `Handle`, which reacts to `resume`. Lives in its state.
template <class Handle>
class asker_in final : public store_asker {
public:
  explicit asker_in(typename Handle::pointer self) : self_(self) {}

  void ask(const store_actor& whom, find_missing order, heard<missing_blobs> then) override {
    send(whom, std::move(order), std::move(then));
  }
  void ask(const store_actor& whom, read_blob order, heard<blob_content> then) override {
    send(whom, std::move(order), std::move(then));
  }
  void ask(const store_actor& whom, read_blobs order, heard<blob_batch> then) override {
    send(whom, std::move(order), std::move(then));
  }
  void ask(const store_actor& whom, write_blob order, heard<receipt> then) override {
    send(whom, std::move(order), std::move(then));
  }
  void ask(const store_actor& whom, forget_blob order, heard<forgotten> then) override {
    send(whom, std::move(order), std::move(then));
  }
  void ask(const store_actor& whom, measure_store order, heard<store_stats> then) override {
    send(whom, std::move(order), std::move(then));
  }
  void after(duration delay, std::function<void()> then) override {
    self_->delayed_send(self_, delay, resume{std::move(then)});
  }
  home_actor home() const override { return home_actor(Handle(self_)); }

private:
  template <class Order, class Answer>
  void send(const store_actor& whom, Order order, heard<Answer> then) {
    on_response(
        self_->request(whom, caf::infinite, std::move(order)),
        [then](Answer& good) { then(std::move(good)); },
        [then](const caf::error& fault) { then(failure(from_caf(fault))); });
  }

  const typename Handle::pointer self_;
};

}  // namespace kiln
