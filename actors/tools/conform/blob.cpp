#include "actors/tools/conform/blob.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "core/digest/digest.hpp"

namespace kiln::conform {
namespace {

std::string evp_hash(std::string_view data, const EVP_MD* function) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), hash.data(), &size, function, nullptr);
  return fmt::format("{:02x}", fmt::join(hash.begin(), hash.begin() + size, ""));
}

}  // namespace

std::optional<std::string> hash_of(std::string_view data, digest_kind function) {
  switch (function) {
    case v2::DigestFunction::SHA256:
      return evp_hash(data, EVP_sha256());
    case v2::DigestFunction::SHA1:
      return evp_hash(data, EVP_sha1());
    case v2::DigestFunction::MD5:
      return evp_hash(data, EVP_md5());
    case v2::DigestFunction::SHA384:
      return evp_hash(data, EVP_sha384());
    case v2::DigestFunction::SHA512:
      return evp_hash(data, EVP_sha512());
    case v2::DigestFunction::SHA256TREE:
      if (data.size() > 1024) return std::nullopt;
      return evp_hash(data, EVP_sha256());
    case v2::DigestFunction::BLAKE3:
      return digest_of(data, digest_function::blake3).hex();
    case v2::DigestFunction::GITSHA1:
      return evp_hash(fmt::format("blob {}", data.size()) + '\0' + std::string(data), EVP_sha1());
    default:
      return std::nullopt;
  }
}

std::size_t hash_length(digest_kind function) noexcept {
  switch (function) {
    case v2::DigestFunction::MD5:
      return 32;
    case v2::DigestFunction::SHA1:
    case v2::DigestFunction::GITSHA1:
      return 40;
    case v2::DigestFunction::SHA256:
    case v2::DigestFunction::SHA256TREE:
    case v2::DigestFunction::BLAKE3:
      return 64;
    case v2::DigestFunction::SHA384:
      return 96;
    case v2::DigestFunction::SHA512:
      return 128;
    default:
      return 0;
  }
}

std::string path_name(digest_kind function) {
  std::string name = v2::DigestFunction::Value_Name(function);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

bool is_named_in_paths(digest_kind function) noexcept {
  return function > v2::DigestFunction::MURMUR3;
}

blob blob_of(std::string data, digest_kind function) {
  blob made{std::move(data), {}, function};
  made.digest.set_hash(hash_of(made.data, function).value_or(""));
  made.digest.set_size_bytes(static_cast<std::int64_t>(made.data.size()));
  return made;
}

std::string noise(std::uint64_t key, std::size_t size) {
  std::string made(size + 8, '\0');
  std::uint64_t state = key * 0x9e3779b97f4a7c15 | 1;
  for (std::size_t i = 0; i < size; i += 8) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;  // xorshift64
    std::memcpy(made.data() + i, &state, 8);
  }
  made.resize(size);
  return made;
}

std::string zstd_frame(std::string_view data, int level) {
  std::string frame(ZSTD_compressBound(data.size()), '\0');
  auto size = ZSTD_compress(frame.data(), frame.size(), data.data(), data.size(), level);
  frame.resize(ZSTD_isError(size) != 0 ? 0 : size);
  return frame;
}

std::optional<std::string> unzstd(std::string_view frames, std::size_t limit) {
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  std::string plain(limit + 1, '\0');
  ZSTD_outBuffer out{plain.data(), plain.size(), 0};
  ZSTD_inBuffer in{frames.data(), frames.size(), 0};
  std::size_t left = 0;
  while (in.pos < in.size && out.pos < out.size) {
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) != 0) return std::nullopt;
  }
  if (left != 0 || out.pos > limit) return std::nullopt;
  plain.resize(out.pos);
  return plain;
}

}  // namespace kiln::conform
