#include "actors/worker/sandbox/find_sandbox.hpp"

#include <chrono>
#include <future>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/sandbox/network.hpp"
#include "actors/worker/sandbox/system_call_filter.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr auto longest_try = std::chrono::seconds(20);

/// A command without a program: where a sandbox can be made for it, that is all that is wrong.
expected<void> try_sandbox(const process_sandbox& sandbox, process_launcher& launcher, work_root& root) {
  auto made = root.make_action_folder();
  if (!made) return failure(std::move(made).error());
  std::shared_ptr<action_folder> folder = std::move(*made);
  auto said = std::make_shared<std::promise<expected<process_end>>>();
  auto end = said->get_future();
  process_observer listener{[] {},
                            [said, folder](expected<process_end> how) { said->set_value(std::move(how)); }};
  auto running = launcher.start({}, {folder->root(), folder->out(), folder->err(), folder->user(), &sandbox},
                                std::move(listener));
  if (!running) return failure(std::move(running).error());
  if (end.wait_for(longest_try) != std::future_status::ready)
    return fail(errc::unavailable, "making it takes more than {} s", longest_try.count());
  auto how = end.get();
  if (how || owner_in(how.error(), fault_place::worker) == fault_owner::action) return {};
  return failure(std::move(how).error());
}

expected<std::shared_ptr<const process_sandbox>> make_sandbox(const sandbox_options& wanted,
                                                              process_launcher& launcher, work_root& root) {
  auto filter = system_call_filter();
  if (!filter) return failure(std::move(filter).error());
  auto made = std::make_shared<const process_sandbox>(
      process_sandbox{wanted.shown, wanted.scratch_size.bytes, std::move(*filter)});
  if (auto works = try_sandbox(*made, launcher, root); !works) return failure(std::move(works).error());
  return made;
}

}  // namespace

expected<std::shared_ptr<const process_sandbox>> find_sandbox(const sandbox_options& wanted,
                                                              process_launcher& launcher, work_root& root,
                                                              logger* log) {
  if (wanted.level == sandbox_level::folder) return nullptr;
  auto made = make_sandbox(wanted, launcher, root);
  if (made) {
    if (log)
      log->info("actions run in namespaces of their own",
                {{"network", name_of(wanted.network)}, {"scratch_bytes", wanted.scratch_size.bytes}});
    return made;
  }
  if (wanted.level == sandbox_level::namespaces)
    return fail(errc::failed_precondition,
                "sandbox.level: namespaces cannot be had on this machine: {}; say auto or folder, or see "
                "docs/guides/sandbox.md for what a container needs",
                made.error().message());
  if (log) log->warn("actions see the machine: a sandbox cannot be made here", {{"error", made.error()}});
  return nullptr;
}

}  // namespace kiln
