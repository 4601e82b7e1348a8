#include "actors/worker/persistent/tool_folder.hpp"

#include <fcntl.h>
#include <linux/fs.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/folders/files.hpp"
#include "actors/worker/persistent/tool_call.hpp"

namespace kiln {
namespace {

constexpr std::size_t names_at_once = 1000;

std::string sandbox_in_root(std::int32_t number) {
  return join_path(sandboxes, std::to_string(number));
}

/// Whether a folder is there for the tool as well: one of its inputs lies below it, or it works there.
std::vector<bool> folders_of_tool(const input_tree& inputs, const std::string& working_directory) {
  std::unordered_set<std::string> wanted{""};
  auto want = [&](std::string path) {
    while (wanted.insert(path).second) path = parent_path(path);
  };
  want(working_directory);
  for (const auto& file : inputs.files)
    if (file.tool) want(inputs.folders[file.in].path);
  std::vector<bool> are(inputs.folders.size());
  for (std::size_t i = 0; i < are.size(); ++i) are[i] = wanted.contains(inputs.folders[i].path);
  return are;
}

/// One part of a tree. What it was lent stays the whole tree's, which must outlive it.
std::unique_ptr<input_tree> part_of(const input_tree& whole, const std::vector<bool>& tools, bool of_tool) {
  auto part = std::make_unique<input_tree>();
  part->links = whole.links;
  std::vector<std::uint32_t> at(whole.folders.size());
  for (std::uint32_t i = 0; i < whole.folders.size(); ++i) {
    if (of_tool && !tools[i]) continue;
    at[i] = static_cast<std::uint32_t>(part->folders.size());
    part->folders.push_back({whole.folders[i].path});
  }
  for (const auto& file : whole.files) {
    if (file.tool != of_tool) continue;
    part->files.push_back(file);
    part->files.back().in = at[file.in];
    if (auto lent = whole.lent.find(whole.wanted(file)); lent != whole.lent.end()) part->lent.insert(*lent);
  }
  if (!of_tool) part->symlinks = whole.symlinks;
  return part;
}

failure in_the_way(const std::string& path) {
  return failure(
      owned_by(fault_owner::elsewhere,
               {errc::unavailable,
                fmt::format("the persistent worker has something else in its folder at \"{}\"", path)}));
}

failure not_as_it_was(const std::string& path) {
  return fail(errc::failed_precondition, "an input of the tool is not as it was: \"{}\"", path);
}

}  // namespace

std::string sandbox_path(std::int32_t number, const std::string& working_directory) {
  std::string up;
  if (!working_directory.empty()) {
    up = "../";
    for (char one : working_directory)
      if (one == '/') up += "../";
  }
  return up + join_path(sandbox_in_root(number), working_directory);
}

expected<materialised> tool_folder::lay_out_tool(const input_tree& inputs, const command_plan& plan,
                                                 bool with_sandboxes, const std::atomic<bool>& stop) {
  auto& on = folder_->on();
  const auto part = part_of(inputs, folders_of_tool(inputs, plan.working_directory), true);
  auto made = lay_out(on, folder_->root(), *part, folder_->user(), stop);
  if (!made) return made;
  kept_.reserve(part->folders.size());
  for (const auto& folder : part->folders) {
    if (!folder.path.empty())
      kept_[kept_at_.at(parent_path(folder.path))].folders.push_back(
          folder.path.substr(folder.path.rfind('/') + 1));
    kept_at_.emplace(folder.path, kept_.size());
    kept_.push_back({folder.path, 0, {}, {}});
  }
  for (const auto& file : part->files) {
    auto& folder = kept_[file.in];
    auto in = on.open_beneath(folder_->root(), folder.path, O_PATH | O_DIRECTORY, follow::none);
    auto facts = in ? on.facts(*in, file.name.c_str()) : tl::unexpected(in.error());
    if (!facts)
      return failure(fault_of(purpose::own_folder, facts.error().number, "looking at " + file.name));
    folder.files.emplace_back(file.name, mark_of(*facts));
  }
  for (auto& folder : kept_) {
    auto facts = facts_of(folder.path);
    if (!facts)
      return failure(fault_of(purpose::own_folder, facts.error().number, "looking at " + folder.path));
    folder.mode = facts->mode;
  }
  if (!with_sandboxes) return made;
  // Nobody but Kiln puts anything there.
  if (auto there = on.make_folder(folder_->root(), sandboxes, 0755); !there)
    return failure(fault_of(purpose::own_folder, there.error().number, "making a folder for sandboxes"));
  kept_.front().folders.emplace_back(sandboxes);
  return made;
}

disk_result<file_facts> tool_folder::facts_of(const std::string& path) const {
  auto folder = folder_->on().open_beneath(folder_->root(), path, O_PATH | O_DIRECTORY, follow::none);
  return folder ? folder_->on().facts(*folder) : tl::unexpected(folder.error());
}

expected<materialised> tool_folder::lay_out_request(const action_folder& stage, const input_tree& inputs,
                                                    const command_plan& plan, const std::atomic<bool>& stop) {
  const auto part = part_of(inputs, folders_of_tool(inputs, plan.working_directory), false);
  auto made = materialise(folder_->on(), stage.root(), *part, plan, folder_->user(), stop);
  if (!made) return made;
  if (auto moved = move_in(stage.root(), ""); !moved) return failure(std::move(moved).error());
  return made;
}

/// All that lies in `from`, into the folder of that path, which is the tool's. Where it has a folder of its
/// own of the same name, what lies in that.
expected<void> tool_folder::move_in(const descriptor& from, const std::string& path) {
  auto& on = folder_->on();
  auto into = on.open_beneath(folder_->root(), path, O_PATH | O_DIRECTORY, follow::none);
  if (!into) return in_the_way(path);
  const auto& kept = kept_[kept_at_.at(path)];
  for (bool all = false; !all;) {
    // As many as stay may be listed before the first that goes.
    const auto most = names_at_once + kept.folders.size();
    auto names = names_in(on, from, most);
    if (!names)
      return failure(fault_of(purpose::own_folder, names.error().number, "listing what is laid out"));
    all = names->size() < most;
    for (const auto& name : *names) {
      const auto there = join_path(path, name);
      if (kept_at_.contains(there)) continue;
      if (!on.rename(from, name.c_str(), *into, name.c_str(), RENAME_NOREPLACE)) return in_the_way(there);
    }
  }
  for (const auto& name : kept.folders) {
    auto below = on.open_beneath(from, name, O_RDONLY | O_DIRECTORY, follow::none);
    if (!below)
      return failure(fault_of(purpose::own_folder, below.error().number, "opening what is laid out"));
    if (auto moved = move_in(*below, join_path(path, name)); !moved) return moved;
  }
  return {};
}

expected<std::shared_ptr<const descriptor>> tool_folder::lay_out_sandbox(const action_folder& stage,
                                                                         std::int32_t number,
                                                                         const input_tree& inputs,
                                                                         const command_plan& plan,
                                                                         const std::atomic<bool>& stop) {
  auto& on = folder_->on();
  const auto name = std::to_string(number);
  if (auto made = make_owned_folder(on, stage.root(), name, folder_->user()); !made)
    return failure(std::move(made).error());
  auto root = on.open_beneath(stage.root(), name, O_RDONLY | O_DIRECTORY, follow::none);
  if (!root) return failure(fault_of(purpose::own_folder, root.error().number, "opening a request's folder"));
  if (auto made = materialise(on, *root, inputs, plan, folder_->user(), stop); !made)
    return failure(std::move(made).error());
  auto into = on.open_beneath(folder_->root(), sandboxes, O_PATH | O_DIRECTORY, follow::none);
  if (!into || !on.rename(stage.root(), name.c_str(), *into, name.c_str(), RENAME_NOREPLACE))
    return in_the_way(sandboxes);
  return std::make_shared<const descriptor>(std::move(*root));
}

expected<void> tool_folder::clear() {
  auto& on = folder_->on();
  for (const auto& kept : kept_) {
    auto folder = on.open_beneath(folder_->root(), kept.path, O_RDONLY | O_DIRECTORY, follow::none);
    auto now = folder ? on.facts(*folder) : tl::unexpected(folder.error());
    if (!now || now->mode != kept.mode) return not_as_it_was(kept.path);
    for (const auto& [name, mark] : kept.files) {
      auto facts = on.facts(*folder, name.c_str());
      if (!facts || facts->kind != file_kind::file || !mark_of(*facts).same_content(mark))
        return not_as_it_was(join_path(kept.path, name));
    }
    std::unordered_set<std::string> stays(kept.folders.begin(), kept.folders.end());
    for (const auto& [name, mark] : kept.files) stays.insert(name);
    for (bool all = false; !all;) {
      // As many as stay may be listed before the first that goes.
      const auto most = names_at_once + stays.size();
      auto names = names_in(on, *folder, most);
      if (!names) return fail(names.error().in_words("listing a folder of a tool"));
      all = names->size() < most;
      for (const auto& name : *names)
        if (!stays.contains(name))
          if (auto gone = remove_tree(on, *folder, name); !gone) return gone;
    }
  }
  // What it has complained of was for people to read while it ran.
  if (auto cut = on.resize(folder_->err(), 0); !cut)
    return fail(cut.error().in_words("emptying a tool's standard error"));
  return {};
}

expected<void> tool_folder::clear_sandbox(std::int32_t number) {
  auto in = folder_->on().open_beneath(folder_->root(), sandboxes, O_RDONLY | O_DIRECTORY, follow::none);
  if (!in) return not_as_it_was(sandboxes);
  return remove_tree(folder_->on(), *in, std::to_string(number));
}

}  // namespace kiln
