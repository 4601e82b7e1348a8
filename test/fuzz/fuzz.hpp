#pragma once

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

/// Each piece in memory of its own, so that a step across its end shows; what is left after the 32nd is one
/// piece, for each costs as much as reading a hundred bytes. `size` 0: a single piece.
inline byte_chain in_pieces(std::string_view text, std::size_t size) {
  byte_chain chain;
  for (int left = size == 0 ? 0 : 32; left > 0 && text.size() > size; --left, text.remove_prefix(size))
    chain.append(bytes::copy_of(text.substr(0, size)));
  if (!text.empty()) chain.append(bytes::copy_of(text));
  return chain;
}

}  // namespace kiln::test
