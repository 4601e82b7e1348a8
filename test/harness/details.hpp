#pragma once

#include <algorithm>
#include <string_view>

#include "core/base/error.hpp"

namespace kiln::test {

inline bool has_detail(const error& fault, std::string_view type) {
  const auto& all = fault.details();
  return std::any_of(all.begin(), all.end(), [&](const error_detail& one) {
    return one.type_url == std::string("type.googleapis.com/google.rpc.") + std::string(type);
  });
}

/// Whether a client is told when to come again. Rule 216.
inline bool asks_to_try_again(const error& fault) {
  return has_detail(fault, "RetryInfo");
}

}  // namespace kiln::test
