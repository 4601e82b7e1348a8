#include "actors/system/assembly.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <set>

#include "actors/scheduler/scheduler.hpp"
#include "actors/system/access_log.hpp"
#include "actors/system/drain.hpp"
#include "actors/system/guardian.hpp"
#include "actors/system/rest.hpp"
#include "actors/system/services.hpp"
#include "actors/system/store_watch.hpp"
#include "actors/system/token_file.hpp"
#include "actors/system/workplace.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

using transport_list = std::vector<std::pair<std::string, std::unique_ptr<transport>>>;

}  // namespace

// In the order of construction; destroyed the other way round, so that nobody outlives what it speaks to.
struct assembly::parts {
  environment env;
  call_hooks hooks;
  node_routes routes;
  std::string worker_listener;  // a transport's name
  transport_list transports;
  store_tree stores;
  scheduler_actor scheduler;
  served_services services;
  std::unique_ptr<workplace> work;
  caf::actor store_watch;
  guardian_actor guardian;
  drain_actor drain;
};

namespace {

/// For the calls' last words and the stores' last writes, after what was left of the patience.
constexpr duration time_to_close = std::chrono::seconds(5);

constexpr std::string_view http = "http";

// What callers hold is counted for the process, so a client has one share, by whatever transports it comes
// in. Workers have shares beside it: a crowd of clients must not shut them out, were it on the same machine.
expected<transport_list> make_transports(const std::vector<configured>& wanted, const std::string& of_workers,
                                         const plugin_registry& plugins, const environment& env,
                                         const call_hooks& hooks) {
  transport_list made;
  const auto clients = std::make_shared<quota_table>();
  const auto workers = clients->apart();
  for (const auto& one : wanted) {
    const auto* plugin = plugins.transport(one.type);
    if (plugin == nullptr)
      return fail(errc::not_found, "transport {}: no plugin for type {}", one.name, one.type);
    const auto& accounts = one.name == of_workers ? workers : clients;
    auto instance = plugin->make(one.options, {env, one.name, accounts, &hooks});
    if (!instance) return with_context(instance.error(), "transport {}", one.name);
    made.emplace_back(one.name, std::move(*instance));
  }
  return made;
}

transport* find_transport(const transport_list& all, std::string_view name) {
  for (const auto& [known, one] : all)
    if (known == name) return one.get();
  return nullptr;
}

expected<void> bring_guests(const transport_list& all) {
  for (const auto& [name, guest] : all) {
    auto host = guest->beside();
    if (host.empty()) continue;
    auto* where = find_transport(all, host);
    if (where == nullptr || where == guest.get())
      return fail(errc::invalid_argument, "transport {}: there is no other transport {} to be beside", name,
                  host);
    if (auto shared = where->be_host(*guest); !shared)
      return with_context(shared.error(), "transport {} beside {}", name, host);
  }
  return {};
}

/// The endpoint's scheme decides: through a transport that speaks it, and of several through one that was
/// given an identity for such endpoints. Where they stand in the file says nothing: of equals, the first by
/// name.
expected<std::shared_ptr<channel>> dial_through(const transport_list& all, const std::string& endpoint) {
  transport* best = nullptr;
  auto fit = dial_fit::possible;
  std::string_view best_name;
  std::optional<error> reason;
  for (const auto& [name, one] : all) {
    auto suits = one->suits(endpoint);
    if (!suits) {
      // Of those who dial at all, if there are any.
      if (!reason || one->scheme() != http) reason = suits.error();
    } else if (best == nullptr || *suits > fit || (*suits == fit && name < best_name)) {
      best = one.get();
      best_name = name;
      fit = *suits;
    }
  }
  if (best == nullptr)
    return failure(reason.value_or(error(errc::invalid_argument, "there is no transport to dial with")));
  return best->dial(endpoint);
}

bool speaks_http(const transport_list& all) {
  return std::any_of(all.begin(), all.end(), [](const auto& one) { return one.second->scheme() == http; });
}

expected<std::optional<bearer_token>> token_for_workers(const node_options& options, const environment& env) {
  if (!options.serve || options.serve->workers.empty()) return std::nullopt;
  auto found = read_or_make_token(options.worker_token);
  if (!found) return failure(found.error());
  tell_of(*found, options.worker_token, env.log);
  return std::optional(std::move(found->token));
}

/// Those that the node's own services speak to, each with whoever cannot do without it.
std::vector<watched_store> stores_to_watch(const node_options& options, const store_tree& stores) {
  const std::string reapi = "build.bazel.remote.execution.v2.";
  const std::string assets = "build.bazel.remote.asset.v1.";
  std::vector<watched_store> all;
  if (options.serve) {
    const auto& name = options.serve->content.name;
    all.push_back({name,
                   stores.find(name),
                   {"", reapi + "ContentAddressableStorage", "google.bytestream.ByteStream",
                    reapi + "ActionCache", reapi + "Execution", assets + "Fetch", assets + "Push"}});
  }
  if (options.serve && options.serve->results) {
    const auto& name = options.serve->results->name;
    all.push_back({name, stores.find(name), {"", reapi + "ActionCache", assets + "Fetch", assets + "Push"}});
  }
  if (options.worker && !(options.serve && options.serve->content.name == options.worker->cas.name))
    all.push_back({options.worker->cas.name, stores.find(options.worker->cas.name),
                   options.serve ? std::vector<std::string>() : std::vector<std::string>{""}});
  return all;
}

}  // namespace

