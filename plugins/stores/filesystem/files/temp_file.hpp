#pragma once

#include <string>

#include "core/base/bytes.hpp"
#include "plugins/stores/filesystem/store/engine.hpp"

namespace kiln::filesystem {

/// A file in temp/ that nobody knows of yet. Removed when it is dropped, unless it was given its name. One
/// thread at a time; dropped on any, the removal itself is done by the thread pool.
class temp_file {
public:
  temp_file() = default;
  temp_file(temp_file&& other) noexcept { *this = std::move(other); }
  temp_file& operator=(temp_file&& other) noexcept;
  ~temp_file();

  enum class way : std::uint8_t { cached, direct };

  /// For thread pool threads, as all that follows. `direct` is past the page cache, where that can be.
  static disk_result<temp_file> create(file_engine_ptr with, way how = way::cached);

  /// Asks the disk for room for so many bytes in all. ENOSPC if there is none.
  disk_result<void> allocate(std::uint64_t bytes);
  /// After an error, what `size` says was taken: nothing of what is smaller than a block.
  disk_result<void> append(const byte_chain& pieces);
  /// No more comes: from here on a reader sees all of it.
  disk_result<void> end();
  /// Of what has ended.
  disk_result<void> sync();
  /// Other files of its group are synced with it: it needs no descriptor of its own any more.
  void close() noexcept { file_ = {}; }

  explicit operator bool() const noexcept { return deps_ != nullptr; }
  const std::string& name() const noexcept { return name_; }
  const descriptor& file() const noexcept { return file_; }
  std::uint64_t size() const noexcept { return size_; }
  bool synced() const noexcept { return synced_; }
  /// It has another name now, or is gone.
  void let_go() noexcept { deps_ = nullptr; }

private:
  disk_result<void> append_direct(const byte_chain& pieces);
  disk_result<void> write_block(std::size_t size);
  void drop_block() noexcept;

  file_engine_ptr deps_;
  std::string name_;
  descriptor file_;
  std::uint64_t size_ = 0;
  std::uint64_t started_ = 0;  // bytes that are on their way to the medium
  // Of one that is written past the page cache: the last bytes, which fill less than a block.
  std::unique_ptr<aligned_block> block_;
  std::size_t in_block_ = 0;
  bool synced_ = false;
};

}  // namespace kiln::filesystem
