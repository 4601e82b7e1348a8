#pragma once

#include <cstddef>
#include <string>

#include "core/base/random.hpp"

namespace kiln::test {

/// Bytes that repeat nothing, always the same for a size.
inline std::string noise(std::size_t size) {
  auto random = make_seeded_random(size);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random->next());
  return text;
}

}  // namespace kiln::test
