#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "core/contract/store.hpp"
#include "core/contract/stream.hpp"

namespace kiln::fast_slow {

/// What a read is answered with: called once, or dropped where the answer cannot be had any more.
using opening = std::function<void(expected<blob_content>)>;
/// Reads bytes from `offset` on to the end of what was asked for, in a store. Any thread, and so the answer.
using open_elsewhere = std::function<void(std::uint64_t offset, opening)>;

/// Where the bytes of a source come from once it has gone on elsewhere. Reads are its owner's, one at a time;
/// `cancel` comes from any thread.
class successor {
public:
  /// Opens that, and gives `then` its first bytes. Whoever owns this is kept by `keep` until then.
  void open(const open_elsewhere& how, std::uint64_t offset, std::shared_ptr<void> keep,
            blob_source::next then) {
    opened_ = true;
    how(offset, [this, keep = std::move(keep), then = ensure_called(std::move(then))](
                    expected<blob_content> found) mutable { take(std::move(found), std::move(then)); });
  }
  bool is_opened() const noexcept { return opened_; }

  void read(blob_source::next then) {
    if (auto source = rest()) return source->read(std::move(then));
    then(byte_chain());
  }
  void cancel(const error& why) noexcept {
    blob_source_ptr source;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      source = rest_;
    }
    if (source) source->cancel(why);
  }

private:
  void take(expected<blob_content> found, blob_source::next then) {
    if (!found) return then(failure(std::move(found).error()));
    {
      std::lock_guard lock(mutex_);
      if (cancelled_) return;
      rest_ = found->rest;
    }
    if (found->head.empty() && found->rest) return found->rest->read(std::move(then));
    then(std::move(found->head));
  }
  blob_source_ptr rest() const {
    std::lock_guard lock(mutex_);
    return rest_;
  }

  mutable std::mutex mutex_;
  blob_source_ptr rest_;
  bool cancelled_ = false;
  bool opened_ = false;
};

}  // namespace kiln::fast_slow
