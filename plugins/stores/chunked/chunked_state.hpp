#pragma once

#include <algorithm>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/contract/hear.hpp"
#include "core/contract/listeners.hpp"
#include "plugins/stores/chunked/chunked_messages.hpp"
#include "plugins/stores/chunked/layout.hpp"
#include "plugins/stores/chunked/layout_library.hpp"
#include "plugins/stores/chunked/proven_layouts.hpp"
#include "plugins/stores/chunked/proven_source.hpp"

namespace kiln::chunked {

template <class T>
auto fails(answer<T> asker) {
  return [asker](const caf::error& fault) mutable { asker.deliver(fail(from_caf(fault))); };
}

/// Orders about small blobs go straight to the inner store (front.hpp). Of the others, what is found whole
/// there is answered from there: only what is large and missing is looked up among the layouts. Confined to
/// the store's actor.
class chunked_state {
public:
  chunked_state(chunked_actor::pointer self, std::int64_t min_size, store_actor inner, store_actor layouts,
                std::shared_ptr<thread_pool> hashing)
      : self_(self),
        min_size_(min_size),
        inner_(std::move(inner)),
        layouts_(std::move(layouts)),
        hashing_(std::move(hashing)),
        library_(self, inner_, layouts_, hashing_, [this](then next) { return back_here(std::move(next)); }),
        proven_(self, inner_, hashing_, [this](then next) { return back_here(std::move(next)); }) {}

  caf::result<missing_blobs> find_those_missing(find_missing order);
  caf::result<blob_content> read(const read_blob& order);
  caf::result<blob_batch> read_batch(read_blobs order);
  caf::result<receipt> write(write_blob order);
  caf::result<lent_file> lend(const lend_file& order);
  caf::result<leased> lease(lease_blobs order);
  caf::result<forgotten> forget(const forget_blob& order);
  caf::result<store_flushed> flush();
  void watch(const watch_store& order) {
    listeners_.add(order.listener);
    self_->send(inner_, order);
  }
  /// Nobody is told the blob again by this layout, and its true bytes may come.
  void drop_layout(const digest& blob) {
    library_.forget(blob, [](const expected<bool>&) {});
  }
  void remember(const digest& layout) { proven_.remember(layout); }
  void ended(source_ended news) {
    auto place = reading_.extract(news.id);
    if (!place.empty()) place.mapped()(std::move(news.outcome));
  }

private:
  using then = std::function<void(expected<bytes>)>;

  bool is_large(const digest& blob) const noexcept { return blob.size >= min_size_; }
  std::vector<digest> large_ones(const std::vector<digest>& blobs) const {
    std::vector<digest> large;
    std::copy_if(blobs.begin(), blobs.end(), std::back_inserter(large),
                 [this](const digest& blob) { return is_large(blob); });
    return large;
  }
  /// What is read whole is the blob, or does not end well.
  blob_source_ptr open(const digest& blob, const composition& whole) {
    auto right = [to = chunked_actor(self_), layout = proven_layouts::name_of(blob, whole)] {
      caf::anon_send(to, layout_right{layout});
    };
    return proven_source(self_->system(), inner_, blob, whole, hashing_, {wrong_of(blob), right});
  }
  std::function<void()> wrong_of(const digest& blob) {
    return [to = chunked_actor(self_), blob] { caf::anon_send(to, layout_wrong{blob}); };
  }
  /// What may be called on any thread, once, to go on with `next` here.
  then back_here(then next) {
    auto id = next_id_++;
    reading_.emplace(id, std::move(next));
    return [to = chunked_actor(self_), id](expected<bytes> outcome) {
      caf::anon_send(to, source_ended{id, std::move(outcome)});
    };
  }
  void read_composed(const composition& whole, const read_blob& order, answer<blob_content> asker);
  void read_part(const composition& whole, const read_blob& order, answer<blob_content> asker);
  void fill_gaps(const std::vector<digest>& asked, const std::vector<std::size_t>& gaps, blob_batch batch,
                 answer<blob_batch> asker);
  void write_whole(write_blob order, answer<receipt> asker);
  void write_parts(write_blob order, const composition& whole, answer<receipt> asker);
  void compose(write_blob order, const composition& whole, answer<receipt> asker);
  void keep_layout(const digest& blob, const composition& whole, answer<receipt> asker);
  void give_up_copy(receipt kept, const digest& blob, answer<receipt> asker);

  chunked_actor::pointer self_;
  const std::int64_t min_size_;
  const store_actor inner_;
  const store_actor layouts_;
  const std::shared_ptr<thread_pool> hashing_;
  library library_;
  proven_layouts proven_;
  store_listeners listeners_;
  std::unordered_map<std::uint64_t, then> reading_;
  std::uint64_t next_id_ = 0;
};

}  // namespace kiln::chunked
