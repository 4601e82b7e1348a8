#include "actors/worker/folders/folder_table.hpp"

#include <unordered_set>
#include <utility>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/worker_options.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/directory.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

namespace kiln {

namespace v2 = build::bazel::remote::execution::v2;

bool folder_table::want(const digest& blob) {
  return folders_.try_emplace(blob).second;
}

expected<void> folder_table::add(const digest& blob, const bytes& content, std::vector<digest>& wanted) {
  auto message = parse<v2::Directory>(byte_chain(content));
  if (!message) return with_context(message.error(), "input folder {}", blob);
  if (auto fine = validate_directory(*message); !fine)
    return with_context(fine.error(), "input folder {}", blob);

  auto made = std::make_unique<folder>();
  for (const auto& file : message->files()) {
    auto digest = from_wire(file.digest(), function_);
    if (!digest) return with_context(digest.error(), "input file \"{}\" in {}", file.name(), blob);
    made->files.push_back({file.name(), *digest, file.is_executable()});
  }
  for (const auto& child : message->directories()) {
    auto digest = from_wire(child.digest(), function_);
    if (!digest) return with_context(digest.error(), "input folder \"{}\" in {}", child.name(), blob);
    made->folders.push_back({child.name(), *digest});
    if (want(*digest)) wanted.push_back(*digest);
  }
  for (const auto& link : message->symlinks()) {
    if (!options_.absolute_symlinks && link.target().front() == '/')
      return fail(errc::invalid_argument, "input link \"{}\" in {} is absolute, which is not allowed here",
                  link.name(), blob);
    made->symlinks.emplace_back(link.name(), link.target());
  }
  folders_[blob] = std::move(made);
  return {};
}

std::vector<digest> folder_table::files() const {
  std::unordered_set<digest> seen;
  std::vector<digest> result;
  for (const auto& [blob, one] : folders_) {
    if (!one) continue;
    for (const auto& file : one->files)
      if (!is_empty_blob(file.blob) && seen.insert(file.blob).second) result.push_back(file.blob);
  }
  return result;
}

expected<std::shared_ptr<input_tree>> folder_table::expand(const digest& root, bool links) const {
  auto tree = std::make_shared<input_tree>();
  tree->links = links;
  std::vector<const folder*> contents{folders_.at(root).get()};
  tree->folders.push_back({});
  std::uint64_t left = options_.max_input_entries;
  std::uint64_t room = options_.max_input_size.bytes;
  for (std::uint32_t index = 0; index < tree->folders.size(); ++index) {
    const auto& one = *contents[index];
    std::uint64_t entries = one.files.size() + one.folders.size() + one.symlinks.size();
    if (entries > left)
      return fail(errc::invalid_argument, "the input tree has more than {} entries",
                  options_.max_input_entries);
    left -= entries;
    for (const auto& file : one.files) {
      auto size = static_cast<std::uint64_t>(file.blob.size);
      if (size > room)
        return fail(errc::invalid_argument, "the input tree has more than {}",
                    to_string(options_.max_input_size));
      room -= size;
      tree->files.push_back({index, file.name, file.blob, file.executable});
      if (!is_empty_blob(file.blob)) tree->lent.try_emplace(tree->wanted(tree->files.back()));
    }
    for (const auto& [name, target] : one.symlinks) tree->symlinks.push_back({index, name, target});
    for (const auto& child : one.folders) {
      tree->folders.push_back({join_path(tree->folders[index].path, child.name)});
      contents.push_back(folders_.at(child.blob).get());
    }
  }
  return tree;
}

}  // namespace kiln
