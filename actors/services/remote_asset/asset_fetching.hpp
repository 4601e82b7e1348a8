#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <variant>
#include <vector>

#include "actors/services/common/client_limiter.hpp"
#include "actors/services/common/fair_semaphore.hpp"
#include "actors/services/remote_asset/remote_asset.hpp"

namespace kiln {

/// Assets on their way from the network into the store. Clients of one build farm want the same things at the
/// same time: one fetch does for all of them. It goes on when all of them have left, for clients are less
/// patient than large files are long and come back; unless its thread is wanted for somebody who is there.
/// Confined to the actor.
class asset_fetching {
public:
  /// The settings have a section for fetching. `options` belongs to the actor's state.
  asset_fetching(remote_asset_actor::pointer self, const remote_asset_options& options);
  ~asset_fetching();
  asset_fetching(const asset_fetching&) = delete;
  asset_fetching& operator=(const asset_fetching&) = delete;

  /// The call is answered when the asset is there, or cannot be had.
  expected<void> wait_for(const call_ptr& call, const asset_question& asked);
  void fetched(const asset_fetched& news);
  void left(std::uint64_t id);

private:
  struct waiter {
    call_ptr call;
    client_limiter::place place;
  };
  struct job {
    digest key;
    asset_question asked;
    std::vector<waiter> waiters;
    std::size_t left = 0;  ///< of these
    std::shared_ptr<std::atomic<bool>> stop = std::make_shared<std::atomic<bool>>(false);
    bool is_abandoned() const noexcept { return left == waiters.size(); }
  };

  expected<std::uint64_t> enter(const call_ptr& call, const digest& key, const asset_question& asked);
  void start(std::uint64_t id);
  void stop_an_abandoned();
  void store(std::uint64_t id, web_found& found);
  void keep(std::uint64_t id, const web_found& found);
  void end(std::uint64_t id, const std::variant<asset_record, error>& how);

  auto ends(std::uint64_t id) {
    return [this, id](const caf::error& fault) { end(id, from_caf(fault)); };
  }

  const remote_asset_actor::pointer self_;
  const remote_asset_options& options_;
  const std::shared_ptr<const web_fetcher> fetcher_;
  fair_semaphore places_;
  client_limiter waiting_;
  std::unordered_map<std::uint64_t, job> jobs_;
  std::unordered_map<digest, std::uint64_t> by_key_;  ///< those that newcomers may join
  std::uint64_t next_id_ = 0;
  std::shared_ptr<thread_pool> spools_;  ///< apart from the others, which may all be held up by slow servers
  std::unique_ptr<thread_pool> transfers_;
};

}  // namespace kiln
