#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/contract/observers.hpp"
#include "core/store_kit/proofs.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/compression/compression_stats.hpp"
#include "plugins/stores/compression/form_library.hpp"
#include "plugins/stores/compression/packing.hpp"
#include "plugins/stores/compression/unpacking.hpp"

namespace kiln::compressing {

/// Orders that name only small blobs go straight to the inner store. Of the others, what lies there under its
/// own digest is answered from there; only what is missing is looked up in the index. Confined to the store's
/// actor.
class compression_state : public store_wrapper {
public:
  struct setting {
    std::int64_t min_size = 0;
    packing_rules rules;
    stats counted;
    const clock* time = nullptr;
  };

  compression_state(resumable_store::pointer self, setting given, const store_actor& inner, store_actor index)
      : store_wrapper(self, inner),
        with_(std::move(given)),
        index_(std::move(index)),
        forms_(self, inner, index_),
        proofs_(self, *with_.time),
        times_(self, *with_.time) {}

  caf::result<missing_blobs> take(find_missing& order);
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order);
  caf::result<lent_files> take(lend_files& order);
  caf::result<leased> take(lease_blobs& order);
  caf::result<forgotten> take(forget_blob& order);
  caf::result<store_flushed> take(const flush_store& order);
  void take(watch_store& order) {
    listeners_.add(order.listener);
    pass_on(order);
  }

private:
  using found = form_library::found;
  using done = std::function<void(expected<void>)>;
  struct batch_write;

  bool is_large(const digest& blob) const noexcept { return blob.size >= with_.min_size; }
  std::vector<digest> large_ones(const std::vector<digest>& blobs) const;
  /// Of a batch, the places of large blobs that the inner store does not have under their own digests.
  template <class Results>
  std::vector<std::size_t> gaps_in(const std::vector<digest>& asked, const Results& results) const {
    std::vector<std::size_t> gaps;
    for (std::size_t i = 0; i < asked.size() && i < results.size(); ++i)
      if (is_large(asked[i]) && !results[i] && results[i].error().code() == errc::not_found)
        gaps.push_back(i);
    return gaps;
  }
  resumable_store home() const { return resumable_store(self()); }

  // Reading.

  /// What of these lies compressed, all of it, and is not suspected.
  void find(const std::vector<digest>& blobs, order_deadline until, form_library::heard then);
  void read_packed(const packed_form& form, const read_blob& order, answer<blob_content> asker);
  void read_whole(const packed_form& form, const read_blob& order, answer<blob_content> asker);
  void read_part(const packed_form& form, const read_blob& order, answer<blob_content> asker);
  /// What lies as it was sent is compressed in frames when somebody wants a part, once for all who do.
  void repack(const packed_form& form, const read_blob& order, answer<blob_content> asker);
  void fill_gaps(const read_blobs& order, std::vector<std::size_t> gaps, blob_batch batch,
                 answer<blob_batch> asker);
  /// For who does not mind that the inner store is asked only when the bytes are.
  whole_reading reading_of(const digest& blob, const packed_form& form, order_deadline until);

  // What proves wrong.

  /// May be called on any thread.
  unpacking_told told_of(const digest& blob, const packed_form& form);
  /// The blob counts as missing until it was read once more, and is no more if that shows the same.
  void suspect(const digest& blob, const packed_form& form);
  void convict(const digest& blob, const packed_form& form);

  // Writing.

  using kept = std::function<void(expected<receipt>)>;
  void pack_blob(write_blob order, kept then);
  void packed(const digest& blob, order_deadline until, expected<packing_end> end, const kept& then);
  void keep_form(const digest& blob, const packed_form& form, order_deadline until, done then);
  void keep_segment(const packed_segment& one, order_deadline until, done kept);
  /// One that is there already heals what it is a part of only if it is right.
  void check_segment(const packed_segment& one, order_deadline until, done kept);
  void replace_segment(const packed_segment& one, order_deadline until, done kept);
  void keep_batch(const std::shared_ptr<batch_write>& batch);
  void kept_batch(const std::shared_ptr<batch_write>& batch, receipts kept);
  void keep_forms(const std::shared_ptr<batch_write>& batch);

  const setting with_;
  const store_actor index_;
  form_library forms_;
  proofs proofs_;
  deadlines times_;
  std::unordered_map<digest, bool> suspects_;  // whether it was written since
  std::unordered_map<digest, std::vector<std::shared_ptr<awaited<void>>>> repacking_;
  store_observers listeners_;
};

}  // namespace kiln::compressing
