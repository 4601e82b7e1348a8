#include "test/harness/deterministic_system.hpp"

#include <algorithm>
#include <map>

#include "core/config/document.hpp"
#include "core/config/kinds.hpp"
#include "core/plugin/store_tree.hpp"
#include "test/places.hpp"

namespace kiln::test {
namespace {

struct time_has_come {};

}  // namespace
}  // namespace kiln::test

KILN_MESSAGE(kiln::test::time_has_come)

namespace kiln::test {
namespace {

constexpr duration step = std::chrono::milliseconds(100);
// Without an end in sight: more than any test takes.
constexpr std::uint64_t too_many_turns = 50'000'000;
// Longer than any thread needs on the slowest machine: it only ends tests that would hang.
constexpr auto patience = std::chrono::seconds(60);
constexpr auto ask_again = std::chrono::milliseconds(50);

[[noreturn]] void give_up(const std::string& why) {
  throw std::runtime_error(why);
}

}  // namespace

// A plugin stays in the process anyway.
const plugin_registry& plugins() {
  static const plugin_registry all = [] {
    plugin_registry registry;
    if (auto loaded = registry.load_folder(KILN_PLUGIN_FOLDER); !loaded) give_up(loaded.error().message());
    return registry;
  }();
  return all;
}

caf::actor_system_config& deterministic_system::configure() {
  config_.module_factories.push_back([all = turns_](caf::actor_system& system) -> caf::actor_system::module* {
    return new turn_scheduler(system, all);  // NOLINT: CAF owns its modules
  });
  return config_;
}

deterministic_system::deterministic_system(std::uint64_t seed, pick how)
    : random_(make_seeded_random(seed)),
      log_(
          [this](std::string_view lines) {
            std::lock_guard lock(said_mutex_);
            said_ += lines;
            return true;
          },
          time_),
      turns_(std::make_shared<turns>(how, seed)),
      system_(std::make_unique<caf::actor_system>(configure())),
      scheduler_(dynamic_cast<turn_scheduler&>(system_->scheduler())) {}

deterministic_system::~deterministic_system() {
  while (!owned_.empty()) {
    caf::anon_send_exit(owned_.back(), caf::exit_reason::kill);
    owned_.pop_back();
    run();
  }
  system_->await_actors_before_shutdown(false);
}

void deterministic_system::run() {
  auto before = turns_->done().steps;
  while (turns_->take())
    if (turns_->done().steps - before > too_many_turns) give_up("the actors do not come to rest");
}

void deterministic_system::run_some(std::size_t turns) {
  while (turns > 0 && turns_->take()) --turns;
}

void deterministic_system::run_until(const std::function<bool()>& done) {
  // Asked again at times although nothing came: `done` may run actors to learn its answer, and they may read
  // what a thread brings meanwhile, after they answered and before anybody waits for it.
  for (duration idle = duration::zero(); idle < patience;) {
    run();
    if (done()) return;
    idle = turns_->wait(ask_again) ? duration::zero() : idle + ask_again;
  }
  give_up("waited in vain for what a thread should have brought");
}

std::string deterministic_system::log_lines() {
  log_.flush(patience);
  std::lock_guard lock(said_mutex_);
  return said_;
}

void deterministic_system::pass(duration how_long) {
  run();
  while (how_long > duration::zero()) {
    auto now = std::min(how_long, step);
    time_.advance(now);
    scheduler_.advance_time(now);
    run();
    how_long -= now;
  }
}

void deterministic_system::forget_timers() {
  scheduler_.clock().cancel_all();
  run();
}

std::size_t deterministic_system::timers_beyond(duration from_now) const {
  auto& clock = scheduler_.clock();
  const auto& all = clock.schedule();
  return static_cast<std::size_t>(std::distance(all.upper_bound(clock.now() + from_now), all.end()));
}

void deterministic_system::after(duration delay, std::function<void()> then) {
  system_->spawn([delay, then = std::move(then)](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, delay, time_has_come{});
    return {[self, then](time_has_come) {
      then();
      self->quit();
    }};
  });
}

store_actor deterministic_system::spawn_store(const std::string& yaml, store_role what) {
  return spawn_stores("{store: " + yaml + "}", {{"store", what}}).at("store");
}

std::map<std::string, store_actor> deterministic_system::spawn_stores(const std::string& yaml,
                                                                      const store_tree::demands& wanted) {
  auto parsed = parse_document("stores: " + yaml, "test.yaml");
  if (!parsed) give_up(parsed.error().message());
  faults collected = parsed->diagnostics();
  store_refs references;
  auto kinds = plugins().store_schemas();
  auto described = resolve_stores(read_kinds(*parsed->root().find("stores"), kinds, collected, references),
                                  references, kinds, collected);
  auto roles = store_tree::spread(described, wanted, collected);
  if (auto good = collected.as_result(); !good) give_up(good.error().message());
  const auto promised = store_tree::promises(described, plugins(), collected);
  if (auto good = collected.as_result(); !good) give_up(good.error().message());
  std::map<std::string, store_actor> spawned;
  for (const auto& one : described) {
    const auto role = roles.find(one.name);
    store_context context{*system_, env(), one.name, role == roles.end() ? store_role::content : role->second,
                          {},       {}};
    context.store = [&spawned](const store_ref& inner) { return spawned.at(inner.name); };
    context.promises = [&promised](const store_ref& inner) { return promised.at(inner.name); };
    auto store = plugins().store(one.type)->spawn(one.options, context);
    if (!store) give_up(store.error().message());
    spawned[one.name] = own(*store);
  }
  return spawned;
}

digest put_blob(deterministic_system& system, const store_actor& store, const std::string& content,
                digest_function function) {
  auto name = digest_of(content, function);
  auto written = system.ask<receipts>(store, write_blobs{{{name, bytes::copy_of(content)}}});
  if (!written || !written->results.front()) give_up("a blob could not be put into the store");
  return name;
}

}  // namespace kiln::test
