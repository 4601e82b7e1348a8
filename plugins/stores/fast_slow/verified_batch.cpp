#include "plugins/stores/fast_slow/verified_batch.hpp"

#include <utility>

#include "core/contract/checked_source.hpp"

namespace kiln::fast_slow {
namespace {

verified_batch check_entries(write_blobs& batch, errc blame) {
  verified_batch all;
  all.good.until = batch.until;
  for (auto& entry : batch.entries) {
    auto right = caught([&] { return check(entry.blob, entry.content, blame); });
    all.places.push_back(right ? verified_batch::right : verified_batch::wrong);
    if (right)
      all.good.entries.push_back(std::move(entry));
    else
      all.refusals.results.emplace_back(failure(right.error()));
  }
  return all;
}

}  // namespace

receipts verified_batch::join(std::vector<expected<receipt>> kept) const {
  return join_results<receipts>(places, {receipts{std::move(kept)}, refusals});
}

void verify(const resumable_store& home, const std::shared_ptr<thread_pool>& hashing, write_blobs batch,
            errc blame, std::function<void(verified_batch)> then) {
  std::size_t size = 0;
  for (const auto& entry : batch.entries) size += entry.content.size();
  if (size <= hashed_in_place) return then(check_entries(batch, blame));
  const std::size_t count = batch.entries.size();
  auto all = std::make_shared<write_blobs>(std::move(batch));
  auto work = [all, blame]() -> expected<verified_batch> { return check_entries(*all, blame); };
  offload(home, *hashing, std::move(work), [count, then = std::move(then)](expected<verified_batch> checked) {
    if (checked) return then(std::move(*checked));
    then({homes(count, verified_batch::wrong), {}, {{count, failure(checked.error())}}});
  });
}

std::vector<digest> names_in(const write_blobs& batch) {
  std::vector<digest> names;
  names.reserve(batch.entries.size());
  for (const auto& entry : batch.entries) names.push_back(entry.blob);
  return names;
}

}  // namespace kiln::fast_slow
