#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/contract/observers.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/chunked/chunked_options.hpp"
#include "plugins/stores/chunked/known_compositions.hpp"
#include "plugins/stores/chunked/layout.hpp"
#include "plugins/stores/chunked/layout_library.hpp"
#include "plugins/stores/chunked/proven_layouts.hpp"
#include "plugins/stores/chunked/proven_source.hpp"

namespace kiln::chunked {

/// Orders that name no large blob go straight to the inner store. Of the others, what is found whole there is
/// answered from there: only what is large and missing is looked up among the layouts. Confined to the
/// store's actor.
class chunked_state : public store_wrapper {
public:
  /// What it stands on, and has in common with all of its work.
  struct setup {
    store_actor inner;
    store_actor layouts;
    std::shared_ptr<thread_pool> hashing;
    read_ahead ahead;
    std::uint64_t index_bytes;  ///< for composed blobs whose end is told
    const clock* time;
  };
  chunked_state(resumable_store::pointer self, const chunked_options& options, setup with)
      : store_wrapper(self, with.inner),
        min_size_(static_cast<std::int64_t>(options.min_size.bytes)),
        cut_to_(options.cut_to),
        cuts_at_once_(options.cuts_at_once),
        layouts_(std::move(with.layouts)),
        hashing_(std::move(with.hashing)),
        ahead_(std::move(with.ahead)),
        known_(listeners_, with.index_bytes, *with.time),
        library_(self, with.inner, layouts_, hashing_, known_,
                 [this](const digest& blob) { drop_layout(blob); }),
        proven_(self, with.inner, hashing_, ahead_, *with.time,
                [this](const digest& blob) { drop_layout(blob); }) {}

  caf::result<missing_blobs> take(find_missing& order);
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<lent_files> take(lend_files& order);
  caf::result<leased> take(lease_blobs& order);
  caf::result<forgotten> take(forget_blob& order);
  caf::result<store_flushed> take(const flush_store& order);
  void take(watch_store& order);
  void take(const blobs_evicted& news) { known_.left(news.blobs); }

private:
  bool is_large(const digest& blob) const noexcept { return blob.size >= min_size_; }
  bool any_large(const std::vector<digest>& blobs) const noexcept {
    return std::any_of(blobs.begin(), blobs.end(), [this](const digest& blob) { return is_large(blob); });
  }
  std::vector<digest> large_ones(const std::vector<digest>& blobs) const {
    std::vector<digest> large;
    std::copy_if(blobs.begin(), blobs.end(), std::back_inserter(large),
                 [this](const digest& blob) { return is_large(blob); });
    return large;
  }
  /// Of a batch, the places of large blobs that are not there as a whole.
  template <class Results>
  std::vector<std::size_t> gaps_in(const std::vector<digest>& asked, const Results& results) const {
    std::vector<std::size_t> gaps;
    for (std::size_t i = 0; i < asked.size() && i < results.size(); ++i)
      if (is_large(asked[i]) && !results[i] && results[i].error().code() == errc::not_found)
        gaps.push_back(i);
    return gaps;
  }

  /// Nobody is told the blob again by this layout, and its true bytes may come.
  void drop_layout(const digest& blob) {
    known_.goes(blob);
    library_.forget(blob, waits_for_ever, [](const expected<bool>&) {});
  }
  /// What is read whole is the blob, or does not end well.
  blob_source_ptr open(const digest& blob, const composition& whole, order_deadline until);
  /// May be called on any thread.
  std::function<void()> wrong_of(const digest& blob);

  void read_composed(const composition& whole, const read_blob& order, answer<blob_content> asker);
  void read_part(const composition& whole, const read_blob& order, answer<blob_content> asker);
  void fill_gaps(const read_blobs& order, const std::vector<std::size_t>& gaps, blob_batch batch,
                 answer<blob_batch> asker);
  void lend_copies(const lend_files& order, std::vector<std::size_t> gaps, lent_files lent,
                   answer<lent_files> asker);
  void lease_parts(const library::found& composed, order_deadline until, leased whole_ones,
                   answer<leased> asker);
  void write_whole(write_blob order, answer<receipt> asker);
  /// It comes whole, and is to be kept in chunks.
  bool may_cut(const write_blob& order) const noexcept;
  void write_cut(write_blob order, answer<receipt> asker);
  void cut(write_blob order, answer<receipt> asker);
  void write_parts(write_blob order, answer<receipt> asker);
  void compose(write_blob order, known_compositions::ticket known, answer<receipt> asker);
  void keep_layout(const digest& blob, const composition& whole, known_compositions::ticket known,
                   order_deadline until, answer<receipt> asker);
  void give_up_copy(receipt kept, forget_blob copy, known_compositions::ticket known, answer<receipt> asker);

  const std::int64_t min_size_;
  const std::optional<byte_size> cut_to_;
  const std::size_t cuts_at_once_;
  const std::shared_ptr<std::size_t> cuts_ = std::make_shared<std::size_t>(0);
  const store_actor layouts_;
  const std::shared_ptr<thread_pool> hashing_;
  const read_ahead ahead_;
  store_observers listeners_;
  known_compositions known_;
  library library_;
  proven_layouts proven_;
};

}  // namespace kiln::chunked
