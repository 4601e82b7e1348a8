#include "actors/services/execution/input_walk.hpp"

#include <algorithm>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/directory.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {

namespace v2 = build::bazel::remote::execution::v2;

bool input_inventory::has_directory(const digest& root, std::string_view path) const {
  digest at = root;
  while (!path.empty()) {
    auto name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    auto found = children.find(at);
    if (found == children.end()) return false;
    auto child = std::find_if(found->second.begin(), found->second.end(),
                              [&](const auto& each) { return each.first == name; });
    if (child == found->second.end()) return false;
    at = child->second;
  }
  return true;
}

input_walk::input_walk(const digest& root, limits bounds) : limits_(bounds) {
  add_directory(root);
}

void input_walk::add_directory(const digest& which) {
  // A directory without entries is the empty blob, which is always there.
  if (is_empty_blob(which) || !seen_directories_.insert(which).second) return;
  inventory_->directories.push_back(which);
  open_.push_back(which);
}

expected<std::vector<digest>> input_walk::next() {
  std::vector<digest> batch;
  std::int64_t sum = 0;
  while (!open_.empty() && batch.size() < limits_.batch_directories) {
    const auto& which = open_.back();
    if (auto fine = check_size(largest::directory, which); !fine)
      return with_context(fine.error(), "the input tree");
    if (!batch.empty() && sum + which.size > limits_.batch_bytes) break;
    sum += which.size;
    batch.push_back(which);
    open_.pop_back();
  }
  return batch;
}

expected<void> input_walk::take(const digest& which, const expected<bytes>& content) {
  if (!content) {
    if (content.error().code() != errc::not_found)
      return with_context(content.error(), "reading directory {} of the input tree", which);
    missing_.push_back(which);
    return {};
  }
  auto directory = parse<v2::Directory>(*content);
  if (!directory) return with_context(directory.error(), "blob {} in the input tree is no directory", which);
  if (auto fine = validate_directory(*directory); !fine)
    return with_context(fine.error(), "directory {} of the input tree", which);

  for (const auto& file : directory->files()) {
    auto blob = from_wire(file.digest(), which.function);
    if (!blob) return with_context(blob.error(), "a file in directory {} of the input tree", which);
    if (!is_empty_blob(*blob) && seen_files_.insert(*blob).second) inventory_->files.push_back(*blob);
  }
  if (directory->directories_size() > 0) {
    auto& children = inventory_->children[which];
    for (const auto& child : directory->directories()) {
      auto blob = from_wire(child.digest(), which.function);
      if (!blob) return with_context(blob.error(), "a directory in directory {} of the input tree", which);
      children.emplace_back(child.name(), *blob);
      add_directory(*blob);
    }
    inventory_->weight_ += children.size() + 1;
    edges_ += children.size();
  }
  if (seen_directories_.size() + seen_files_.size() > limits_.max_entries)
    return fail(errc::invalid_argument, "the input tree refers to more than {} blobs", limits_.max_entries);
  return {};
}

std::uint64_t input_walk::memory() const noexcept {
  // In a set and in a list, and with a name of some length.
  constexpr std::uint64_t a_digest = 2 * sizeof(digest) + 3 * sizeof(void*);
  constexpr std::uint64_t an_edge = sizeof(digest) + 2 * sizeof(std::string);
  return (seen_directories_.size() + seen_files_.size()) * a_digest + edges_ * an_edge;
}

std::shared_ptr<const input_inventory> input_walk::finish() {
  inventory_->weight_ += inventory_->directories.size() + inventory_->files.size();
  return std::move(inventory_);
}

}  // namespace kiln
