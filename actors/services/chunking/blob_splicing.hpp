#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "actors/services/chunking/chunk_messages.hpp"
#include "actors/services/chunking/chunking.hpp"
#include "actors/services/common/fair_semaphore.hpp"

namespace kiln {

/// What splitting and splicing stand on. Belongs to the actor.
struct chunking_context {
  chunking_actor::pointer self;
  chunking_options options;
  cache_limits limits;
  store_actor blobs;
  std::shared_ptr<thread_pool> pool;

  /// To write the blob: its parts, joined and proven to be it, for as long as somebody wants them.
  write_blob order_of_parts(const digest& blob, composition whole, order_deadline until,
                            std::function<bool()> is_wanted) const;
};

/// SpliceBlob: all that a client's call asks for ends with the call. What is refused is refused before a byte
/// is read. Confined to the actor.
class blob_splicing {
public:
  explicit blob_splicing(const chunking_context& on)
      : on_(on), places_(fair_semaphore::bounds::of(on.options.max_running), "blobs are being spliced") {}

  expected<void> begin(const splice_blob& order);

private:
  /// The client of this one has left.
  void left(std::uint64_t id);
  void enter(std::uint64_t id, const byte_chain& request);
  void check_room(std::uint64_t id, const splice_request& request);
  void look(std::uint64_t id, const splice_request& request);
  void judge(std::uint64_t id, const splice_request& request, const missing_blobs& missing);
  void join(std::uint64_t id, const splice_request& request);
  bool is_left(std::uint64_t id) const;
  order_deadline until(std::uint64_t id) const { return waits_until(calls_.at(id)); }
  void end(std::uint64_t id, expected<digest> outcome);

  /// What it throws ends this one.
  template <class Body>
  void step(std::uint64_t id, Body body) {
    auto done = caught([&]() -> expected<void> {
      body();
      return {};
    });
    if (!done) end(id, failure(std::move(done).error()));
  }

  auto ends(std::uint64_t id) {
    return [this, id](const caf::error& fault) { end(id, fail(from_caf(fault))); };
  }

  const chunking_context& on_;
  fair_semaphore places_;
  std::unordered_map<std::uint64_t, call_ptr> calls_;
  std::uint64_t next_id_ = 0;
  std::optional<std::uint64_t> capacity_;  ///< of the store, once that was asked; 0: nobody knows
};

}  // namespace kiln
