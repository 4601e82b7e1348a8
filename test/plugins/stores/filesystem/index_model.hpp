#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plugins/stores/filesystem/index/blob_index.hpp"

namespace kiln::test {

/// An index and a disk that is a number: what leaves is gone, and what is to be moved is moved when somebody
/// waits for it.
class modelled_store {
public:
  explicit modelled_store(std::uint64_t capacity, std::size_t blobs = SIZE_MAX, std::size_t at_once = 4096);

  bool use(const digest& blob);
  /// False if there is no room.
  bool put_small(const digest& blob, std::uint32_t size);
  bool put_file(const digest& blob, std::uint64_t size);
  /// Everything that leaves now is moved, or none of it can be.
  void carry();
  void fail_to_carry();

  std::uint64_t pack_size() const noexcept { return pack_size_; }
  std::uint64_t open() const noexcept { return open_; }
  /// Bytes of records that were moved.
  std::uint64_t carried() const noexcept { return carried_; }
  /// The most that lay on the disk at any time.
  std::uint64_t max_on_disk() const noexcept { return max_on_disk_; }
  filesystem::blob_index index;

private:
  bool reserve(std::uint64_t weight);
  filesystem::pack_place place(std::uint32_t size);
  void note(const filesystem::evicted_blobs& gone);

  const std::uint64_t pack_size_;
  std::uint64_t open_ = 0;
  filesystem::pack_ptr current_;
  std::uint64_t filled_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t carried_ = 0;
  std::uint64_t max_on_disk_ = 0;
  std::vector<std::uint64_t> leaving_;
};

/// What is used last leaves last, exactly.
class plain_lru {
public:
  explicit plain_lru(std::uint64_t capacity) : capacity_(capacity) {}
  bool use(const digest& blob);
  void put(const digest& blob, std::uint64_t weight);

private:
  using line = std::list<std::pair<digest, std::uint64_t>>;
  const std::uint64_t capacity_;
  std::uint64_t weight_ = 0;
  line line_;
  std::unordered_map<digest, line::iterator> places_;
};

/// Numbers of which few are drawn often: Zipf's law with exponent 0.9.
class zipf {
public:
  explicit zipf(std::size_t count);
  /// `chance` in [0, 1).
  std::size_t operator()(double chance) const;

private:
  std::vector<double> sums_;
};

digest numbered(std::uint64_t number);

}  // namespace kiln::test
