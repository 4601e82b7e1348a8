#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <optional>
#include <string>
#include <string_view>

/// Blobs and their names. The names come from OpenSSL where it knows the function, so that what a server
/// shares with us cannot agree with itself.
namespace kiln::conform {

namespace v2 = build::bazel::remote::execution::v2;
using digest_kind = v2::DigestFunction::Value;
using compressor_kind = v2::Compressor::Value;

struct blob {
  std::string data;
  v2::Digest digest;
  digest_kind function = v2::DigestFunction::SHA256;
};

/// Lower-case hexadecimal. Nothing for functions we cannot compute: MURMUR3, VSO, and SHA256TREE of more than
/// 1024 bytes (up to there it is SHA256).
std::optional<std::string> hash_of(std::string_view data, digest_kind function);
/// The length of such a hash, in characters; 0 for functions we cannot compute.
std::size_t hash_length(digest_kind function) noexcept;
/// As it stands in resource names: "blake3".
std::string path_name(digest_kind function);
/// Whether a resource name carries the function's name: SHA256TREE, BLAKE3 and GITSHA1 do.
bool is_named_in_paths(digest_kind function) noexcept;

/// The function must be one that `hash_of` computes for that size.
blob blob_of(std::string data, digest_kind function);

/// `size` bytes that nothing compresses, the same for the same key.
std::string noise(std::uint64_t key, std::size_t size);

/// One zstd frame that says how much it holds.
std::string zstd_frame(std::string_view data, int level = 3);
/// What one or more frames hold, at most `limit` bytes; nothing if they are not zstd.
std::optional<std::string> unzstd(std::string_view frames, std::size_t limit);

}  // namespace kiln::conform
