#include "actors/worker/sandbox/find_sandbox.hpp"

#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/sandbox/network.hpp"
#include "actors/worker/sandbox/system_call_filter.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr auto longest_try = std::chrono::seconds(20);
constexpr int most_tries = 3;
// As the launcher shows them.
constexpr std::string_view shown_folders[] = {"/usr", "/bin", "/sbin", "/lib", "/etc"};

bool lies_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

/// Where all actions are shown something, none of them may work, nor the other way round: they would see one
/// another. Of what is shown each is there, under the name that it really has.
expected<void> check_places(const std::string& work_root, const sandbox_options& wanted) {
  for (auto folder : shown_folders)
    if (lies_in(work_root, folder))
      return fail(errc::failed_precondition, "work_root {} lies in {}, which every action is shown",
                  work_root, folder);
  for (const auto& path : wanted.shown) {
    std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), ::free);
    if (!real)
      return fail(errc::failed_precondition, "sandbox.read_only_paths: {}",
                  system_error(errno, "looking for " + path).message());
    if (path != real.get())
      return fail(errc::failed_precondition, "sandbox.read_only_paths: {} leads to {}; name that", path,
                  real.get());
    if (lies_in(work_root, path) || lies_in(path, work_root))
      return fail(errc::failed_precondition,
                  "sandbox.read_only_paths: {} and work_root {} lie in one another, and actions would see "
                  "what others do",
                  path, work_root);
  }
  return {};
}

/// What the machine refuses it will refuse tomorrow; what it has too little of may be there then.
bool may_pass(const error& why) noexcept {
  return why.code() == errc::resource_exhausted || why.code() == errc::unavailable;
}

/// What a union has to bear: its folders are the command's own; an entry of the layer below goes, and what
/// comes in its place has nothing of it. Some file systems let it be mounted, and fail then.
process_plan union_plan() {
  return {{"/bin/sh"},
          {"/bin/sh", "-c",
           "read word < kept/file; test \"$word\" = kept && chmod 700 kept && mkdir kept/made && echo more "
           ">> kept/file && "
           "rm -r kept && mkdir kept && test ! -e kept/file && echo new > kept/new"},
          {"PATH=/usr/bin:/bin"}};
}

/// A command without a program: where a sandbox can be made for it, that is all that is wrong.
expected<void> try_sandbox(const process_sandbox& sandbox, bool network,
                           const std::shared_ptr<const process_union>& below, process_launcher& launcher,
                           work_root& root) {
  auto made = root.make_action_folder();
  if (!made) return failure(std::move(made).error());
  std::shared_ptr<action_folder> folder = std::move(*made);
  if (below)
    if (auto ready = folder->lie_over(below, below->in_memory > 0); !ready) return ready;
  auto said = std::make_shared<std::promise<expected<process_end>>>();
  auto end = said->get_future();
  // The folder stays until nobody works in it, and is gone before anybody goes on.
  process_observer listener{[] {},
                            [said, held = folder](expected<process_end> how) mutable {
                              held.reset();
                              said->set_value(std::move(how));
                            }};
  auto running = launcher.start(below ? union_plan() : process_plan(),
                                {folder->root(), folder->out(), folder->err(), folder->user(), &sandbox, "",
                                 network, false, nullptr, below},
                                std::move(listener));
  if (!running) return failure(std::move(running).error());
  folder.reset();
  if (end.wait_for(longest_try) != std::future_status::ready)
    return fail(errc::unavailable, "making it takes more than {} s", longest_try.count());
  auto how = end.get();
  if (how && how->exit_code != 0)
    return fail(errc::failed_precondition, "files in a union cannot be changed as in a folder");
  if (how || owner_in(how.error(), fault_place::worker) == fault_owner::action) return {};
  return failure(std::move(how).error());
}

/// As long as what is wrong may pass, like memory that is short.
expected<void> try_for_a_while(const process_sandbox& sandbox, bool network,
                               const std::shared_ptr<const process_union>& below, process_launcher& launcher,
                               work_root& root) {
  for (int left = most_tries;; --left) {
    auto tried = try_sandbox(sandbox, network, below, launcher, root);
    if (tried || left == 1 || !may_pass(tried.error())) return tried;
  }
}

expected<std::shared_ptr<const process_sandbox>> make_sandbox(const sandbox_options& wanted,
                                                              process_launcher& launcher, work_root& root) {
  auto filter = system_call_filter();
  if (!filter) return failure(std::move(filter).error());
  auto made = std::make_shared<const process_sandbox>(
      process_sandbox{wanted.shown, wanted.scratch_size.bytes, std::move(*filter)});
  for (bool network : {false, true}) {
    if (network ? wanted.network == sandbox_network::off : wanted.network == sandbox_network::on) continue;
    if (auto works = try_for_a_while(*made, network, nullptr, launcher, root); !works)
      return failure(std::move(works).error());
  }
  return made;
}

}  // namespace

expected<std::shared_ptr<const process_sandbox>> find_sandbox(const sandbox_options& wanted,
                                                              process_launcher& launcher, work_root& root,
                                                              logger* log, error* why_not) {
  if (wanted.level == sandbox_level::folder) return nullptr;
  if (auto fine = check_places(root.path(), wanted); !fine) return failure(std::move(fine).error());
  auto made = make_sandbox(wanted, launcher, root);
  if (made) {
    if (log)
      log->info("actions run in namespaces of their own",
                {{"network", name_of(wanted.network)}, {"scratch_bytes", wanted.scratch_size.bytes}});
    return made;
  }
  if (may_pass(made.error()))
    return fail(made.error().code(),
                "a sandbox could not be made at the moment: {}; start again, or say sandbox.level: "
                "folder",
                made.error().message());
  if (wanted.level == sandbox_level::namespaces)
    return fail(errc::failed_precondition,
                "sandbox.level: namespaces cannot be had on this machine: {}; say auto or folder, or see "
                "docs/guides/sandbox.md for what a container needs",
                made.error().message());
  if (log) log->warn("actions see the machine: a sandbox cannot be made here", {{"error", made.error()}});
  if (why_not != nullptr) *why_not = std::move(made).error();
  return nullptr;
}

expected<void> try_union(const process_sandbox& sandbox, std::shared_ptr<const process_union> sample,
                         process_launcher& launcher, work_root& root) {
  return try_for_a_while(sandbox, false, sample, launcher, root);
}

}  // namespace kiln
