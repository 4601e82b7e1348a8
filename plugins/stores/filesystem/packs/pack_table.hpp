#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/filesystem/packs/pack_index.hpp"
#include "plugins/stores/filesystem/store/engine.hpp"

namespace kiln::filesystem {

/// Which records a pack has, for as long as the store has not entered them: eight bytes of each hash are in
/// memory, the rest lies in the index file, which is held open. Where there is no such file, all is in
/// memory. Immutable; any thread, but whatever reads a record may block.
class pack_table {
public:
  /// Nothing unless the file is the whole index of a pack of this number and size.
  static std::shared_ptr<const pack_table> of_index(disk& on, descriptor file, std::uint64_t number,
                                                    std::uint64_t pack_size);
  static std::shared_ptr<const pack_table> of_records(std::vector<record> records);

  std::size_t size() const noexcept { return orders_.size(); }
  /// Bytes of the pack up to the end of its last record.
  std::uint64_t covered() const noexcept { return covered_; }
  /// Adds those of this name to `into`.
  disk_result<void> find(disk& on, const digest& blob, std::vector<record>& into) const;
  /// Some of them, from the n-th on, in the order of their hashes.
  disk_result<std::vector<record>> read(disk& on, std::size_t from, std::size_t count) const;

private:
  std::vector<std::uint64_t> orders_;  // sorted
  std::vector<record> records_;        // beside them, or empty
  descriptor index_;
  index_head head_;
  std::uint64_t covered_ = 0;
};
using pack_table_ptr = std::shared_ptr<const pack_table>;

}  // namespace kiln::filesystem
