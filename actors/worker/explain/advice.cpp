#include "actors/worker/explain/advice.hpp"

#include <algorithm>
#include <cerrno>

namespace kiln {
namespace {

constexpr const char* container_flags =
    "in Docker or Podman, start the container with `--security-opt seccomp=unconfined --security-opt "
    "apparmor=unconfined --security-opt systempaths=unconfined --cap-add NET_ADMIN "
    "--cap-add SYS_ADMIN`, and Kiln as root in it";

bool any_refused(const machine_facts& machine, std::initializer_list<int> numbers) {
  return std::any_of(machine.namespaces.begin(), machine.namespaces.end(), [&](const auto& one) {
    return std::find(numbers.begin(), numbers.end(), one.refused) != numbers.end();
  });
}

/// The settings by which a system keeps ordinary users from namespaces.
void advise_on_settings(const machine_facts& machine, std::vector<std::string>& advice) {
  if (machine.unprivileged_user_namespaces == 0U)
    advice.emplace_back("let ordinary users make namespaces: `sysctl kernel.unprivileged_userns_clone=1`");
  if (machine.restricted_by_apparmor.value_or(0) != 0)
    advice.emplace_back(
        "let ordinary users use their namespaces: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, "
        "or an AppArmor profile for Kiln with `userns,`");
}

}  // namespace

std::vector<std::string> advice_for_sandbox(const machine_facts& machine, const worker_shortfalls& lacks) {
  if (lacks.sandbox.empty()) return {};
  std::vector<std::string> advice;
  if (!machine.root) advise_on_settings(machine, advice);
  if (machine.most_user_namespaces == 0U && !machine.root)
    advice.emplace_back("let there be user namespaces: `sysctl user.max_user_namespaces=15000`");
  else if (any_refused(machine, {ENOSPC, EUSERS}))
    advice.emplace_back(
        "let there be more namespaces: `sysctl -a | grep user.max_` shows which is too small");
  for (const auto& one : machine.namespaces)
    if (one.refused == EINVAL || one.refused == ENOSYS)
      advice.push_back(
          fmt::format("take a kernel with {} namespaces; this one, {}, has none", one.name, machine.kernel));
  if (machine.container || machine.filtered || (machine.root && !machine.administers))
    advice.emplace_back(container_flags);
  if (!machine.root && !machine.container && !machine.filtered)
    advice.emplace_back("or run Kiln as root, who needs no user namespace");
  if (advice.empty()) advice.emplace_back("docs/guides/sandbox.md says what it takes");
  return advice;
}

input_advice advice_for_inputs(const worker_options& options, const worker_shortfalls& lacks, bool sandboxed,
                               std::string_view file_system) {
  input_advice said;
  if (options.inputs == input_mode::copy) {
    said.why_not_overlay = said.why_not_links = "`inputs: copy` says so";
    said.cures.emplace_back("say `inputs: auto` in section `worker`");
    return said;
  }
  if (!lacks.users.empty())
    said.why_not_links = fmt::format(
        "actions run as Kiln's own user, who could change the files that all clients read ({})", lacks.users);
  if (options.kept_trees.bytes == 0) {
    said.why_not_overlay = "`kept_trees: 0` says that none are kept";
    said.cures.emplace_back("give `kept_trees` some room, 10GiB for example");
  } else if (!sandboxed) {
    said.why_not_overlay = "it needs a sandbox of level `namespaces`";
    said.cures.emplace_back("get that (see `sandbox`)");
  } else if (!lacks.trees.empty()) {
    said.why_not_overlay = lacks.trees;
    if (file_system == "overlay" || file_system == "nfs" || file_system == "fuse" || file_system == "9p")
      said.cures.push_back(
          fmt::format("put work_root on a disk of the machine, like ext4 or xfs; it is on {}{}", file_system,
                      file_system == "overlay" ? ", a container's own layer, so mount a volume there" : ""));
    else
      said.cures.emplace_back(
          "take a newer kernel: overlayfs is for ordinary users since 5.11, and where actions have users of "
          "their own since 5.19");
  }
  return said;
}

std::vector<std::string> advice_for_users(const machine_facts& machine, const worker_shortfalls& lacks) {
  if (lacks.users.empty() || lacks.users.find("action_users") != std::string::npos) return {};
  if (!machine.root) return {"run Kiln as root"};
  if (auto folder = lacks.users.find("through the folder "); folder != std::string::npos)
    return {fmt::format("let others pass: `chmod o+x {}`, or take a work_root somewhere else",
                        lacks.users.substr(folder + 19))};
  if (lacks.users.find("lacks CAP_") != std::string::npos)
    return {fmt::format("give it back: `docker run --cap-add {}`",
                        lacks.users.substr(lacks.users.find("CAP_") + 4))};
  return {"give Kiln's user namespace a range of 65536 users and groups, or name one in `action_users`"};
}

}  // namespace kiln
