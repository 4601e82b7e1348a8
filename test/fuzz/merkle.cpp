#include <algorithm>
#include <string>

#include "actors/services/common/result_rules.hpp"
#include "actors/services/get_tree/tree_walk.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/directory.hpp"
#include "core/merkle/merkle_walk.hpp"
#include "core/merkle/paths.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

namespace v2 = build::bazel::remote::execution::v2;

template <class Nodes>
void check_order(const Nodes& nodes) {
  for (int i = 0; i < nodes.size(); ++i) {
    must(check_relative_path(nodes[i].name()).has_value() && nodes[i].name().find('/') == std::string::npos,
         "an entry of a valid directory can be made");
    must(i == 0 || nodes[i - 1].name() < nodes[i].name(), "the entries of a valid directory are in order");
  }
}

void check_directory(const v2::Directory& directory) {
  if (!validate_directory(directory)) return;
  check_order(directory.files());
  check_order(directory.directories());
  check_order(directory.symlinks());
  auto twice = directory;
  for (const auto& file : directory.files()) *twice.add_files() = file;
  if (directory.files_size() > 0)
    must(!validate_directory(twice), "a directory with an entry twice is not valid");
}

// Feeds the same directory to a walk until it asks for nothing more: a walk ends, whatever it is told.
void walk(const bytes& content, walk_detail detail) {
  const auto root = digest_of(content.view());
  walk_rules rules;
  rules.detail = detail;
  rules.max_blobs = 1000;
  merkle_walk walk(root.function, rules);
  (void)walk.add_root(root);
  for (int rounds = 0;; ++rounds) {
    must(rounds < 1100, "a walk takes no more rounds than it may see directories");
    auto wanted = walk.next_batch();
    if (wanted.empty()) break;
    for (auto place : wanted.places)
      if (!walk.take(place, content)) return;
  }
  must(walk.over(), "a walk that asks for nothing is over");
  auto found = walk.finish();
  must(found.directories().size() + found.blobs().size() <= rules.max_blobs, "a walk keeps its bounds");
  (void)found.measure(found.root());
}

// GetTree reads a Directory by hand, and only what it needs of it: what protobuf takes means the same to it.
void walk_levels(const bytes& content, const expected<v2::Directory>& directory) {
  const auto root = digest_of(content.view());
  tree_walk walk(root, {.segment_size = 256, .max_directories = 1000});
  const auto taken = walk.take(walk.next_batch(), {content});
  if (!directory) return;
  std::vector<digest> children;
  bool good = content.empty() || directory->files_size() > 0 || directory->directories_size() > 0 ||
              directory->symlinks_size() > 0 || directory->has_node_properties();
  for (const auto& node : directory->directories()) {
    auto child = from_wire(node.digest(), root.function);
    good = good && child && tree_walk::check_size(*child);
    if (child && *child != root && std::find(children.begin(), children.end(), *child) == children.end())
      children.push_back(*child);
  }
  good = good && children.size() < 1000;
  must(taken.has_value() == good,
       "a directory is taken by GetTree if and only if protobuf reads what it needs");
  if (!good) return;
  must(walk.known() == children.size() + 1, "GetTree hears of every directory within, each once");
  must(children.empty() ? walk.over() : walk.next_batch().front() == children.front(),
       "GetTree goes on where the directory says");
}

}  // namespace

// Directory, Tree and paths: what was found valid can be made in a file system.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto content = bytes::copy_of(text_of(data, size));
  const auto directory = parse<v2::Directory>(content);
  walk_levels(content, directory);
  if (directory) {
    check_directory(*directory);
    for (auto detail :
         {walk_detail::directories, walk_detail::blobs, walk_detail::paths, walk_detail::everything})
      walk(content, detail);
  }
  if (auto tree = parse<v2::Tree>(content)) {
    check_directory(tree->root());
    for (const auto& child : tree->children()) check_directory(child);
    // Its root's bytes are hashed as they lie, so only what protobuf would write has this digest for certain.
    const auto root = serialise(tree->root());
    v2::Tree plain;
    *plain.mutable_root() = tree->root();
    must(check_same_root(serialise(plain), digest_of(root.view())).has_value(),
         "a tree's root is the root of this tree");
    (void)check_same_root(content, digest_of(root.view()));
  }
  return 0;
}
