#include "actors/worker/trees/tree_look.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/fault_owners.hpp"

namespace kiln {
namespace {

constexpr unsigned of_top = 0755;

expected<tree_entry> look_at(disk& on, const descriptor& folder, const std::string& name,
                             const file_facts& facts) {
  tree_entry seen;
  // All of it is our own.
  if (facts.owner != ::geteuid()) return fail(errc::data_loss, "{} belongs to user {}", name, facts.owner);
  switch (facts.kind) {
    case file_kind::folder:
      seen.what = tree_entry::kind::folder;
      seen.mark.mode = facts.mode;
      return seen;
    case file_kind::file:
      seen.what = tree_entry::kind::file;
      seen.mark = mark_of(facts);
      return seen;
    case file_kind::link: {
      seen.what = tree_entry::kind::symlink;
      auto target = on.read_link(folder, name.c_str());
      if (!target)
        return failure(fault_of(purpose::own_folder, target.error().number, "reading link " + name));
      seen.target = std::move(*target);
      return seen;
    }
    case file_kind::other:
      seen.what = tree_entry::kind::hidden;
      return seen;
    case file_kind::pipe:
    case file_kind::socket:
      break;
  }
  return fail(errc::data_loss, "{} is nothing that a tree has", name);
}

}  // namespace

expected<std::unordered_map<std::string, tree_entry>> look_at_tree(disk& on, const descriptor& folder,
                                                                   std::size_t most) {
  std::unordered_map<std::string, tree_entry> found;
  std::vector<std::string> to_look_at = {""};
  while (!to_look_at.empty()) {
    const auto path = std::move(to_look_at.back());
    to_look_at.pop_back();
    auto here = on.open_beneath(folder, path, O_RDONLY | O_DIRECTORY, follow::none);
    if (!here) return failure(fault_of(purpose::own_folder, here.error().number, "opening folder " + path));
    if (path.empty())
      if (auto top = on.facts(*here); !top || top->owner != ::geteuid() || top->mode != of_top)
        return fail(errc::data_loss, "the folder of a tree is not as it was made");
    auto names = names_in(on, *here, most + 1);
    if (!names) return failure(fault_of(purpose::own_folder, names.error().number, "listing folder " + path));
    for (const auto& name : *names) {
      if (found.size() == most) return fail(errc::resource_exhausted, "more than {} entries lie there", most);
      auto facts = on.facts(*here, name.c_str());
      if (!facts) return failure(fault_of(purpose::own_folder, facts.error().number, "looking at " + name));
      auto entry = look_at(on, *here, name, *facts);
      if (!entry) return failure(std::move(entry).error());
      auto whole = join_path(path, name);
      if (entry->what == tree_entry::kind::folder) to_look_at.push_back(whole);
      found.emplace(std::move(whole), std::move(*entry));
    }
  }
  return found;
}

}  // namespace kiln
