#include "actors/worker/explain/worker_report.hpp"

#include <unistd.h>

#include <map>
#include <optional>
#include <string_view>

#include "actors/worker/explain/advice.hpp"
#include "actors/worker/sandbox/network.hpp"
#include "core/base/descriptors.hpp"
#include "core/config/units.hpp"

namespace kiln {
namespace {

constexpr std::size_t columns = 110;
constexpr std::size_t name_columns = 16;

/// Names on the left, what is said of them on the right, however long that is.
class two_columns {
public:
  void say(std::string_view name, std::string_view text) {
    text_ += fmt::format("{:<{}}", name, name_columns);
    write(text, name_columns);
  }
  void more(std::string_view text) { say("", text); }
  void cures(const std::vector<std::string>& all) {
    for (const auto& cure : all) more(fmt::format("-> {}", cure));
  }
  void pause() { text_ += '\n'; }
  std::string take() { return std::move(text_); }

private:
  void write(std::string_view text, std::size_t indent) {
    while (text.size() > columns - indent) {
      auto cut = text.rfind(' ', columns - indent);
      if (cut == std::string_view::npos || cut == 0) cut = text.find(' ', columns - indent);
      if (cut == std::string_view::npos) break;
      text_.append(text.substr(0, cut)).append("\n").append(indent + 2, ' ');
      text.remove_prefix(cut + 1);
      indent = name_columns + 2;
    }
    text_.append(text).push_back('\n');
  }

