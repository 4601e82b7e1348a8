#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/cache/evicting_cache.hpp"
#include "core/digest/digest.hpp"

namespace kiln::existence {

/// Which blobs are there, as far as the store below has said. Only what is there is remembered, never that
/// something is missing.
///
/// An answer is on its way while things go on: by the time it is heard the blob may have left. So who asks
/// reads the epoch of the blob before, and what was heard counts only if that is still the same. Epochs are
/// shared by blobs whose hashes are alike, which costs an answer now and then and no memory for each blob.
/// Confined to the store's actor.
class known_blobs {
public:
  using epoch = std::uint32_t;
  struct limits {
    std::uint64_t max_entries = 0;
    duration max_age{};      ///< since the store below said so
    duration touch_every{};  ///< the same: then it is due to be told that the blob is in use
  };
  /// Bytes that an entry takes, its share of the table included.
  static constexpr std::uint64_t entry_size = 176;

  known_blobs(limits limits, const clock& time)
      : limits_(limits), time_(time), there_({.max_entries = limits.max_entries}, time) {}

  enum class knowledge : std::uint8_t { none, fresh, due };
  /// Counts as a use.
  knowledge look_up(const digest& blob);

  epoch epoch_of(const digest& blob) const noexcept { return epochs_[place_of(blob)]; }
  /// The store below has, or had, it: so it said when it was asked in that epoch.
  void confirm(const digest& blob, epoch asked_in);
  /// It came: as news, which are in order.
  void note_stored(const digest& blob) { remember(blob); }
  /// The store below did not have it when it was asked. Nothing changes for what was not remembered: most
  /// that is asked for first is missing, and answers about others are on their way.
  void note_missing(const digest& blob);
  /// It left, and what is on its way may be from before.
  void drop(const digest& blob);
  /// Nothing is known any more.
  void drop_all();

  std::size_t size() const noexcept { return there_.size(); }

private:
  static constexpr std::size_t epoch_count = 1024;
  static std::size_t place_of(const digest& blob) noexcept { return std::hash<digest>()(blob) % epoch_count; }
  void remember(const digest& blob);

  const limits limits_;
  const clock& time_;
  evicting_cache<digest, steady_time> there_;  ///< since when
  std::array<epoch, epoch_count> epochs_{};
};

}  // namespace kiln::existence
