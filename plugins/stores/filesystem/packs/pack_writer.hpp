#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "plugins/stores/filesystem/packs/pack_file.hpp"

namespace kiln::filesystem {

/// Appends small blobs to the newest pack, one group after the other. Writers that wait while a group is at
/// work form the next one; a group costs one write and one sync however many are in it. What is reported as
/// placed is durable, unless the store is relaxed. What is thrown meanwhile fails the orders that are not
/// written yet, and ends the pack.
class pack_writer : public std::enable_shared_from_this<pack_writer> {
public:
  struct order {
    digest blob;
    bytes content;
    std::uint64_t sequence = 0;
    record_kind kind = record_kind::blob;
  };
  /// One for each order, in their order. RESOURCE_EXHAUSTED when the disk is full.
  using places = std::vector<expected<pack_place>>;

  /// Packs are closed at `pack_size` bytes; the first one has number `first`.
  pack_writer(engine_ptr with, std::uint64_t pack_size, std::uint64_t first)
      : deps_(std::move(with)), pack_size_(pack_size), next_number_(first), newest_(first) {}

  /// Any thread. `then` is called once, on a thread pool thread, or at once if the thread pool takes nothing
  /// more.
  void submit(std::vector<order> orders, std::function<void(places)> then);
  /// When nothing is submitted any more and the thread pool has ended. Of results an index is written, which
  /// knows what was there even if that rots: content speaks for itself, and is read at the next start.
  void finish() noexcept;
  /// Packs from this number on are still being written to.
  std::uint64_t newest() const noexcept { return newest_.load(std::memory_order_acquire); }

private:
  struct batch {
    std::vector<order> orders;
    std::function<void(places)> then;
    places results;
  };
  class writing;

  void work();
  void write_group(std::vector<batch>& group);
  expected<void> open_pack();
  void close_pack();
  void abandon_pack() noexcept;

  const engine_ptr deps_;
  const std::uint64_t pack_size_;

  std::mutex mutex_;
  std::vector<batch> waiting_;
  bool working_ = false;

  // Only the thread at work.
  std::uint64_t next_number_;
  pack_ptr current_;
  std::uint64_t seal_ = 0;
  std::uint64_t size_ = 0;
  std::vector<record> records_;

  std::atomic<std::uint64_t> newest_;
};

}  // namespace kiln::filesystem
