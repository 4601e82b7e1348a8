#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/services/chunking/blob_splicing.hpp"

namespace kiln {

/// SplitBlob. Whoever asks for a blob that is being split waits for the same; it goes on while one of them is
/// there, so its orders bear nobody's time. Confined to the actor.
class blob_splitting {
public:
  explicit blob_splitting(const chunking_context& on)
      : on_(on), places_(fair_semaphore::bounds::of(on.options.max_running), "blobs are being split") {}

  expected<void> begin(const split_blob& order);

private:
  struct job {
    digest blob;
    std::vector<call_ptr> calls;
    std::size_t left = 0;  ///< of these
    std::shared_ptr<std::atomic<bool>> wanted = std::make_shared<std::atomic<bool>>(true);
  };

  /// One who waited for this has left.
  void left(std::uint64_t id);
  void start(std::uint64_t id);
  void find_layout(std::uint64_t id);
  void take(std::uint64_t id, blob_content content);
  void cut(std::uint64_t id, blob_content content);
  void check(std::uint64_t id, const composition& whole);
  void remember(std::uint64_t id, const composition& whole);
  bool is_over(std::uint64_t id);
  void end(std::uint64_t id, expected<composition> outcome);

  auto ends(std::uint64_t id) {
    return [this, id](const caf::error& fault) { end(id, fail(from_caf(fault))); };
  }

  const chunking_context& on_;
  fair_semaphore places_;
  std::unordered_map<std::uint64_t, job> jobs_;
  std::unordered_map<digest, std::uint64_t> by_blob_;  ///< those that somebody waits for
  std::uint64_t next_id_ = 0;
};

}  // namespace kiln
