#include "actors/worker/open_worker_resources.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "actors/worker/command/command_runner.hpp"
#include "actors/worker/persistent/persistent_tool.hpp"
#include "actors/worker/sandbox/find_sandbox.hpp"
#include "actors/worker/usual_properties.hpp"
#include "core/base/descriptors.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

// An action's folder and streams, its socket, what its inputs and outputs are read through.
constexpr std::uint32_t descriptors_of_slot = 16;
constexpr std::uint32_t descriptors_of_spares = 5 * 64;
constexpr std::uint64_t most_kept_trees = 10'000;

/// How actions are kept from the files that all clients read; said once.
expected<void> keep_apart(worker_resources& resources, std::uint32_t slots) {
  auto wanted = parse_users(resources.options.action_users);
  if (!wanted) return failure(std::move(wanted).error());
  std::string why;
  // Beside those that run there are emptied folders, and some on their way out.
  auto users = find_action_users(*wanted, resources.root->path(), 2 * std::uint64_t{slots}, why);
  if (!users) return failure(std::move(users).error());
  resources.lacks.users = why;
  if (*users)
    if (auto shared = resources.root->share_with(*users); !shared) return shared;
  const auto mode = resources.options.inputs;
  resources.links = mode == input_mode::trusted_links || (mode == input_mode::safe && *users);
  resources.watches = resources.links && !*users;
  resources.links_of_tools = *users && mode != input_mode::copy;
  if (!resources.env.log) return {};
  const std::string inputs = resources.links ? "links" : "copies";
  if (*users)
    resources.env.log->info("actions run as users of their own",
                            {{"users", (*users)->all().to_string()}, {"inputs", inputs}});
  else if (resources.watches)
    resources.env.log->warn(
        "actions run as kiln's own user and are trusted: they could change what clients read",
        {{"why", why}, {"inputs", inputs}});
  else if (::geteuid() == 0)
    resources.env.log->warn(
        "actions run as kiln's own user, which is root: without a sandbox they may do anything on this "
        "machine",
        {{"why", why}, {"inputs", inputs}});
  else
    resources.env.log->info("actions run as kiln's own user", {{"why", why}, {"inputs", inputs}});
  return {};
}

/// Whoever passes one in owns it.
expected<std::shared_ptr<process_launcher>> launcher_for(const environment& env, const work_root& root) {
  if (env.processes != nullptr) return {{std::shared_ptr<void>(), env.processes}};
  auto machine = command_runner::open(root.on(), root.folder(), root.path());
  if (!machine) return failure(std::move(machine).error());
  return {std::move(*machine)};
}

}  // namespace

/// What makes a tree what it is, beside its root's digest.
std::string maker_of_trees(const worker_options& options) {
  return fmt::format("kiln 2 {} {} {} {}", ::geteuid(), options.max_input_size.bytes,
                     options.max_input_entries, options.absolute_symlinks);
}

/// The groups by which actions are limited. Before there is a launcher: in version 2 of the kernel's groups
/// we have to go into one of our own for that, with all that we start.
void open_groups(worker_resources& resources) {
  if (resources.options.sandbox.level == sandbox_level::folder) return;
  // By the folder, which is one worker's.
  const auto name = "kiln-" + digest_of(resources.root->path()).hex().substr(0, 16);
  auto groups = control_groups::open(*resources.env.files, "/proc/self", name,
                                     resources.options.sandbox.cpus.has_value());
  if (groups)
    resources.groups = std::move(*groups);
  else
    resources.lacks.groups = groups.error().message();
}

/// What all processes of an action may have together, where the kernel lets us say it.
void limit_actions(worker_resources& resources) {
  auto* log = resources.env.log;
  if (!resources.sandbox) resources.groups.reset();
  if (!resources.sandbox) return;
  if (!resources.groups) {
    if (log)
      log->warn(
          "what an action takes of memory and processes is not limited: there are no control groups for us",
          {{"error", resources.lacks.groups}});
    return;
  }
  const auto& wanted = resources.options.sandbox;
  const auto most = find_own_machine(*resources.env.files).memory;
  resources.limits.memory = wanted.memory ? wanted.memory->bytes : most / 10 * 9;
  resources.limits.processes = wanted.processes;
  resources.limits.cpus = wanted.cpus.value_or(0);
  if (log)
    log->info("actions are limited by control groups", {{"groups", resources.groups->kind()},
                                                        {"memory", resources.limits.memory},
                                                        {"processes", resources.limits.processes}});
}

/// Where they are wanted, or else on the disk.
expected<void> try_changes(worker_resources& resources, const std::string& sample) {
  auto try_in = [&](std::uint64_t memory) {
    return try_union(*resources.sandbox,
                     std::make_shared<const process_union>(process_union{{sample}, memory, {}}),
                     *resources.processes, *resources.root);
  };
  const auto& wanted = resources.options.sandbox;
  if (wanted.changes == changes_place::memory) {
    auto works = try_in(wanted.scratch_size.bytes);
    if (works) resources.changes_in_memory = wanted.scratch_size.bytes;
    if (works) return works;
    if (resources.env.log)
      resources.env.log->warn("what actions change lies on the disk: a union in memory cannot be made here",
                              {{"error", works.error()}});
  }
  return try_in(0);
}

