#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/filesystem/index/blob_index.hpp"

/// Blobs, packs and places for the tests of the index, without a disk.
namespace kiln::filesystem::test {

inline constexpr std::uint64_t block = blob_index::block;
inline constexpr std::uint64_t none_open = 1'000'000;

inline digest blob(std::uint64_t number) {
  return digest_of("blob " + std::to_string(number));
}

inline blob_index::limits room_for(std::uint64_t blocks) {
  return {blocks * block, 0, 1 << 20, 1 << 16};
}

inline pack_ptr pack(std::uint64_t number) {
  auto file = std::make_shared<pack_file>();
  file->number = number;
  return file;
}

// A blob of 1000 bytes at the n-th place of a pack.
inline pack_place place(const pack_ptr& in, std::uint64_t n) {
  return {in, pack_head_size + n * record_size(1000) + header_size(digest_function::sha256), 1000, 0};
}

inline std::vector<digest> evict(blob_index& index, std::uint64_t weight) {
  evicted_blobs gone;
  BOOST_TEST((index.reserve(weight, none_open, gone) == room::made));
  index.release(weight);
  return gone.blobs;
}

}  // namespace kiln::filesystem::test