  std::string text_;
};

std::string file_system_of(const work_root& root) {
  auto number = root.on().file_system(root.folder());
  return number ? name_of_file_system(*number) : "a file system that does not tell its name";
}

void say_folder(two_columns& report, const worker_resources& worker, const std::string& file_system) {
  report.say("work_root", worker.root->path());
  auto room = worker.root->on().room(worker.root->folder());
  std::string on = "on " + file_system;
  if (room) on += fmt::format(", {} of {} MiB free", room->available >> 20, room->total >> 20);
  report.more(on);
}

/// Of a folder that may still have to be made: that of what it is to lie in.
std::optional<file_facts> facts_of(disk& on, std::string path) {
  for (;;) {
    if (auto facts = on.facts(descriptor(), path.empty() ? "/" : path.c_str())) return *facts;
    if (path.empty()) return {};
    path.erase(path.rfind('/'));
  }
}

/// Only within one file system files can be linked, or share their blocks.
void say_lenders(two_columns& report, const worker_resources& worker,
                 const std::vector<std::string>& lenders) {
  auto& on = worker.root->on();
  auto own = on.facts(worker.root->folder());
  for (const auto& folder : lenders) {
    auto facts = facts_of(on, absolute_path(folder));
    if (!own || !facts) continue;
    if (own->device == facts->device) {
      report.more(fmt::format("from {}, on the same file system: {}", folder,
                              worker.shelf || worker.links ? "files are linked" : "files are copied"));
      continue;
    }
    report.more(fmt::format("from {}, on another file system: files are copied", folder));
    if (worker.shelf || worker.links) report.cures({"put both on one file system"});
  }
}

void say_inputs(two_columns& report, const worker_resources& worker, const std::string& file_system) {
  const auto& options = worker.options;
  const auto advice = advice_for_inputs(options, worker.lacks, worker.sandbox != nullptr, file_system);
  if (worker.shelf) {
    report.say("inputs", "overlay: an action sees a union of a kept input tree and a folder of its own");
    report.more(fmt::format("up to {} of trees are kept in work_root", to_string(options.kept_trees)));
    return;
  }
  report.say("inputs", worker.links
                           ? "hardlink: read-only links to files of the cache, one for each input file"
                           : "copy: each action has copies of its own, which share blocks with the "
                             "cache's files where the file system can");
  if (worker.watches) report.more("an action could change what other clients read, and is trusted not to");
  report.more("not overlay: " + advice.why_not_overlay);
  if (!worker.links) report.more("not hardlink: " + advice.why_not_links);
  report.cures(advice.cures);
}

void say_sandbox(two_columns& report, const worker_resources& worker, const machine_facts& machine) {
  const bool wanted = worker.options.sandbox.level != sandbox_level::folder;
  if (worker.sandbox)
    report.say("sandbox",
               "namespaces: an action sees of the machine what docs/guides/sandbox.md lists, and no more");
  else
    report.say("sandbox", "folder: an action sees the machine as the user does whom it runs as");
  if (!worker.sandbox && wanted) report.more("not namespaces: " + worker.lacks.sandbox);
  if (!wanted) report.more("not namespaces: `sandbox.level: folder` says so");
  report.cures(advice_for_sandbox(machine, worker.lacks));
  for (const auto& one : machine.namespaces)
    report.say(fmt::format("  {}", one.name),
               one.refused == 0
                   ? fmt::format("can be had: {}", one.gives)
                   : fmt::format("refused: {} (without it an action lacks: {})",
                                 system_error(one.refused, "the kernel says").message(), one.gives));
  if (machine.root) report.say("  user", "not needed by root");
}

void say_users(two_columns& report, const worker_resources& worker, const machine_facts& machine) {
  if (worker.lacks.users.empty())
    return report.say("actions run as",
                      "users of their own, each as one that no other action has at the time");
  report.say("actions run as",
             fmt::format("Kiln's own user, {}{}", ::geteuid(), machine.root ? ", which is root" : ""));
  report.more("not as users of their own: " + worker.lacks.users);
  report.cures(advice_for_users(machine, worker.lacks));
}

void say_network(two_columns& report, const worker_resources& worker) {
  if (!worker.sandbox) return report.say("network", "the machine's, for every action");
  switch (worker.options.sandbox.network) {
    case sandbox_network::off:
      return report.say("network", "a loopback of its own, for every action");
    case sandbox_network::on:
      return report.say("network", "the machine's, for every action (`sandbox.network: on`)");
    case sandbox_network::by_property:
      report.say("network", "a loopback of its own; the machine's where an action's platform has network=on");
  }
}

void say_groups(two_columns& report, const worker_resources& worker) {
  if (!worker.sandbox) return;
  if (!worker.groups) {
    report.more("memory and processes of an action are not limited: " + worker.lacks.groups);
    return report.cures({"run Kiln as root, or in a unit of systemd with `Delegate=yes`"});
  }
  report.more(fmt::format(
      "memory {} MiB, processes {}, cpus {}: of all that an action runs, by control groups ({})",
      worker.limits.memory >> 20, worker.limits.processes,
      worker.limits.cpus == 0 ? "all" : std::to_string(worker.limits.cpus), worker.groups->kind()));
}

void say_persistent(two_columns& report, const worker_resources& worker, const worker_profile& profile) {
  const auto& wanted = worker.options.persistent;
  const auto number = wanted.number.value_or(profile.slots);
  if (number == 0) {
    report.say("tools", "end with their action, also those that could be persistent workers");
    return report.cures({"set `persistent_workers.number` where all who may run actions are trusted"});
  }
  report.say("tools", fmt::format("up to {} live on as persistent workers, for {} requests, {} idle", number,
                                  wanted.uses, to_string(wanted.idle)));
}

void say_limits(two_columns& report, const worker_resources& worker, const worker_profile& profile) {
  const auto& options = worker.options;
  report.say("limits", fmt::format("slots {}: so many actions at once", profile.slots));
  report.more(fmt::format("max_timeout {}, kill_grace {}", to_string(options.max_timeout),
                          to_string(options.kill_grace)));
  report.more(fmt::format("max_input_size {}, max_input_entries {}", to_string(options.max_input_size),
                          options.max_input_entries));
  report.more(fmt::format("max_output_size {}, max_output_entries {}, max_stream_size {}",
                          to_string(options.max_output_size), options.max_output_entries,
                          to_string(options.max_stream_size)));
  if (worker.sandbox)
    report.more(fmt::format("scratch_size {}: of /tmp, and of /dev/shm, in memory",
                            to_string(options.sandbox.scratch_size)));
  say_groups(report, worker);
  report.more(fmt::format("kept_inputs {}, kept_trees {}", to_string(options.kept_inputs),
                          worker.shelf ? to_string(options.kept_trees) : "none"));
  const auto inherited = inherited_descriptor_limit();
  report.more(fmt::format("open files {} for Kiln, {} for an action", descriptor_limit(),
                          inherited == 0 ? "as many" : std::to_string(inherited)));
}

void say_platform(two_columns& report, const worker_profile& profile) {
  std::map<std::string, std::string> values;
  for (const auto& [name, value] : profile.properties) {
    auto& all = values[name];
    all += (all.empty() ? "" : ", ") + value;
  }
  bool first = true;
  for (const auto& [name, all] : values) {
    report.say(first ? "offers" : "", fmt::format("{} = {}", name, all));
    first = false;
  }
}

}  // namespace

std::string explain_worker(const worker_resources& worker, const worker_profile& profile,
                           const machine_facts& machine, const std::vector<std::string>& lenders) {
  const auto file_system = file_system_of(*worker.root);
  two_columns report;
  say_folder(report, worker, file_system);
  report.pause();
  say_inputs(report, worker, file_system);
  say_lenders(report, worker, lenders);
  report.pause();
  say_sandbox(report, worker, machine);
  report.pause();
  say_users(report, worker, machine);
  say_network(report, worker);
  report.pause();
  say_persistent(report, worker, profile);
  report.pause();
  say_limits(report, worker, profile);
  report.pause();
  say_platform(report, profile);
  return report.take();
}

}  // namespace kiln