/// Whether input trees are kept, for actions to see through a union.
expected<void> keep_trees(worker_resources& resources) {
  const auto& wanted = resources.options;
  auto* log = resources.env.log;
  if (!resources.sandbox || wanted.kept_trees.bytes == 0 || wanted.inputs == input_mode::copy)
    return resources.root->discard("trees");
  auto removals = resources.env.pools->make("kiln-trees", 1);
  auto shelf = tree_shelf::open(resources.root, std::move(removals), maker_of_trees(wanted), log);
  if (!shelf) return failure(std::move(shelf).error());
  // A disk that trees have filled is no reason not to start: they go.
  auto sample = (*shelf)->make_sample();
  auto works = sample ? try_changes(resources, *sample) : expected<void>(failure(std::move(sample).error()));
  if (sample) (*shelf)->remove_later(sample->substr(sample->rfind('/') + 1));
  if (works) {
    resources.shelf = std::move(*shelf);
    // Whoever the actions run as, what they write to is theirs.
    resources.links = true;
    resources.watches = false;
    if (log)
      log->info("input trees are kept, and lie below the folders of actions",
                {{"method", "overlay"}, {"most_bytes", wanted.kept_trees.bytes}});
    return {};
  }
  resources.lacks.trees = works.error().message();
  if (log)
    log->warn("no input trees are kept: a union cannot be made here; inputs come into each action's folder",
              {{"method", resources.links ? "hardlink" : "copy"}, {"error", works.error()}});
  return resources.root->discard("trees");
}

expected<std::shared_ptr<worker_resources>> open_own_resources(const worker_options& options,
                                                               const environment& env, std::uint32_t slots) {
  auto resources = std::make_shared<worker_resources>();
  resources->options = options;
  resources->env = env;
  resources->room = std::make_shared<output_room>(options.max_output_size);
  resources->pool = env.pools->make("kiln-worker", std::clamp<std::size_t>(slots, 2, 16));
  resources->watchers = env.pools->make("kiln-watch", 2);
  auto root = work_root::open(*env.files, options.work_root, resources->pool, env.log);
  if (!root) return failure(std::move(root).error());
  resources->root = std::move(*root);
  if (auto apart = keep_apart(*resources, slots); !apart) return failure(std::move(apart).error());
  if (env.processes == nullptr) open_groups(*resources);
  auto processes = launcher_for(env, *resources->root);
  if (!processes) return failure(std::move(processes).error());
  resources->processes = std::move(*processes);
  // A launcher that was passed in plays the machine, and says itself what its processes see.
  if (env.processes == nullptr) {
    error why_not;
    auto sandbox = find_sandbox(options.sandbox, *resources->processes, *resources->root, env.log, &why_not);
    if (!sandbox) return failure(std::move(sandbox).error());
    resources->sandbox = std::move(*sandbox);
    resources->lacks.sandbox = why_not.message();
  }
  limit_actions(*resources);
  if (auto kept = keep_trees(*resources); !kept) return failure(std::move(kept).error());
  return resources;
}

/// Tools that live on, where they are wanted. They hold the resources that hold their actor, which its end
/// undoes.
tool_pool_actor open_tools(caf::actor_system& system, const std::shared_ptr<worker_resources>& resources,
                           std::uint32_t slots) {
  const auto& wanted = resources->options.persistent;
  tool_limits limits;
  limits.tools = wanted.number.value_or(slots);
  limits.uses = wanted.uses;
  limits.idle = wanted.idle;
  limits.bytes = wanted.inputs.bytes;
  if (limits.tools == 0) return {};
  auto make = [resources](const tool_traits& traits) {
    return std::make_shared<persistent_tool>(resources, traits);
  };
  return spawn_tool_pool(system, {resources->env, limits, resources->pool, std::move(make)});
}

expected<worker_resources_ptr> open_worker_resources(caf::actor_system& system, const worker_options& options,
                                                     const worker_context& context,
                                                     const worker_profile& profile) {
  expect_descriptors(std::uint64_t{descriptors_of_slot} * profile.slots + descriptors_of_spares);
  auto own = open_own_resources(options, context.env, profile.slots);
  if (!own) return failure(std::move(own).error());
  auto resources = std::move(*own);
  resources->worker_name = profile.name;
  resources->cas = context.cas;
  resources->counts = std::make_shared<const input_metrics>(context.env.metrics);
  resources->output_reader = spawn_output_reader(system, resources->watchers);
  const auto& lender = context.cache ? context.cache : context.cas;
  if (resources->shelf)
    resources->trees = spawn_directory_cache(system, {context.env, resources->shelf, resources->pool, lender,
                                                      options.kept_trees.bytes, most_kept_trees});
  resources->tools = open_tools(system, resources, profile.slots);
  auto damages = std::make_shared<input_damages>();
  resources->damages = damages;
  // Who sees that there was one more finds that these have been told.
  auto damage_found = [damages, trees = resources->trees,
                       tools = resources->tools](const std::vector<digest>& blobs) {
    if (trees) caf::anon_send(trees, distrust_trees{});
    if (tools) caf::anon_send(tools, distrust_tools{});
    damages->note(blobs);
  };
  resources->input_cache =
      spawn_input_cache(system, {context.env, context.cas, context.cache, resources->root, resources->pool,
                                 options.kept_inputs.bytes, std::move(damage_found)});
  if (context.also_needs)
    context.also_needs("input_cache", caf::actor_cast<caf::strong_actor_ptr>(resources->input_cache));
  if (context.also_needs && resources->trees)
    context.also_needs("directory_cache", caf::actor_cast<caf::strong_actor_ptr>(resources->trees));
  if (context.also_needs && resources->tools)
    context.also_needs("persistent_workers", caf::actor_cast<caf::strong_actor_ptr>(resources->tools));
  return worker_resources_ptr(std::move(resources));
}

}  // namespace kiln
