#pragma once

#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "plugins/stores/fast_slow/early_writes.hpp"
#include "plugins/stores/fast_slow/fill_table.hpp"
#include "plugins/stores/fast_slow/lane.hpp"
#include "plugins/stores/fast_slow/open_writes.hpp"
#include "plugins/stores/fast_slow/two_stores.hpp"
#include "plugins/stores/fast_slow/verified_batch.hpp"

namespace kiln::fast_slow {

/// Content: bytes that came from one store are as good as those from the other, and whatever goes into the
/// fast store is hashed before. Confined to the store's actor.
class content_state final : public two_stores {
public:
  content_state(resumable_store::pointer self, setting given);

  using two_stores::take;
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order);
  caf::result<lent_files> take(lend_files& order);
  caf::result<forgotten> take(const forget_blob& order);
  // What was acknowledged early is there, though the slow store does not know yet.
  caf::result<missing_blobs> take(find_missing& order);
  caf::result<leased> take(lease_blobs& order);
  caf::result<store_flushed> take(const flush_store& order);

private:
  struct batch_read;
  struct lending;

  bool bypasses(const digest& blob) const noexcept {
    return options().bypass_above && static_cast<std::uint64_t>(blob.size) > options().bypass_above->bytes;
  }
  bool fast_is_read() const noexcept { return with().of_fast.keeps; }
  bool reads_fill() const noexcept { return fast_is_read() && options().fast_filled_by_reads(); }
  bool writes_fill() const noexcept { return fast_is_read() && options().fast_filled_by_writes(); }
  static bool is_whole(const read_blob& order) noexcept {
    const auto size = static_cast<std::uint64_t>(order.blob.size);
    return order.offset == 0 && (order.limit == 0 || order.limit >= size);
  }

  // Reading.
  /// What the fast store says, as long as it does not fail.
  blob_content guarded(const read_blob& order, blob_content content);
  /// The fast store does not have it.
  void missed(const read_blob& order, opening then);
  void ask_slow(const read_blob& order, opening then);
  void note_fast_failure(const digest& blob, order_deadline until, const error& why);
  /// A source goes on by `how` in this actor, whichever thread it is on.
  open_elsewhere from_anywhere(const read_blob& order, void (content_state::*how)(const read_blob&, opening));
  /// For a reader that has some of it already.
  void go_on(const read_blob& order, opening then);
  void read_gaps(const std::shared_ptr<batch_read>& batch);
  /// What came from the slow store goes into the fast one too, which nobody waits for.
  void fill_beside(const batch_read& batch);

  // Writing.
  void write_both(write_blob order, answer<receipt> asker);
  void write_good(verified_batch all, answer<receipts> asker);
  void write_both(write_blobs order, double_batch::kept then);
  /// Into the fast store; what is not its blob is DATA_LOSS.
  void write_verified(write_blobs batch, double_batch::kept then);

  bool is_early(const write_blob& order) const;
  bool is_early(const write_blobs& good) const;
  using early_names = std::unordered_set<digest>;
  early_names early_of(const std::vector<digest>& blobs) const;
  void erase_early(std::vector<digest>& missing, const early_names& before) const;

  // Lending.
  void lend_from_slow(const std::shared_ptr<lending>& all);
  void fill_to_lend(const std::shared_ptr<lending>& all, std::vector<std::size_t> gaps);
  void fill_each(const std::shared_ptr<lending>& all, const std::vector<std::size_t>& gaps);
  void fill_small(const std::shared_ptr<lending>& all, const std::vector<std::size_t>& some,
                  const lane::turn& turn);
  void fill_large(const std::shared_ptr<lending>& all, std::size_t at, const lane::turn& turn);
  void end_fill(const std::shared_ptr<lending>& all, const std::vector<std::size_t>& some,
                const std::vector<expected<void>>& how);
  void lend_filled(const std::shared_ptr<lending>& all);

  counter& fast_reads_;
  counter& slow_reads_;
  fill_table fills_;
  lane lend_fills_;
  open_writes writes_;
  std::optional<early_writes> early_;
};

}  // namespace kiln::fast_slow
