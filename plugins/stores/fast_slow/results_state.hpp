#pragma once

#include <memory>
#include <vector>

#include "plugins/stores/fast_slow/open_writes.hpp"
#include "plugins/stores/fast_slow/result_trust.hpp"
#include "plugins/stores/fast_slow/two_stores.hpp"

namespace kiln::fast_slow {

/// Results: the digest names an action, so nothing proves that a result in the fast store is still the last
/// one. It is believed only where this store knows of every change of either: nobody else writes to the slow
/// store (it does not promise to be shared), and a restart empties the fast one (it does not promise to be
/// durable), so that no crash between two writes leaves an older result there for ever. Anywhere else the
/// slow store is read first, and the fast one only where that is UNAVAILABLE: an older result of the action
/// is better than none. Where nothing is written to the slow store, what was written here goes before what
/// others wrote there. Confined to the store's actor.
class results_state final : public two_stores {
public:
  results_state(resumable_store::pointer self, setting given);

  using two_stores::take;
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order);
  caf::result<lent_files> take(lend_files& order) { return self()->delegate(slow(), std::move(order)); }
  caf::result<forgotten> take(const forget_blob& order);

private:
  enum class rule { fast_first, believed_fast_first, slow_first };
  struct batch_read;
  struct change;

  static rule rule_of(const setting& given);
  bool reads_fast_first(const digest& action) const {
    return rule_ == rule::fast_first || (rule_ == rule::believed_fast_first && trust_.is_trusted(action));
  }
  bool writes_fill() const noexcept { return with().of_fast.keeps && options().fast_filled_by_writes(); }
  bool may_fill(const digest& action) const {
    return rule_ == rule::believed_fast_first && options().fast_filled_by_reads() &&
           trust_.is_trusted(action);
  }

  void read_slow_first(const read_blob& order, answer<blob_content> asker);
  void read_and_fill(const read_blob& order, answer<blob_content> asker);
  void read_second(const std::shared_ptr<batch_read>& batch);
  void fill(const batch_read& batch, const std::vector<std::size_t>& places,
            const std::shared_ptr<change>& what);
  void read_old(const std::shared_ptr<batch_read>& batch);

  void write_slow(write_blob order, answer<receipt> asker);
  void write_both(write_blob order, answer<receipt> asker);
  /// These results change in either store, until `answers` of them were noted.
  std::shared_ptr<change> begin_change(std::vector<digest> actions, std::size_t answers);
  void note(const std::shared_ptr<change>& what, const double_batch::results& said);
  void end_change(const digest& action, bool is_same);
  void forget_fast_copy(const digest& action);

  const rule rule_;
  result_trust trust_;
  open_writes writes_;
};

}  // namespace kiln::fast_slow
