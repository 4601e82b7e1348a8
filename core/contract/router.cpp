#include "core/contract/router.hpp"

#include <algorithm>

namespace kiln {

void router::add(std::string method, route where) {
  routes_.insert_or_assign(std::move(method), std::move(where));
}

void router::add_prefix(std::string prefix, route where) {
  auto shorter = std::find_if(prefixes_.begin(), prefixes_.end(),
                              [&](const auto& known) { return known.first.size() <= prefix.size(); });
  if (shorter != prefixes_.end() && shorter->first == prefix)
    shorter->second = std::move(where);
  else
    prefixes_.emplace(shorter, std::move(prefix), std::move(where));
}

const route* router::find(std::string_view method) const noexcept {
  if (auto found = routes_.find(method); found != routes_.end()) return &found->second;
  for (const auto& [prefix, where] : prefixes_)
    if (method.starts_with(prefix)) return &where;
  return nullptr;
}

std::vector<std::string> router::services() const {
  std::vector<std::string> names;
  for (const auto& [method, where] : routes_) names.push_back(method.substr(1, method.rfind('/') - 1));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace kiln
