#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/worker/folders/files.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// A blob as an input: a file that may be executed, or one that may not. They cannot be one file.
struct wanted_input {
  digest blob;
  bool executable = true;

  bool operator==(const wanted_input&) const noexcept = default;
};

}  // namespace kiln

template <>
struct std::hash<kiln::wanted_input> {
  std::size_t operator()(const kiln::wanted_input& one) const noexcept {
    return std::hash<kiln::digest>()(one.blob) ^ static_cast<std::size_t>(one.executable);
  }
};

namespace kiln {

/// A read-only file with a blob's bytes (0555, or 0444), on this machine, as long as somebody holds this.
struct lent_input {
  digest blob;
  std::string path;
  file_mark mark;  ///< as it was when it was lent first; several actions may share it
  std::shared_ptr<const void> hold;

  struct sharing {
    std::atomic<std::uint32_t> actions{0};  ///< that have links to the file
    std::atomic<bool> altered{false};       ///< one of them has found its bytes changed
  };
  std::shared_ptr<sharing> shared;  ///< by all who have links to it
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
    bool tool = false;  ///< as the client has marked it
  };
  struct symlink {
    std::uint32_t in = 0;
    std::string name;
    std::string target;
  };
  struct name_in {
    std::uint32_t in = 0;
    std::string name;
  };

  input_tree() = default;
  input_tree(const input_tree&) = delete;
  input_tree& operator=(const input_tree&) = delete;
  ~input_tree() {
    if (!linked.exchange(false)) return;
    for (const auto& [which, input] : lent) --input->shared->actions;
  }
  /// From now on an action has links to all that is lent.
  void link() {
    if (linked.exchange(true)) return;
    for (const auto& [which, input] : lent) ++input->shared->actions;
  }

  /// Whether its files are to be links, which have the mode of what they lead to.
  bool links = false;
  wanted_input wanted(const file& one) const { return {one.blob, !links || one.executable}; }

  std::vector<folder> folders;
  std::vector<file> files;
  std::vector<symlink> symlinks;
  /// Where it lies over another tree: what that has and this has not.
  std::vector<name_in> hidden;
  std::atomic<bool> linked{false};
  /// What the files are made of; the empty blob is not among them.
  std::unordered_map<wanted_input, lent_input_ptr> lent;
};

}  // namespace kiln
