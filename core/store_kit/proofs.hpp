#pragma once

#include <deque>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/contract/stream.hpp"
#include "core/store_kit/deadlines.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln {

/// Which claims of the kind "this, put together so, is that blob" were seen to be true. Such a claim is
/// proven by reading the whole, once, and stays true for ever; a part of a blob says nothing about its
/// digest, so who serves parts, or other forms, asks here first. Some thousands are remembered, those asked
/// for last. Confined to the store's actor.
class proofs {
public:
  using outcome = std::function<void(const expected<void>&)>;
  /// All of the blob, ending in an error unless the claim is true, or it took until then.
  using reading = std::function<blob_source_ptr(steady_time until)>;
  /// For a proof: it must not keep others from theirs for ever, whatever the store does that is read from.
  static constexpr duration longest = std::chrono::minutes(10);

  /// `time` outlives this.
  proofs(resumable_store::pointer self, const clock& time) : self_(self), times_(self, time) {}

  // A claim is known by a digest that nobody can give to another one.

  bool is_known(const digest& claim);
  void remember(const digest& claim);
  /// What was seen once is not what lies there now.
  void disbelieve(const digest& claim);
  /// At once if it is known, else when it was read; few are at a time, and whoever asks for one that is being
  /// read waits for the same, each no longer than its own time.
  void prove(const digest& claim, reading read, steady_time until, outcome then);

private:
  struct proof {
    reading read;
    std::vector<std::shared_ptr<awaited<void>>> waiting;
  };

  void start_some();
  void start(const digest& claim);
  void ended(const digest& claim, const expected<void>& end);

  const resumable_store::pointer self_;
  deadlines times_;
  std::unordered_set<digest> young_;
  std::unordered_set<digest> old_;
  std::unordered_map<digest, proof> proofs_;
  std::deque<digest> waiting_;  // of the proofs, those that are not begun
  std::size_t running_ = 0;
};

}  // namespace kiln
