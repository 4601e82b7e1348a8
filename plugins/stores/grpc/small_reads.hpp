#pragma once

#include <deque>
#include <string>
#include <vector>

#include "core/observe/metrics.hpp"
#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

namespace kiln::grpc_store {

/// Small blobs that many ask for one by one, asked for together. Nobody waits for others to come: a question
/// goes out at once while few are under way, and what comes meanwhile goes with the next one. Each hears of
/// its own blob only. Confined to the store's actor.
class small_reads {
public:
  small_reads(resumable_store::pointer self, remote_ptr where, const std::string& store);

  /// A whole blob, and a small one.
  bool takes(const read_blob& order) const noexcept;
  void add(const read_blob& order, answer<blob_content> asker);

private:
  struct request {
    digest blob;
    order_deadline until;
    answer<blob_content> asker;
  };
  using requests = std::vector<request>;

  requests next_batch();
  void ask_for_some();
  void ask_for(requests all);

  const resumable_store::pointer self_;
  const remote_ptr where_;
  counter& blobs_;
  counter& questions_;
  std::deque<request> waiting_;
  std::size_t under_way_ = 0;
};

}  // namespace kiln::grpc_store
