#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kiln {

/// A part of a blob, as `Range` asks for it (RFC 9110, 14.2).
struct http_range {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
  bool satisfiable = true;
};

/// None where the whole is to be sent: no range, several, or one that is not understood.
std::optional<http_range> read_http_range(std::string_view field, std::uint64_t blob_size);

/// Whether a list like "gzip, zstd;q=0.5" takes this coding.
bool accepts_coding(std::string_view accept_encoding, std::string_view coding);

}  // namespace kiln
