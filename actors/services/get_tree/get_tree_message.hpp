#pragma once

#include <cstddef>
#include <string>

#include "actors/services/common/cache_limits.hpp"
#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// What GetTree asks for.
struct get_tree_request {
  digest root;
  std::size_t position = 0;   ///< where the token says to go on
  std::string token;          ///< empty: from the root
  std::size_t page_size = 0;  ///< 0 for any number
};

/// INVALID_ARGUMENT for what cannot be right.
expected<get_tree_request> read_get_tree_request(const byte_chain& from, const cache_limits& limits);

}  // namespace kiln
