#include "actors/worker/open_workshop.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/descriptors.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

// An action's folder and streams, its socket, what its inputs and outputs are read through.
constexpr std::uint32_t descriptors_of_slot = 16;
constexpr std::uint32_t descriptors_of_spares = 4 * 64;

/// How actions are kept from the files that all clients read; said once.
expected<void> keep_apart(workshop& shop, std::uint32_t slots) {
  auto wanted = parse_users(shop.options.action_users);
  if (!wanted) return failure(std::move(wanted).error());
  std::string why;
  // Beside those that run there are emptied folders, and some on their way out.
  auto users = find_action_users(*wanted, shop.root->path(), 2 * std::uint64_t{slots}, why);
  if (!users) return failure(std::move(users).error());
  if (*users)
    if (auto shared = shop.root->share_with(*users); !shared) return shared;
  const auto mode = shop.options.inputs;
  shop.links = mode == input_mode::trusted_links || (mode == input_mode::safe && *users);
  shop.watches = shop.links && !*users;
  if (!shop.env.log) return {};
  const std::string inputs = shop.links ? "links" : "copies";
  if (*users)
    shop.env.log->info("actions run as users of their own",
                       {{"users", (*users)->all().to_string()}, {"inputs", inputs}});
  else if (shop.watches)
    shop.env.log->warn("actions run as kiln's own user and are trusted: they could change what clients read",
                       {{"why", why}, {"inputs", inputs}});
  else if (::geteuid() == 0)
    shop.env.log->warn("actions run as kiln's own user, which is root: they may do anything on this machine",
                       {{"why", why}, {"inputs", inputs}});
  else
    shop.env.log->info("actions run as kiln's own user", {{"why", why}, {"inputs", inputs}});
  return {};
}

}  // namespace

expected<workshop_ptr> open_workshop(caf::actor_system& system, const worker_options& options,
                                     const worker_context& context, const worker_profile& profile) {
  expect_descriptors(std::uint64_t{descriptors_of_slot} * profile.slots + descriptors_of_spares);
  auto shop = std::make_shared<workshop>();
  shop->options = options;
  shop->env = context.env;
  shop->worker_name = profile.name;
  shop->cas = context.cas;
  shop->room = std::make_shared<output_room>(options.max_output_size);
  shop->hands = context.env.crews->make("kiln-worker", std::clamp<std::size_t>(profile.slots, 2, 16));
  shop->watchers = context.env.crews->make("kiln-watch", 2);
  auto root = work_root::open(options.work_root, shop->hands, context.env.log);
  if (!root) return failure(std::move(root).error());
  shop->root = std::move(*root);
  if (auto apart = keep_apart(*shop, profile.slots); !apart) return failure(std::move(apart).error());
  auto runner = command_runner::open(shop->root->warden_path());
  if (!runner) return failure(std::move(runner).error());
  shop->runner = std::move(*runner);
  if (context.around_commands) shop->runner = context.around_commands(std::move(shop->runner));
  shop->lender = spawn_input_lender(
      system, {context.env, context.cas, context.cache, shop->root, shop->hands, options.kept_inputs.bytes});
  if (context.also_needs)
    context.also_needs("input_lender", caf::actor_cast<caf::strong_actor_ptr>(shop->lender));
  return workshop_ptr(std::move(shop));
}

}  // namespace kiln
