#include "core/store_kit/split.hpp"

namespace kiln {
namespace {

template <class Answer>
expected<void> all_good(const std::vector<expected<Answer>>& parts) {
  for (const auto& part : parts)
    if (!part) return failure(part.error());
  return {};
}

// Each list keeps the order asked and names nothing twice, so one walk along what was asked merges them.
std::vector<digest> merge_missing(std::span<const digest> asked, const homes& where,
                                  const std::vector<std::vector<digest>>& missing) {
  std::vector<digest> all;
  std::vector<std::size_t> next(missing.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto& part = missing[where[i]];
    auto& at = next[where[i]];
    if (at < part.size() && part[at] == asked[i]) all.push_back(part[at++]);
  }
  return all;
}

}  // namespace

expected<missing_blobs> join_missing(std::span<const digest> asked, const homes& where,
                                     std::vector<expected<missing_blobs>> parts) {
  if (auto good = all_good(parts); !good) return failure(good.error());
  std::vector<std::vector<digest>> missing;
  for (auto& part : parts) missing.push_back(std::move(part->blobs));
  return missing_blobs{merge_missing(asked, where, missing)};
}

expected<leased> join_leases(std::span<const digest> asked, const homes& where,
                             std::vector<expected<leased>> parts) {
  if (auto good = all_good(parts); !good) return failure(good.error());
  std::vector<std::vector<digest>> missing;
  std::vector<std::shared_ptr<const void>> holds;
  for (auto& part : parts) {
    missing.push_back(std::move(part->missing));
    holds.push_back(std::move(part->hold));
  }
  return leased{merge_missing(asked, where, missing), hold_together(std::move(holds))};
}

expected<store_stats> join_stats(const std::vector<expected<store_stats>>& parts) {
  if (auto good = all_good(parts); !good) return failure(good.error());
  store_stats all;
  bool bounded = true;
  for (const auto& part : parts) {
    all.blobs += part->blobs;
    all.bytes += part->bytes;
    all.capacity += part->capacity;
    all.evictions += part->evictions;
    bounded = bounded && part->capacity > 0;
  }
  if (!bounded) all.capacity = 0;
  return all;
}

expected<store_flushed> join_flushed(const std::vector<expected<store_flushed>>& parts) {
  return all_good(parts).map([] { return store_flushed{}; });
}

std::shared_ptr<const void> hold_together(std::vector<std::shared_ptr<const void>> holds) {
  return std::make_shared<const std::vector<std::shared_ptr<const void>>>(std::move(holds));
}

}  // namespace kiln
