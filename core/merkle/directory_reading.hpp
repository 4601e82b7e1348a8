#pragma once

#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/merkle/merkle_walk.hpp"

namespace build::bazel::remote::execution::v2 {
class Directory;
}

namespace kiln {

/// Reads one Directory for a walk, in as much detail as the walk keeps.
class directory_reading {
public:
  directory_reading(merkle_walk& walk, walked_tree::place at);
  expected<void> run(const bytes& content);

private:
  expected<void> read_in_place(std::string_view content);
  expected<void> read_node(std::string_view node, bool is_file);
  expected<void> read_canonical(const bytes& content);
  expected<void> add_files(const build::bazel::remote::execution::v2::Directory& from);
  expected<void> add_children(const build::bazel::remote::execution::v2::Directory& from);
  void add_links(const build::bazel::remote::execution::v2::Directory& from);

  walked_tree::text keep(std::string_view some);
  std::string words(std::string_view format, std::string_view entry = {}) const;
  bool keeps(walk_detail detail) const noexcept { return walk_.rules_.detail >= detail; }

  merkle_walk& walk_;
  walked_tree& tree_;
  const walked_tree::place at_;
  const digest name_;
};

}  // namespace kiln
