#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/worker/files.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// A read-only file (0555) with a blob's bytes, on this machine, as long as somebody holds this.
struct lent_input {
  digest blob;
  std::string path;
  file_mark mark;  ///< as it was when it was lent first; several actions may share it
  std::shared_ptr<const void> hold;
};
using lent_input_ptr = std::shared_ptr<const lent_input>;

/// An action's input tree, checked and flattened: nothing in it can lead out of it. Folders stand in an order
/// in which each comes after the one that it lies in; the first is the root.
struct input_tree {
  struct folder {
    std::string path;  ///< from the root, which is empty
  };
  struct file {
    std::uint32_t in = 0;  ///< index of its folder
    std::string name;
    digest blob;
    bool executable = false;
  };
  struct symlink {
    std::uint32_t in = 0;
    std::string name;
    std::string target;
  };

  std::vector<folder> folders;
  std::vector<file> files;
  std::vector<symlink> symlinks;
  /// What the files are made of; the empty blob is not among them.
  std::unordered_map<digest, lent_input_ptr> lent;
};

}  // namespace kiln
