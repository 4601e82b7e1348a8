#pragma once

#include <cstddef>
#include <string_view>

#include "core/digest/digest.hpp"

namespace build::bazel::remote::execution::v2 {
class Digest;
}

namespace kiln {

/// INVALID_ARGUMENT unless it is exactly a digest of this function.
expected<digest> from_wire(const build::bazel::remote::execution::v2::Digest& digest,
                           digest_function function);
void to_wire(const digest& from, build::bazel::remote::execution::v2::Digest* to);

/// A Digest as it lies in a message: not yet looked at.
struct wire_digest {
  std::string_view hash;
  std::int64_t size = 0;
};
/// Reads an encoded Digest; false if it is none. Later fields win, as everywhere in protobuf.
bool read_digest(std::string_view encoded, wire_digest& into);

/// The digest function a request means: the one it names, or, where it names none (0), the one that its
/// digests' length stands for among those that need not be named. INVALID_ARGUMENT if there is none or the
/// length is not the function's.
expected<digest_function> resolve_function(int wire_value, std::size_t hex_length);

}  // namespace kiln
