#pragma once

#include <deque>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/contract/joined_reads.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln::chunked {

/// Which layouts were seen to be their blobs. A part of a blob says nothing about its digest, so before one
/// is served the whole is read and hashed, once: that these chunks are that blob stays true for ever. Some
/// thousands are remembered, those asked for last. Confined to the store's actor.
class proven_layouts {
public:
  using outcome = std::function<void(const expected<void>&)>;

  /// `wrong` hears of layouts that are not their blobs.
  proven_layouts(resumable_store::pointer self, store_actor inner, std::shared_ptr<thread_pool> hashing,
                 read_ahead ahead, std::function<void(const digest&)> wrong)
      : self_(self),
        inner_(std::move(inner)),
        hashing_(std::move(hashing)),
        ahead_(std::move(ahead)),
        wrong_(std::move(wrong)) {}

  /// Which layout of which blob it is.
  static digest name_of(const digest& blob, const composition& whole);

  void remember(const digest& layout);
  /// All chunks are there. At once if it is known, else when it was read; few are at a time, and whoever asks
  /// for one that is being read waits for the same.
  void prove(const digest& blob, const composition& whole, outcome then);

private:
  struct proof {
    digest blob;
    composition whole;
    std::vector<outcome> waiting;
  };

  bool is_known(const digest& layout);
  void start_some();
  void start(const digest& layout);
  void ended(const digest& layout, const expected<void>& end);

  resumable_store::pointer self_;
  const store_actor inner_;
  const std::shared_ptr<thread_pool> hashing_;
  const read_ahead ahead_;
  const std::function<void(const digest&)> wrong_;
  std::unordered_set<digest> young_;
  std::unordered_set<digest> old_;
  std::unordered_map<digest, proof> proofs_;
  std::deque<digest> waiting_;  // of the proofs, those that are not begun
  std::size_t running_ = 0;
};

}  // namespace kiln::chunked
