#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "core/contract/actor.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"

namespace kiln {

/// Looks for a blob in a store, again and again for so long: it may be on its way there, through caches that
/// are copied or lie behind one another. `then`, in the actor, once: ok, NOT_FOUND, or why the store does not
/// answer. The actor handles `resume`.
template <class Self>
class blob_search : public std::enable_shared_from_this<blob_search<Self>> {
public:
  blob_search(Self self, store_actor store, const digest& blob, duration patience,
              std::function<void(error)> then)
      : self_(self),
        store_(std::move(store)),
        blob_(blob),
        until_(self->clock().now() + patience),
        then_(std::move(then)) {}

  void look() {
    auto me = this->shared_from_this();
    self_->request(store_, until_ - self_->clock().now(), find_missing{{blob_}})
        .then(
            [me](const missing_blobs& answer) {
              if (answer.blobs.empty()) return me->then_({});
              me->look_later({errc::not_found, fmt::format("there is no blob {}", me->blob_)});
            },
            [me](const caf::error& fault) { me->look_later(from_caf(fault)); });
  }

private:
  void look_later(error why) {
    const auto pause = std::exchange(pause_, std::min<duration>(2 * pause_, longest_pause));
    if (self_->clock().now() + pause >= until_) return then_(std::move(why));
    self_->delayed_send(self_, pause, resume{[me = this->shared_from_this()] { me->look(); }});
  }

  static constexpr duration longest_pause = std::chrono::seconds(2);

  Self self_;
  const store_actor store_;
  const digest blob_;
  const steady_time until_;
  const std::function<void(error)> then_;
  duration pause_ = std::chrono::milliseconds(100);
};

}  // namespace kiln
