#include "plugins/stores/chunked/chunked_state.hpp"
#include "plugins/stores/chunked/gathered_batch.hpp"
#include "plugins/stores/chunked/proven_part.hpp"

namespace kiln::chunked {
namespace {

bool is_missing(const expected<bytes>& one) {
  return !one && one.error().code() == errc::not_found;
}

}  // namespace

caf::result<missing_blobs> chunked_state::find_those_missing(find_missing order) {
  auto asker = make_answer<missing_blobs>(self_);
  hear(
      self_->request(inner_, caf::infinite, std::move(order)),
      [this, asker](missing_blobs& missing) mutable {
        auto large = large_ones(missing.blobs);
        if (large.empty()) return asker.deliver(std::move(missing));
        library_.find_present(large, [asker, missing](auto composed) mutable {
          if (!composed) return asker.deliver(failure(std::move(composed).error()));
          std::erase_if(missing.blobs, [&](const digest& blob) { return composed->contains(blob); });
          asker.deliver(std::move(missing));
        });
      },
      fails(asker));
  return asker;
}

void chunked_state::read_composed(const composition& whole, const read_blob& order,
                                  answer<blob_content> asker) {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  if (order.offset > size)
    return asker.deliver(
        fail(errc::out_of_range, "offset {} is behind the end of blob {}", order.offset, order.blob));
  if (order.offset == size) return asker.deliver(blob_content{size, {}, nullptr});
  if (order.offset == 0 && (order.limit == 0 || order.limit >= size))
    return asker.deliver(blob_content{size, {}, open(order.blob, whole)});
  read_part(whole, order, asker);
}

// That each chunk has its digest does not say that they are this blob.
void chunked_state::read_part(const composition& whole, const read_blob& order, answer<blob_content> asker) {
  proven_.prove(order.blob, whole, [=, this](const expected<void>& right) mutable {
    if (!right) return asker.deliver(failure(right.error()));
    auto part = proven_part(self_->system(), inner_, whole, order.offset, order.limit, hashing_,
                            wrong_of(order.blob));
    asker.deliver(blob_content{static_cast<std::uint64_t>(order.blob.size),
                               {},
                               std::make_shared<composed_source>(whole, std::move(part))});
  });
}

caf::result<blob_content> chunked_state::read(const read_blob& order) {
  auto asker = make_answer<blob_content>(self_);
  hear(
      self_->request(inner_, caf::infinite, order),
      [asker](blob_content& content) mutable { asker.deliver(std::move(content)); },
      [this, asker, order](const caf::error& raw) mutable {
        auto fault = from_caf(raw);
        if (fault.code() != errc::not_found) return asker.deliver(failure(fault));
        library_.find({order.blob}, [=, this](expected<library::found> composed) mutable {
          if (!composed) return asker.deliver(failure(std::move(composed).error()));
          if (composed->empty()) return asker.deliver(failure(fault));
          read_composed(composed->begin()->second, order, asker);
        });
      });
  return asker;
}

caf::result<blob_batch> chunked_state::read_batch(read_blobs order) {
  auto asker = make_answer<blob_batch>(self_);
  auto asked = order.blobs;
  hear(
      self_->request(inner_, caf::infinite, std::move(order)),
      [this, asker, asked = std::move(asked)](blob_batch& batch) mutable {
        std::vector<std::size_t> gaps;
        for (std::size_t i = 0; i < asked.size() && i < batch.results.size(); ++i)
          if (is_missing(batch.results[i]) && is_large(asked[i])) gaps.push_back(i);
        if (gaps.empty()) return asker.deliver(std::move(batch));
        fill_gaps(asked, gaps, std::move(batch), asker);
      },
      fails(asker));
  return asker;
}

// The asker bounds the sum of a batch, so the composed ones may be gathered at once.
void chunked_state::fill_gaps(const std::vector<digest>& asked, const std::vector<std::size_t>& gaps,
                              blob_batch batch, answer<blob_batch> asker) {
  auto state = std::make_shared<gathered_batch>(gathered_batch{std::move(batch), asker});
  std::vector<digest> absent;
  for (auto i : gaps) absent.push_back(asked[i]);
  library_.find(absent, [this, asked, gaps, state](expected<library::found> composed) {
    if (!composed) return state->asker.deliver(failure(std::move(composed).error()));
    for (auto i : gaps) {
      auto whole = composed->find(asked[i]);
      if (whole == composed->end()) continue;
      ++state->left;
      collect(open(asked[i], whole->second), static_cast<std::size_t>(asked[i].size),
              back_here([state, i](expected<bytes> content) {
                state->batch.results[i] = std::move(content);
                state->one_less();
              }));
    }
    state->one_less();
  });
}

}  // namespace kiln::chunked
