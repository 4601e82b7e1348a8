#include "plugins/stores/grpc/small_reads.hpp"

#include <algorithm>
#include <utility>

#include "core/store_kit/take_up.hpp"
#include "plugins/stores/grpc/batches.hpp"

namespace kiln::grpc_store {

small_reads::small_reads(resumable_store::pointer self, remote_ptr where, const std::string& store)
    : self_(self),
      where_(std::move(where)),
      blobs_(where_->env()
                 .metrics
                 ->counters("kiln_grpc_small_reads_total",
                            "Small blobs that were read one by one, and asked for together.", {"store"})
                 .with({store})),
      questions_(where_->env()
                     .metrics
                     ->counters("kiln_grpc_small_read_questions_total",
                                "Questions that small blobs were asked for with.", {"store"})
                     .with({store})) {}

bool small_reads::takes(const read_blob& order) const noexcept {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  const auto& largest = where_->options().gather_up_to;
  return largest && !where_->speaks_for(order.until) && size > 0 && size <= largest->bytes &&
         order.offset == 0 && (order.limit == 0 || order.limit >= size);
}

void small_reads::add(const read_blob& order, answer<blob_content> asker) {
  blobs_.add();
  waiting_.push_back({order.blob, order.until, std::move(asker)});
  ask_for_some();
}

void small_reads::ask_for_some() {
  while (under_way_ < where_->options().gather_at_once) {
    requests some = next_batch();
    if (some.empty()) return;
    ask_for(std::move(some));
  }
}

// Those that waited longest, as many as fit; whose time is over gets no place.
small_reads::requests small_reads::next_batch() {
  const std::uint64_t limit = std::min(where_->options().gather_batch.bytes, where_->batch_limit());
  requests some;
  std::uint64_t bytes = 0;
  while (!waiting_.empty()) {
    request& first = waiting_.front();
    if (auto early = in_time(first, *where_->env().time); !early) {
      first.asker.deliver(failure(early.error()));
    } else {
      const auto size = static_cast<std::uint64_t>(first.blob.size);
      if (!some.empty() && bytes + size > limit) return some;
      bytes += size;
      some.push_back(std::move(first));
    }
    waiting_.pop_front();
  }
  return some;
}

// Until the last of them stops waiting.
void small_reads::ask_for(requests all) {
  ++under_way_;
  questions_.add();
  std::vector<digest> blobs;
  steady_time until = steady_time::min();
  for (const auto& one : all) {
    blobs.push_back(one.blob);
    until = std::max<steady_time>(until, one.until);
  }
  auto home = [this, all = std::move(all)](expected<blob_batch> batch) mutable {
    --under_way_;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!batch)
        all[i].asker.deliver(failure(batch.error()));
      else if (auto& result = batch->results[i])
        all[i].asker.deliver(blob_content{std::move(*result), nullptr});
      else
        all[i].asker.deliver(failure(result.error()));
    }
    ask_for_some();
  };
  read_many_there(where_->until(until), std::move(blobs),
                  come_home<blob_batch>(resumable_store(self_), home));
}

}  // namespace kiln::grpc_store
