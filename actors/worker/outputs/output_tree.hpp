#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/worker/outputs/output_collector.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"

namespace kiln {

/// One output folder (what nobody would take of one is not made), from the leaves up: every Directory in its
/// canonical form, and the Tree of them with each directory before those that it holds, so that equal folders
/// give equal bytes, with the times and modes that were asked for in them as well.
class output_collector::tree_walk {
public:
  struct result {
    bytes tree;                  ///< a serialised Tree
    std::vector<bytes> folders;  ///< its distinct Directories, serialised
    digest root;                 ///< of the one at the top
  };

  tree_walk(output_collector& home, std::string path) : home_(home) { folders_.push_back({std::move(path)}); }
  expected<result> run();

private:
  struct folder {
    std::string path;
    std::vector<std::size_t> children;  ///< indices of folders, as in the message
    build::bazel::remote::execution::v2::Directory message;
    std::size_t least = 0;  ///< bytes that `content` will have at least
    bytes content;          ///< when it is sealed; the message is empty then
    digest blob;
    std::size_t height = 0;  ///< of the tallest of its children, and one
  };

  expected<void> read(std::size_t index);
  expected<void> add_entry(std::size_t index, const descriptor& open_folder, const std::string& name);
  template <class Node>
  expected<void> describe(std::size_t index, const file_facts& facts, Node& node);
  expected<void> add_bytes(std::size_t index, std::size_t count);
  void seal(folder& one);
  expected<bytes> tree_of(const std::vector<const folder*>& order) const;

  output_collector& home_;
  std::vector<folder> folders_;  ///< each before those in it
  std::size_t least_ = 0;        ///< bytes of all of them, at least
};

}  // namespace kiln
