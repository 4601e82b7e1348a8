#pragma once

#include <string>
#include <string_view>

#include "core/digest/digest.hpp"

/// How blobs are called in ByteStream:
///
///     {instance/}blobs/{function/}{hash}/{size}
///     {instance/}compressed-blobs/{compressor}/{function/}{hash}/{size}
///
/// with `uploads/{uuid}/` in front of "blobs" for writes, and anything after the size. The instance may have
/// several segments, but none that is a keyword of the API, so a name reads in one way only. An empty
/// instance may still have its slash: "/blobs/...", "/uploads/...".
namespace kiln {

/// With REAPI's numbers (Compressor.Value).
enum class compressor : std::uint8_t { identity = 0, zstd = 1, deflate = 2, brotli = 3 };

/// As it stands in resource names: "zstd".
std::string_view name_of(compressor which) noexcept;

struct resource_name {
  std::string instance;
  digest blob;  ///< of the uncompressed bytes
  compressor form = compressor::identity;
  std::string uuid;  ///< of an upload; empty for reads. Any text: not every client sends a UUID
  /// Off: the function is not named where it would have to be, for a server that knows one only.
  bool names_function = true;
};

/// INVALID_ARGUMENT, saying which part is wrong, for anything that is not a name of a blob to be read.
expected<resource_name> parse_read_name(std::string_view name);
/// The same for the name of an upload. Trailing segments are the client's own and ignored.
expected<resource_name> parse_write_name(std::string_view name);

std::string make_read_name(const resource_name& what);
std::string make_write_name(const resource_name& what);

/// Whether this can be an instance's name: segments that are not empty and not keywords; or nothing at all.
expected<void> check_instance_name(std::string_view instance);
/// The same, for who has no sentence to say.
bool may_be_instance(std::string_view instance) noexcept;

}  // namespace kiln