assembly::assembly(std::unique_ptr<parts> all) : parts_(std::move(all)) {}

assembly::~assembly() {
  caf::anon_send_exit(parts_->drain, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(parts_->guardian, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(parts_->store_watch, caf::exit_reason::user_shutdown);
  // Transports first: nobody may call into services that are gone. Stores last.
  parts_->transports.clear();
  parts_->work.reset();
  parts_->services.end();
  if (parts_->scheduler) caf::anon_send_exit(parts_->scheduler, caf::exit_reason::user_shutdown);
}

expected<std::unique_ptr<assembly>> assembly::start(const configuration& wanted,
                                                    const plugin_registry& plugins, caf::actor_system& system,
                                                    const environment& env,
                                                    const std::function<void(const error&)>& in_vain) {
  const auto& options = wanted.options;
  std::unique_ptr<assembly> made(new assembly(std::make_unique<parts>()));
  auto& all = *made->parts_;
  all.env = env;

  if (options.log.calls && env.log != nullptr) log_calls(all.hooks, *env.log);
  const auto of_workers = options.serve ? options.serve->workers : std::string();
  auto transports = make_transports(options.transports, of_workers, plugins, env, all.hooks);
  if (!transports) return failure(transports.error());
  all.transports = std::move(*transports);
  if (auto joined = bring_guests(all.transports); !joined) return failure(joined.error());
  auto dial = [&all](const std::string& endpoint) { return dial_through(all.transports, endpoint); };

  store_context base{system, env, {}, store_role::content, {}, dial};
  auto stores = store_tree::spawn(wanted.stores, wanted.roles, plugins, base);
  if (!stores) return failure(stores.error());
  all.stores = std::move(*stores);

  if (options.serve) {
    const auto& serve = *options.serve;
    auto results = serve.results ? all.stores.find(serve.results->name) : store_actor();
    const record_names names(serve.results && all.stores.shares_names(serve.results->name));
    auto token = token_for_workers(options, env);
    if (!token) return failure(token.error());
    all.worker_listener = serve.workers;
    if (serve.execution)
      all.scheduler =
          spawn_scheduler(system, env, serve.scheduler, results, names, all.stores.find(serve.content.name));
    service_peers peers{all.stores.find(serve.content.name), results, all.scheduler, names,
                        speaks_http(all.transports)};
    peers.results_indexed = serve.results && may_be_indexed(wanted.promises.at(serve.results->name),
                                                            wanted.promises.at(serve.content.name));
    all.services = serve_all(system, env, serve, peers, *token, all.routes);
  } else {
    all.services = serve_status(system, env, speaks_http(all.transports), all.routes);
  }
  if (options.worker) {
    auto place = workplace::open(system, env, options, all.stores, all.scheduler, dial, in_vain);
    if (!place) return with_context(place.error(), "worker");
    all.work = std::move(*place);
  }
  if (auto open = made->open_listeners(); !open) return failure(open.error());
  if (all.services.health) caf::anon_send(all.services.health, set_serving{true});
  all.store_watch = spawn_store_watch(system, env, stores_to_watch(options, all.stores), all.services.health);
  all.guardian = spawn_guardian(system, made->guarded(), env.log);
  all.drain = made->plan_drain(system, options.drain_patience);
  return made;
}

// Guests first: their hosts send them whoever comes.
expected<void> assembly::open_listeners() {
  auto& all = *parts_;
  for (bool guests : {true, false})
    for (auto& [name, one] : all.transports) {
      if (one->beside().empty() == guests) continue;
      const auto& routes = name == all.worker_listener ? all.routes.workers
                           : one->scheme() == http     ? all.routes.web
                                                       : all.routes.clients;
      if (auto open = one->serve(routes); !open) return with_context(open.error(), "transport {}", name);
    }
  return {};
}

std::vector<guarded_actor> assembly::guarded() const {
  std::vector<guarded_actor> all;
  for (const auto& [name, store] : parts_->stores.all())
    all.push_back({"store " + name, caf::actor_cast<caf::strong_actor_ptr>(store)});
  for (const auto& [name, service] : parts_->services.all) all.push_back({name, service});
  if (parts_->scheduler)
    all.push_back({"scheduler", caf::actor_cast<caf::strong_actor_ptr>(parts_->scheduler)});
  if (parts_->work)
    for (const auto& each : parts_->work->guarded()) all.push_back(each);
  return all;
}

// The order is the promise: running work, listeners, the calls' last words, the stores. While actions run to
// their end the listeners stay open: a client that is turned away comes back for a few seconds, less than
// many an action takes, and then its build has failed. What runs has `patience` once, whoever waits for it:
// scheduler and worker of one node wait for the same actions.
drain_actor assembly::plan_drain(caf::actor_system& system, duration patience) const {
  auto& all = *parts_;
  auto calls = std::make_shared<rest>(all.transports.size());
  auto until = std::make_shared<steady_time>();
  const auto closing = patience + time_to_close;
  std::vector<drain_step> steps;
  steps.push_back({"health", patience, [&all, until, patience](auto done) {
                     *until = all.env.time->now() + patience;
                     // Before its scheduler dismisses it, which would have it look for another session.
                     if (all.work) caf::anon_send(all.work->worker(), drain_worker{});
                     if (all.services.health) caf::anon_send(all.services.health, set_serving{false});
                     done();
                   }});
  if (all.scheduler)
    steps.push_back(
        {"scheduler", patience, until_answered<scheduler_drained>(system, all.scheduler, drain_scheduler{})});
  if (all.work)
    steps.push_back(
        {"worker", patience, until_answered<worker_drained>(system, all.work->worker(), drain_worker{})});
  steps.push_back({"listeners", closing, [&all, calls, until](auto done) {
                     if (all.scheduler) caf::anon_send(all.scheduler, close_scheduler{});
                     auto left = std::max(*until - all.env.time->now(), duration::zero());
                     for (auto& [name, listener] : all.transports)
                       listener->drain(left, [calls] { calls->arrive(); });
                     done();
                   }});
  steps.push_back({"calls", closing, [calls](auto done) { calls->when_reached(std::move(done)); }});
  for (const auto& [name, store] : all.stores.all())
    steps.push_back({"store " + name, closing, until_answered<store_flushed>(system, store, flush_store{})});
  return spawn_drain(system, std::move(steps), all.env.log);
}

std::vector<listener> assembly::listeners() const {
  std::vector<listener> found;
  for (const auto& [name, one] : parts_->transports) {
    const auto* host = find_transport(parts_->transports, one->beside());
    for (auto& address : (host != nullptr ? host : one.get())->addresses())
      found.push_back(
          {std::move(address), one->protects(), name == parts_->worker_listener, std::string(one->scheme())});
  }
  std::stable_partition(found.begin(), found.end(), [](const auto& one) { return !one.for_workers; });
  return found;
}

std::vector<std::string> assembly::addresses() const {
  std::vector<std::string> found;
  for (auto& one : listeners())
    if (!one.for_workers && one.scheme != http) found.push_back(std::move(one.address));
  return found;
}

const router& assembly::client_routes() const noexcept {
  return parts_->routes.clients;
}

scheduler_actor assembly::scheduler() const noexcept {
  return parts_->scheduler;
}

drain_actor assembly::drain() const noexcept {
  return parts_->drain;
}

}  // namespace kiln
