#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "plugins/stores/fast_slow/broadcast.hpp"
#include "plugins/stores/fast_slow/successor.hpp"
#include "plugins/stores/fast_slow/ticker.hpp"
#include "plugins/stores/fast_slow/two_stores.hpp"
#include "plugins/stores/fast_slow/verified_batch.hpp"

namespace kiln::fast_slow {

/// Blobs on their way from the slow store into the fast one. Each is read once, hashed, written to the fast
/// store at that one's pace, and shared with whoever reads it meanwhile; whoever leaves stops nothing.
/// Nobody's time bounds a filling, for it serves all who come: it ends when the slow store brings nothing for
/// too long.
///
/// A filling is in the table for as long as one of the two stores owes it an answer: it is owned by what
/// waits for that. Confined to the store's actor.
class fill_table {
public:
  /// How the table speaks of what happens, and asks.
  struct hooks {
    /// The fast store did not take it.
    std::function<void(const digest&, const error&)> degraded;
    /// Reads the slow store for one reader alone.
    std::function<void(const read_blob&, opening)> read_alone;
    /// Where a source goes on for which the bytes come too fast, or too slowly.
    std::function<open_elsewhere(const read_blob&)> elsewhere;
    std::function<void(const digest&)> drop_fast_copy;
  };
  using outcome = std::function<void(const expected<void>&)>;

  fill_table(resumable_store::pointer self, const setting& with, hooks given);

  /// For a reader of the whole blob, which the fast store lacks.
  void read(const read_blob& order, opening then);
  /// `then` hears, once, whether the fast store has it. RESOURCE_EXHAUSTED if too much is under way.
  void fill(const digest& blob, outcome then);
  /// What is on its way of it shall not stay in the fast store.
  void forget(const digest& blob);

  std::size_t size() const noexcept { return fillings_->size(); }

private:
  struct reader {
    read_blob order;
    opening then;
    steady_time since;
  };
  struct filling;
  using filling_ptr = std::shared_ptr<filling>;
  using map = std::unordered_map<digest, std::weak_ptr<filling>>;
  struct filling {
    filling(const digest& blob_, std::shared_ptr<broadcast> bytes_, std::weak_ptr<map> in_, steady_time now)
        : blob(blob_), bytes(std::move(bytes_)), in(std::move(in_)), began(now) {}
    ~filling();
    filling(const filling&) = delete;
    filling& operator=(const filling&) = delete;

    const digest blob;
    const std::shared_ptr<broadcast> bytes;
    const std::weak_ptr<map> in;
    const steady_time began;
    std::optional<steady_time> over;  // when its bytes were seen to have come
    bool is_open = false;             // the slow store has answered
    bool is_given_up = false;         // and whatever comes is of no use
    bool is_unwanted = false;         // was forgotten meanwhile
    std::optional<composition> made_of;
    std::vector<reader> waiting;  // for the slow store's answer
    std::vector<outcome> after;
  };

  filling_ptr find(const digest& blob) const;
  /// Null if there are too many.
  filling_ptr start(const digest& blob);
  void opened(const filling_ptr& one, expected<blob_content> content);
  void came_whole(const filling_ptr& one, const verified_batch& all);
  void broke(const filling_ptr& one, const error& why);
  void write(const filling_ptr& one, blob_source_ptr source);
  void written(const filling_ptr& one, const expected<receipt>& outcome);
  void serve(const filling_ptr& one, const reader& who) const;
  void end(const filling_ptr& one, const expected<void>& how);
  bool look();
  void look_at(const filling_ptr& one, steady_time now);
  void look_at_opening(const filling_ptr& one, steady_time now);

  const resumable_store::pointer self_;
  const setting& with_;
  const hooks hooks_;
  const std::shared_ptr<map> fillings_ = std::make_shared<map>();
  counter& begun_;
  counter& joined_;
  ticker ticker_;
};

}  // namespace kiln::fast_slow
