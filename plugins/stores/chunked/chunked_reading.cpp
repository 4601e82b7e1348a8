#include "core/store_kit/batch_answer.hpp"
#include "plugins/stores/chunked/chunked_state.hpp"
#include "plugins/stores/chunked/proven_part.hpp"

namespace kiln::chunked {

caf::result<missing_blobs> chunked_state::take(find_missing& order) {
  if (!any_large(order.blobs)) return pass_on(order);
  auto asker = owe<find_missing>();
  const auto until = order.until;
  ask(std::move(order), [this, asker, until](expected<missing_blobs> missing) mutable {
    if (!missing) return asker.deliver(std::move(missing));
    auto large = large_ones(missing->blobs);
    if (large.empty()) return asker.deliver(std::move(missing));
    library_.find_present(large, until, [asker, missing = std::move(*missing)](auto composed) mutable {
      if (!composed) return asker.deliver(failure(std::move(composed).error()));
      std::erase_if(missing.blobs, [&](const digest& blob) { return composed->contains(blob); });
      asker.deliver(std::move(missing));
    });
  });
  return asker;
}

void chunked_state::read_composed(const composition& whole, const read_blob& order,
                                  answer<blob_content> asker) {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  if (order.offset > size)
    return asker.deliver(
        fail(errc::out_of_range, "offset {} is behind the end of blob {}", order.offset, order.blob));
  if (order.offset == size) return asker.deliver(blob_content{{}, nullptr, whole});
  if (order.offset == 0 && (order.limit == 0 || order.limit >= size))
    return asker.deliver(blob_content{{}, open(order.blob, whole, order.until), whole});
  read_part(whole, order, asker);
}

// That each chunk has its digest does not say that they are this blob.
void chunked_state::read_part(const composition& whole, const read_blob& order, answer<blob_content> asker) {
  proven_.prove(order.blob, whole, order.until, [=, this](const expected<void>& right) mutable {
    if (!right) return asker.deliver(failure(right.error()));
    auto part = proven_part(self()->system(), inner(), whole, order, hashing_, wrong_of(order.blob), ahead_);
    asker.deliver(blob_content{{}, std::move(part), whole});
  });
}

caf::result<blob_content> chunked_state::take(read_blob& order) {
  if (!is_large(order.blob)) return pass_on(order);
  auto asker = owe<read_blob>();
  ask_as_it_is(order, [this, asker, order](expected<blob_content> content) mutable {
    if (content || content.error().code() != errc::not_found) return asker.deliver(std::move(content));
    library_.find({order.blob}, order.until, [=, this](expected<library::found> composed) mutable {
      if (!composed) return asker.deliver(failure(std::move(composed).error()));
      if (composed->empty()) return asker.deliver(std::move(content));
      read_composed(composed->begin()->second, order, asker);
    });
  });
  return asker;
}

caf::result<blob_batch> chunked_state::take(read_blobs& order) {
  if (!any_large(order.blobs)) return pass_on(order);
  auto asker = owe<read_blobs>();
  auto asked = order;
  ask(std::move(order), [this, asker, asked = std::move(asked)](expected<blob_batch> batch) mutable {
    if (!batch) return asker.deliver(std::move(batch));
    auto gaps = gaps_in(asked.blobs, batch->results);
    if (gaps.empty()) return asker.deliver(std::move(batch));
    fill_gaps(asked, gaps, std::move(*batch), asker);
  });
  return asker;
}

// The asker bounds the sum of a batch, so the composed ones may be gathered at once.
void chunked_state::fill_gaps(const read_blobs& order, const std::vector<std::size_t>& gaps, blob_batch batch,
                              answer<blob_batch> asker) {
  std::vector<digest> absent;
  for (auto i : gaps) absent.push_back(order.blobs[i]);
  auto fill = [=, this, batch = std::move(batch)](expected<library::found> composed) mutable {
    if (!composed) return asker.deliver(failure(std::move(composed).error()));
    batch_answer<blob_batch> all(asker, order.blobs.size());
    for (std::size_t i = 0; i < batch.results.size(); ++i) {
      const auto& blob = order.blobs[i];
      auto whole = batch.results[i] ? composed->end() : composed->find(blob);
      if (whole == composed->end()) {
        all[i].deliver(std::move(batch.results[i]));
        continue;
      }
      collect(open(blob, whole->second, order.until), static_cast<std::size_t>(blob.size),
              come_home<bytes>(resumable_store(self()), [place = all[i]](expected<bytes> content) mutable {
                place.deliver(std::move(content));
              }));
    }
  };
  library_.find(absent, order.until, std::move(fill));
}

}  // namespace kiln::chunked
