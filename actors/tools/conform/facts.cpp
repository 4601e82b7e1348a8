#include "actors/tools/conform/facts.hpp"

#include <algorithm>
#include <array>

namespace kiln::conform {

std::vector<digest_kind> facts::functions() const {
  std::vector<digest_kind> known;
  for (int number : cache().digest_functions()) {
    auto function = static_cast<digest_kind>(number);
    if (hash_length(function) > 0) known.push_back(function);
  }
  std::stable_partition(known.begin(), known.end(), [](auto f) { return f == v2::DigestFunction::SHA256; });
  if (known.empty()) known.push_back(v2::DigestFunction::SHA256);
  return known;
}

bool facts::announces(digest_kind function) const {
  const auto& all = cache().digest_functions();
  return std::find(all.begin(), all.end(), function) != all.end();
}

bool facts::announces(compressor_kind form) const {
  const auto& all = cache().supported_compressors();
  return form == v2::Compressor::IDENTITY || std::find(all.begin(), all.end(), form) != all.end();
}

bool facts::announces_batch(compressor_kind form) const {
  const auto& all = cache().supported_batch_update_compressors();
  return form == v2::Compressor::IDENTITY || std::find(all.begin(), all.end(), form) != all.end();
}

std::int64_t facts::batch_limit() const {
  constexpr std::int64_t usual = (4 << 20) - (64 << 10);
  auto limit = cache().max_batch_total_size_bytes();
  return limit > 0 ? limit : usual;
}

std::string facts::missing_for(needs what) const {
  struct feature {
    needs what;
    bool there;
    std::string_view otherwise;
  };
  const std::array<feature, 9> features{{
      {needs::cache, announced.has_cache_capabilities(), "no cache is announced"},
      {needs::action_cache_updates, cache().action_cache_update_capabilities().update_enabled(),
       "updates of the action cache are not announced"},
      {needs::execution, execution().exec_enabled(), "execution is not announced"},
      {needs::worker, has_worker, "no worker ran /bin/sh for us"},
      {needs::split, cache().split_blob_support(), "SplitBlob is not announced"},
      {needs::splice, cache().splice_blob_support(), "SpliceBlob is not announced"},
      {needs::zstd, announces(v2::Compressor::ZSTD), "zstd is not announced"},
      {needs::filling, fill > 0, "the cache must not be filled without --fill"},
      {needs::batch_zstd, announces_batch(v2::Compressor::ZSTD), "zstd in batches is not announced"},
  }};
  for (const auto& one : features)
    if (has(what, one.what) && !one.there) return std::string(one.otherwise);
  return {};
}

}  // namespace kiln::conform
