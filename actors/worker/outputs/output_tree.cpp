#include "actors/worker/outputs/output_tree.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/message_writer.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

// Equal folders are one in a Tree, so it may be smaller than what it is made of; to a bound, since that is
// held in memory.
constexpr std::size_t max_to_describe = 4 * static_cast<std::size_t>(largest::tree.bytes);
// In a Directory a file or folder has a hash beside its name; the shortest is SHA-1's.
constexpr std::size_t least_of_hash = 40;

failure tree_fault(const disk_error& why, const std::string& doing) {
  return failure(fault_of(purpose::outputs, why.number, doing));
}

}  // namespace

expected<output_collector::tree_walk::result> output_collector::tree_walk::run() {
  for (std::size_t index = 0; index < folders_.size(); ++index)
    if (auto read_it = read(index); !read_it) return failure(std::move(read_it).error());
  for (std::size_t index = folders_.size(); index-- > 0;) {
    seal(folders_[index]);
    // To the byte, now that it is known.
    if (auto fine = check_size(largest::directory, folders_[index].content.size()); !fine)
      return fail(errc::failed_precondition, "output \"{}\" holds too much: {}", folders_[index].path,
                  fine.error().message());
  }

  // Taller ones first: whoever holds another is taller than it. Among equals, as they were met.
  std::vector<const folder*> order;
  for (const auto& one : folders_) order.push_back(&one);
  std::stable_sort(order.begin() + 1, order.end(),
                   [](const folder* left, const folder* right) { return left->height > right->height; });
  std::unordered_set<digest> seen;
  std::erase_if(order, [&](const folder* one) { return !seen.insert(one->blob).second; });
  auto tree = tree_of(order);
  if (!tree) return failure(std::move(tree).error());
  result made{std::move(*tree), {}, folders_.front().blob};
  for (const folder* one : order) made.folders.push_back(one->content);
  return made;
}

/// Of what is serialised already: to have it all as messages once more would take several times its size.
expected<bytes> output_collector::tree_walk::tree_of(const std::vector<const folder*>& order) const {
  message_writer tree;
  for (const folder* one : order) {
    tree.open(one == order.front() ? v2::Tree::kRootFieldNumber : v2::Tree::kChildrenFieldNumber,
              one->content.size());
    tree.append(one->content);
  }
  auto made = tree.finish();
  if (auto fine = check_size(largest::tree, made.size()); !fine)
    return fail(errc::failed_precondition, "output \"{}\" holds too much: {}", folders_.front().path,
                fine.error().message());
  return made.flatten();
}

expected<void> output_collector::tree_walk::read(std::size_t index) {
  auto path = folders_[index].path;
  if (auto counted = home_.count(path, 0); !counted) return counted;
  auto folder = home_.on_.open_beneath(*home_.root_, path, O_RDONLY | O_DIRECTORY, follow::but_the_last);
  if (!folder && folder.error().number == EXDEV)
    return fail(errc::failed_precondition, "something is mounted over output folder \"{}\"", path);
  if (!folder) return tree_fault(folder.error(), "opening output " + path);
  if (home_.properties_.any()) {
    auto facts = home_.on_.facts(*folder);
    if (!facts) return tree_fault(facts.error(), "looking at output " + path);
    if (auto told = describe(index, *facts, folders_[index].message); !told) return told;
  }
  auto names = names_in(home_.on_, *folder, home_.entries_left() + 1);
  if (!names) return tree_fault(names.error(), "listing output " + path);
  for (const auto& name : *names)
    if (auto added = add_entry(index, *folder, name); !added) return added;
  return {};
}

expected<void> output_collector::tree_walk::add_entry(std::size_t index, const descriptor& open_folder,
                                                      const std::string& name) {
  auto path = join_path(folders_[index].path, name);
  if (!is_utf8(name))
    return fail(errc::failed_precondition, "output \"{}\" has a name that is not UTF-8", escaped(path, 512));
  if (auto fine = add_bytes(index, name.size()); !fine) return fine;
  auto facts = home_.on_.facts(open_folder, name.c_str());
  if (!facts) return tree_fault(facts.error(), "looking at output " + path);
  if (facts->kind == file_kind::file) {
    auto file = home_.add_file(path);
    if (!file) return failure(std::move(file).error());
    auto* node = folders_[index].message.add_files();
    node->set_name(name);
    node->set_is_executable(file->executable());
    to_wire(file->blob, node->mutable_digest());
    if (auto fine = add_bytes(index, least_of_hash); !fine) return fine;
    return describe(index, file->facts, *node);
  }
  if (facts->kind == file_kind::folder) {
    folders_[index].message.add_directories()->set_name(name);
    folders_[index].children.push_back(folders_.size());
    folders_.push_back({std::move(path)});
    return add_bytes(index, least_of_hash);
  }
  if (facts->kind == file_kind::link) {
    auto target = home_.read_link(open_folder, name.c_str(), path);
    if (!target) return failure(std::move(target).error());
    auto* node = folders_[index].message.add_symlinks();
    node->set_name(name);
    node->set_target(*target);
    if (auto fine = add_bytes(index, target->size()); !fine) return fine;
    return describe(index, *facts, *node);
  }
  return fail(errc::failed_precondition, "output \"{}\" is neither a file, a folder nor a link", path);
}

template <class Node>
expected<void> output_collector::tree_walk::describe(std::size_t index, const file_facts& facts, Node& node) {
  if (!home_.properties_.any()) return {};
  home_.describe(facts, node.mutable_node_properties());
  return add_bytes(index, node.node_properties().ByteSizeLong());
}

/// Long before it is made it is known that it will be too large.
expected<void> output_collector::tree_walk::add_bytes(std::size_t index, std::size_t count) {
  auto& folder = folders_[index];
  folder.least += count;
  least_ += count;
  if (folder.least > static_cast<std::size_t>(largest::directory.bytes))
    return fail(errc::failed_precondition, "output \"{}\" holds too much: its {} has more than {} bytes",
                folder.path, largest::directory.message, largest::directory.bytes);
  if (least_ > max_to_describe)
    return fail(errc::failed_precondition,
                "output \"{}\" holds too much: its folders have more than {} bytes", folders_.front().path,
                max_to_describe);
  return {};
}

void output_collector::tree_walk::seal(folder& one) {
  for (std::size_t i = 0; i < one.children.size(); ++i) {
    const auto& child = folders_[one.children[i]];
    to_wire(child.blob, one.message.mutable_directories(static_cast<int>(i))->mutable_digest());
    one.height = std::max(one.height, child.height + 1);
  }
  one.content = serialise(one.message);
  one.message = {};
  one.blob = digest_of(one.content.view(), home_.function_);
}

}  // namespace kiln
