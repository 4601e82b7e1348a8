#include "test/harness/deterministic_system.hpp"

#include <algorithm>
#include <caf/atom.hpp>
#include <map>

#include "core/config/document.hpp"
#include "core/config/kinds.hpp"
#include "core/plugin/loader.hpp"

namespace kiln::test {
namespace {

constexpr duration step = std::chrono::milliseconds(100);

[[noreturn]] void give_up(const std::string& why) {
  throw std::runtime_error(why);
}

// Loaded once: a plugin stays in the process anyway.
const plugin_registry& plugins() {
  static const plugin_registry all = [] {
    plugin_registry registry;
    if (auto loaded = registry.load_folder(KILN_PLUGIN_FOLDER); !loaded) give_up(loaded.error().message());
    return registry;
  }();
  return all;
}

}  // namespace

caf::actor_system_config& deterministic_system::with_test_policy(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("testing"));
  return config;
}

deterministic_system::deterministic_system(std::uint64_t seed)
    : random_(make_seeded_random(seed)),
      log_([](std::string_view) { return true; }, system_clock()),
      system_(std::make_unique<caf::actor_system>(with_test_policy(config_))),
      scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler())) {}

deterministic_system::~deterministic_system() {
  while (!owned_.empty()) {
    caf::anon_send_exit(owned_.back(), caf::exit_reason::kill);
    owned_.pop_back();
    run();
  }
  system_->await_actors_before_shutdown(false);
}

void deterministic_system::run() {
  while (scheduler_.try_run_once()) {
  }
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

store_actor deterministic_system::spawn_store(const std::string& yaml, holds what) {
  auto parsed = parse_document("stores: {store: " + yaml + "}", "test.yaml");
  if (!parsed) give_up(parsed.error().message());
  faults collected = parsed->faults_found();
  store_refs references;
  auto kinds = plugins().store_schemas();
  auto described = resolve_stores(read_kinds(*parsed->root().find("stores"), kinds, collected, references),
                                  references, kinds, collected);
  if (auto good = collected.as_result(); !good) give_up(good.error().message());
  std::map<std::string, store_actor> spawned;
  for (const auto& one : described) {
    store_context context{*system_, env(), one.name, what, {}, {}};
    context.store = [&spawned](const store_ref& inner) { return spawned.at(inner.name); };
    auto store = plugins().store(one.type)->spawn(one.options, context);
    if (!store) give_up(store.error().message());
    spawned[one.name] = own(*store);
  }
  return spawned.at("store");
}

digest put_blob(deterministic_system& system, const store_actor& store, const std::string& content,
                digest_function function) {
  auto name = digest_of(content, function);
  auto written = system.ask<receipts>(store, write_blobs{{{name, bytes::copy_of(content)}}});
  if (!written || !written->results.front()) give_up("a blob could not be put into the store");
  return name;
}

}  // namespace kiln::test
