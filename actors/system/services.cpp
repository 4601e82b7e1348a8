#include "actors/system/services.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/byte_stream/byte_stream.hpp"
#include "actors/services/capabilities/capabilities.hpp"
#include "actors/services/chunking/chunking.hpp"
#include "actors/services/content_addressable_storage/content_addressable_storage.hpp"
#include "actors/services/execution/execution.hpp"
#include "actors/services/execution/operations.hpp"
#include "actors/services/get_tree/get_tree.hpp"
#include "actors/services/health/health.hpp"
#include "actors/services/http_cache/http_cache.hpp"
#include "actors/services/reflection/reflection.hpp"
#include "actors/services/remote_asset/remote_asset.hpp"
#include "actors/services/worker_api/worker_api.hpp"

namespace kiln {
namespace {

// Adds the routes of a service and keeps it with the others.
template <class Service>
Service with_routes(served_services& services, router& routes, const char* name, Service service) {
  add_routes(routes, service);
  services.all.emplace_back(name, caf::actor_cast<caf::strong_actor_ptr>(service));
  return service;
}

// The same for a service that may be several actors; one has been enough so far (docs/performance.md).
template <class Service>
void with_lane(served_services& services, router& routes, const char* name, Service service) {
  add_routes(routes, std::vector{service});
  services.all.emplace_back(name, caf::actor_cast<caf::strong_actor_ptr>(service));
}

void serve_cache(caf::actor_system& system, const environment& env, const serve_options& options,
                 const service_peers& peers, const interpreting& reading, router& routes,
                 served_services& services) {
  const auto zstd = make_compression(env, options.compression);
  live_output_actor outputs;
  if (peers.scheduler) {
    outputs = spawn_live_output(system, peers.scheduler, peers.content, options.byte_stream.output_readers);
    services.all.emplace_back("live_output", caf::actor_cast<caf::strong_actor_ptr>(outputs));
  }
  with_lane(services, routes, "content_addressable_storage",
            spawn_content_addressable_storage(system, env, options.limits, zstd, peers.content));
  with_lane(
      services, routes, "byte_stream",
      spawn_byte_stream(system, env, options.byte_stream, options.limits, zstd, peers.content, outputs));
  auto trees = spawn_tree_coalescer(system, env, options.get_tree, peers.content, reading);
  services.all.emplace_back("tree_coalescer", caf::actor_cast<caf::strong_actor_ptr>(trees));
  with_routes(services, routes, "get_tree",
              spawn_get_tree(system, env, options.get_tree, options.limits, peers.content, trees));
  if (options.chunking)
    with_routes(services, routes, "chunking",
                spawn_chunking(system, env, *options.chunking, options.limits, peers.content));
}

// Whoever may not write results may not push either: what is pushed is believed as they are.
void serve_assets(caf::actor_system& system, const environment& env, const serve_options& options,
                  const service_peers& peers, const action_cache_actor& results, router& routes,
                  served_services& services) {
  remote_asset_options assets{
      env, results, peers.results, peers.content, options.limits, options.remote_asset, peers.names};
  assets.settings.push = assets.settings.push && options.action_cache.client_updates;
  with_routes(services, routes, "remote_asset", spawn_remote_asset(system, assets));
}

void serve_web(caf::actor_system& system, const environment& env, const serve_options& options,
               const service_peers& peers, const action_cache_actor& results, const health_actor& health,
               router& routes, served_services& services) {
  http_cache_options web{env, peers.content, peers.results, results, health};
  web.limits = options.limits;
  web.zstd = make_compression(env, options.compression);
  web.settings = options.http_cache;
  web.client_updates = options.action_cache.client_updates;
  web.names = peers.names;
  with_routes(services, routes, "http_cache", spawn_http_cache(system, web));
}

}  // namespace

served_services serve_all(caf::actor_system& system, const environment& env, const serve_options& options,
                          const service_peers& peers, const std::optional<bearer_token>& token,
                          node_routes& routes) {
  served_services services;
  auto& clients = routes.clients;
  const auto reading = make_interpreting(env, options.limits.max_parsing_memory);
  serve_cache(system, env, options, peers, reading, clients, services);
  action_cache_actor results;
  if (peers.results)
    results = with_routes(
        services, clients, "action_cache",
        spawn_action_cache(system, {env, peers.results, peers.content, options.action_cache, options.limits,
                                    peers.names, reading, peers.results_indexed}));
  if (peers.results) serve_assets(system, env, options, peers, results, clients, services);
  if (peers.scheduler) {
    with_routes(services, clients, "execution",
                spawn_execution(system, env, *options.execution, options.limits,
                                {peers.content, results, peers.scheduler, reading}));
    with_routes(services, clients, "operations", spawn_operations(system, env, peers.scheduler));
  }
  if (peers.scheduler && token)
    with_routes(services, routes.workers, "worker_api",
                spawn_worker_api(system, env, peers.scheduler, *token, peers.content,
                                 options.limits.digest_functions.front()));
  capabilities_options able;
  able.serves_execution = peers.scheduler != nullptr;
  able.action_cache_updates = peers.results && options.action_cache.client_updates;
  able.limits = options.limits;
  if (options.chunking) able.chunking = options.chunking->parameters();
  with_routes(services, clients, "capabilities", spawn_capabilities(system, env, able));
  // These two tell of all the others, so they come last.
  auto names = clients.services();
  for (auto& name : routes.workers.services()) names.push_back(std::move(name));
  auto health = with_routes(services, clients, "health", spawn_health(system, {env, names}));
  add_routes(routes.workers, health);
  services.health = health;
  if (peers.web) serve_web(system, env, options, peers, results, health, routes.web, services);
  names = clients.services();
  names.emplace_back("grpc.reflection.v1alpha.ServerReflection");
  with_routes(services, clients, "reflection", spawn_reflection(system, std::move(names)));
  return services;
}

served_services serve_status(caf::actor_system& system, const environment& env, bool web,
                             node_routes& routes) {
  served_services services;
  auto health = with_routes(services, routes.clients, "health", spawn_health(system, {env, {}}));
  services.health = health;
  if (web)
    with_routes(services, routes.web, "http_status", spawn_http_cache(system, {env, {}, {}, {}, health}));
  return services;
}

void served_services::end() {
  for (auto& [name, actor] : all)
    caf::anon_send_exit(caf::actor_cast<caf::actor>(actor), caf::exit_reason::user_shutdown);
  all.clear();
  health = nullptr;
}

}  // namespace kiln
