#include <caf/send.hpp>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "plugins/stores/fast_slow/content_state.hpp"
#include "plugins/stores/fast_slow/joining_source.hpp"
#include "plugins/stores/fast_slow/verified_batch.hpp"

namespace kiln::fast_slow {

caf::result<blob_content> content_state::take(read_blob& order) {
  if (bypasses(order.blob) || !fast_is_read()) return self()->delegate(slow(), std::move(order));
  auto asker = owe<read_blob>();
  order.takes = blob_form::plain;  // to go on elsewhere, and to fill, takes the bytes themselves
  ask(fast(), order, [this, asker, order](expected<blob_content> content) mutable {
    auto deliver = [asker](expected<blob_content> said) mutable { asker.deliver(std::move(said)); };
    if (!content) {
      note_fast_failure(order.blob, order.until, content.error());
      return missed(order, std::move(deliver));
    }
    fast_reads_.add();
    deliver(guarded(order, std::move(*content)));
  });
  return asker;
}

blob_content content_state::guarded(const read_blob& order, blob_content content) {
  if (!content.rest) return content;
  auto failed = [this, home = home(), blob = order.blob, until = order.until](const error& why) {
    caf::anon_send(home, resume{[=, this] { note_fast_failure(blob, until, why); }});
  };
  content.rest = falling_back(std::move(content.rest), order.offset, !content.head.empty(),
                              from_anywhere(order, &content_state::missed), std::move(failed));
  return content;
}

void content_state::note_fast_failure(const digest& blob, order_deadline until, const error& why) {
  if (why.code() == errc::data_loss) drop_fast_copy(blob, until);
}

void content_state::missed(const read_blob& order, opening then) {
  slow_reads_.add();
  if (!reads_fill()) return ask_slow(order, std::move(then));
  if (is_whole(order)) return fills_.read(order, std::move(then));
  ask_slow(order, std::move(then));
  if (static_cast<std::uint64_t>(order.blob.size) <= options().fill_ranges_up_to.bytes)
    fills_.fill(order.blob, [](const expected<void>&) {});
}

void content_state::ask_slow(const read_blob& order, opening then) {
  ask(slow(), order, std::move(then));
}

// The fast store has it by now, or the slow one gives the rest.
void content_state::go_on(const read_blob& order, opening then) {
  ask(fast(), order, [this, order, then = std::move(then)](expected<blob_content> content) mutable {
    content ? then(std::move(content)) : ask_slow(order, std::move(then));
  });
}

open_elsewhere content_state::from_anywhere(const read_blob& order,
                                            void (content_state::*how)(const read_blob&, opening)) {
  return [this, home = home(), order, how](std::uint64_t offset, opening then) {
    read_blob rest = order;
    rest.offset = offset;
    caf::anon_send(home, resume{[this, rest, how, then = std::move(then)]() mutable {
                     (this->*how)(rest, std::move(then));
                   }});
  };
}

/// A batch that was asked for, and what came so far.
struct content_state::batch_read {
  read_blobs order;
  answer<blob_batch> asker;
  blob_batch found;
  std::vector<std::size_t> gaps;  ///< places that the slow store is asked for
};

caf::result<blob_batch> content_state::take(read_blobs& order) {
  auto asker = owe<read_blobs>();
  auto batch = std::make_shared<batch_read>(batch_read{std::move(order), asker, {}, {}});
  const auto& blobs = batch->order.blobs;
  batch->found.results.resize(blobs.size());
  read_blobs near{{}, batch->order.until};
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    const bool is_far = bypasses(blobs[i]) || !fast_is_read();
    (is_far ? batch->gaps : places).push_back(i);
    if (!is_far) near.blobs.push_back(blobs[i]);
  }
  ask_each(fast(), std::move(near), [this, batch, places](std::vector<expected<bytes>> found) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!found[i]) {
        note_fast_failure(batch->order.blobs[places[i]], batch->order.until, found[i].error());
        batch->gaps.push_back(places[i]);
        continue;
      }
      fast_reads_.add();
      batch->found.results[places[i]] = std::move(found[i]);
    }
    read_gaps(batch);
  });
  return asker;
}

void content_state::read_gaps(const std::shared_ptr<batch_read>& batch) {
  slow_reads_.add(batch->gaps.size());
  read_blobs far{{}, batch->order.until};
  for (const std::size_t at : batch->gaps) far.blobs.push_back(batch->order.blobs[at]);
  ask_each(slow(), std::move(far), [this, batch](std::vector<expected<bytes>> found) {
    for (std::size_t i = 0; i < batch->gaps.size(); ++i)
      batch->found.results[batch->gaps[i]] = std::move(found[i]);
    if (reads_fill()) fill_beside(*batch);
    batch->asker.deliver(std::move(batch->found));
  });
}

void content_state::fill_beside(const batch_read& batch) {
  write_blobs some{{}, batch.order.until};
  std::uint64_t size = 0;
  for (const std::size_t at : batch.gaps) {
    const auto& found = batch.found.results[at];
    const digest& blob = batch.order.blobs[at];
    if (!found || bypasses(blob)) continue;
    size += found->size();
    some.entries.push_back({blob, *found});
  }
  if (some.entries.empty() || !with().room->take(size)) return;
  std::shared_ptr<void> held(nullptr, [room = with().room, size](void*) { room->give_back(size); });
  write_verified(std::move(some), [held](const std::vector<expected<receipt>>&) {});
}

}  // namespace kiln::fast_slow
