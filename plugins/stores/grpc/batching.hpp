#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/strand.hpp"
#include "plugins/stores/grpc/batch_plan.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

namespace google::rpc {
class Status;
}

namespace kiln::grpc_store {

/// Each blob once, without the empty one, which needs no asking.
std::vector<digest> distinct(const std::vector<digest>& blobs);

/// What the server said of one blob, with its details.
error error_of(const google::rpc::Status& status);

/// Works off a plan, one message or one stream after the other, and then answers. What became of each blob is
/// kept by digest, for several places of a batch may hold the same one.
template <class T>
class batching : public std::enable_shared_from_this<batching<T>> {
public:
  virtual ~batching() = default;

  /// Begins, and goes on after each step. Any thread.
  void go() {
    strand_.run([self = this->shared_from_this()] { self->next(); });
  }

protected:
  batching(remote_ptr where, const std::vector<digest>& wanted)
      : where_(std::move(where)), plan_(batch_plan::for_blobs(distinct(wanted), where_->batch_limit())) {}

  // The steps. Each settles what it was given, and calls `go`.
  virtual void ask_for(const batch_plan::batch& batch) = 0;
  virtual void stream(const digest& blob) = 0;
  virtual void finish() = 0;

  void settle(const digest& blob, expected<T> outcome) {
    outcomes_.insert_or_assign(blob, std::move(outcome));
  }
  /// What the answer did not say of the others.
  void settle_rest(const batch_plan::batch& batch, const error& fault) {
    for (const digest& blob : batch.blobs) outcomes_.try_emplace(blob, failure(fault));
  }
  /// A question was refused as a whole. That may be the fault of one blob, so each is asked for alone, unless
  /// no question of ours will be answered.
  void refused(const batch_plan::batch& batch, const error& fault) {
    if (batch.blobs.size() > 1 && is_about_content(fault.code()))
      alone_.insert(alone_.end(), batch.blobs.begin(), batch.blobs.end());
    else
      settle_rest(batch, fault);
  }
  expected<T> outcome_of(const digest& blob) const {
    auto found = outcomes_.find(blob);
    if (found != outcomes_.end()) return found->second;
    return where_->explain({errc::internal, fmt::format("it did not say what became of blob {}", blob)});
  }

  const remote_ptr where_;

private:
  static bool is_about_content(errc code) noexcept {
    return code == errc::invalid_argument || code == errc::not_found || code == errc::out_of_range ||
           code == errc::resource_exhausted || code == errc::internal || code == errc::unknown ||
           code == errc::data_loss || code == errc::unimplemented;
  }
  void next() {
    if (next_batch_ < plan_.batches.size()) return ask_for(plan_.batches[next_batch_++]);
    if (next_alone_ < alone_.size()) return stream(digest(alone_[next_alone_++]));
    finish();
  }

  const batch_plan plan_;
  std::vector<digest> alone_ = plan_.alone;
  strand strand_;
  std::size_t next_batch_ = 0;
  std::size_t next_alone_ = 0;
  std::unordered_map<digest, expected<T>> outcomes_;
};

}  // namespace kiln::grpc_store
