#include "core/contract/router.hpp"

#include <algorithm>

namespace kiln {

void router::add(std::string method, route where) {
  routes_.insert_or_assign(std::move(method), std::move(where));
}

const route* router::find(std::string_view method) const noexcept {
  auto found = routes_.find(method);
  return found == routes_.end() ? nullptr : &found->second;
}

std::vector<std::string> router::services() const {
  std::vector<std::string> names;
  for (const auto& [method, where] : routes_) names.push_back(method.substr(1, method.rfind('/') - 1));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace kiln
