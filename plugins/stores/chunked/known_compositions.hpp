#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/completeness/completeness_index.hpp"
#include "core/contract/composition.hpp"
#include "core/contract/observers.hpp"

namespace kiln::chunked {

/// Which composed blobs somebody was told to be there, and what each needs: its layout and all its parts. So
/// when one of those leaves, whoever listens hears that the blob has left. Nothing is kept in mind until
/// somebody listens.
///
/// A search enters a blob before it asks for its layout, and what the layout names before it asks for that:
/// what leaves meanwhile is heard. Of a blob that there is no room for, or of which a search cannot be sure,
/// it is said before the answer that it has left, so that nobody who listens counts on it. Confined to the
/// store's actor.
class known_compositions {
public:
  using ticket = completeness_index::ticket;

  known_compositions(store_observers& listeners, std::uint64_t max_bytes, const clock& time)
      : listeners_(listeners), index_({max_bytes, duration::max()}, time, [this](const digest& blob) {
          listeners_.tell_evicted({blob});
        }) {}

  void listen() noexcept { listening_ = true; }
  bool listens() const noexcept { return listening_; }

  // A search: each ticket ends with `give_up` or `is_there`.
  /// `layouts`: the names under which its layout may lie.
  ticket begin(const digest& blob, std::span<const digest> layouts);
  void need(ticket of, const composition& whole) { name(of, whole.parts); }
  void give_up(ticket of) {
    if (of != 0) index_.give_up(of);
  }
  /// It is about to be said that the blob is there, composed.
  void is_there(const digest& blob, ticket of);
  /// The same, where the news of a copy that left may have come before.
  void stays(const digest& blob, ticket of);

  /// News of what blobs are made of.
  void left(const std::vector<digest>& names) {
    for (const auto& one : names) index_.drop_blob(one);
  }
  /// It is about to be dropped, or to be kept whole. Whether that was told.
  bool goes(const digest& blob) {
    const bool was_known = index_.find(blob, blob.function) != nullptr;
    index_.drop_result(blob);
    if (was_known) listeners_.tell_evicted({blob});
    return was_known;
  }

  std::uint64_t bytes_used() const noexcept { return index_.bytes_used(); }

private:
  void name(ticket of, std::span<const digest> needs) {
    if (of != 0) index_.name(of, needs);
  }

  store_observers& listeners_;
  completeness_index index_;
  bool listening_ = false;
};

}  // namespace kiln::chunked
