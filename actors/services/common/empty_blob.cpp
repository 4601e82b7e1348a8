#include "actors/services/common/empty_blob.hpp"

#include <algorithm>

namespace kiln {

std::vector<digest> without_empty(const std::vector<digest>& asked) {
  std::vector<digest> rest;
  rest.reserve(asked.size());
  std::remove_copy_if(asked.begin(), asked.end(), std::back_inserter(rest), is_empty_blob);
  return rest;
}

expected<std::vector<expected<bytes>>> with_empty(const std::vector<digest>& asked, blob_batch found) {
  auto empty = static_cast<std::size_t>(std::count_if(asked.begin(), asked.end(), is_empty_blob));
  if (found.results.size() + empty != asked.size())
    return fail(errc::internal, "the store answered {} blobs of {}", found.results.size(),
                asked.size() - empty);
  if (empty == 0) return std::move(found.results);
  std::vector<expected<bytes>> all;
  all.reserve(asked.size());
  auto next = found.results.begin();
  for (const auto& blob : asked)
    all.push_back(is_empty_blob(blob) ? expected<bytes>(bytes()) : std::move(*next++));
  return all;
}

}  // namespace kiln
