#include "actors/services/content_addressable_storage/batch_compression.hpp"

#include <algorithm>

#include "core/compress/zstd.hpp"

namespace kiln {
namespace {

// Of less there is nothing to be gained: a message has as much beside each blob.
constexpr std::size_t worth_packing = 128;

}  // namespace

bool any_compressed(const std::vector<update_request::entry>& entries) noexcept {
  return std::any_of(entries.begin(), entries.end(),
                     [](const auto& entry) { return entry.form != compressor::identity; });
}

void unpack(std::vector<update_request::entry>& entries, std::vector<error>& outcomes, unsigned window_log) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto& entry = entries[i];
    if (!outcomes[i].ok() || entry.form != compressor::zstd) continue;
    auto plain = zstd_decode(entry.data.view(), static_cast<std::uint64_t>(entry.blob.size), window_log);
    if (plain)
      entry.data = std::move(*plain);
    else
      outcomes[i] = plain.error();
  }
}

std::vector<compressor> pack(std::vector<expected<bytes>>& blobs, int level) {
  std::vector<compressor> forms(blobs.size(), compressor::identity);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    if (!blobs[i] || blobs[i]->size() < worth_packing) continue;
    auto frame = zstd_encode(blobs[i]->view(), level, blobs[i]->size() - 1);
    if (!frame) continue;
    blobs[i] = std::move(*frame);
    forms[i] = compressor::zstd;
  }
  return forms;
}

}  // namespace kiln
