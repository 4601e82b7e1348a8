#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "core/base/bytes.hpp"

/// What the fuzz targets share. A target takes any bytes, and ends the process when a promise is broken.
namespace kiln::test {

/// Says which promise was broken, and aborts.
inline void must(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes the first byte off, which chooses; 0 when nothing is left.
inline unsigned take_choice(std::string_view& from) {
  if (from.empty()) return 0;
  auto choice = static_cast<unsigned char>(from.front());
  from.remove_prefix(1);
  return choice;
}

/// Each piece in memory of its own, so that a step across its end shows. `size` 0: a single piece.
inline byte_chain in_pieces(std::string_view text, std::size_t size) {
  byte_chain chain;
  if (size == 0) size = text.size();
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    chain.append(bytes::copy_of(text.substr(0, size)));
  return chain;
}

}  // namespace kiln::test
