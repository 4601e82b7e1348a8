#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/rpc.hpp"
#include "actors/services/remote_asset/web_fetch.hpp"
#include "core/config/schema.hpp"
#include "core/contract/action_cache_messages.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

/// build.bazel.remote.asset.v1.Fetch and Push: blobs and directories by the names that the world knows them
/// by. They are kept as results (asset_record.hpp), so the action cache says whether one is still whole.
namespace kiln {

struct remote_asset_settings {
  bool push = true;
  std::vector<std::string> qualifiers;
  std::optional<web_fetch_settings> fetch;  ///< from the network; none: never
};
schema<remote_asset_settings> remote_asset_schema();

struct remote_asset_options {
  environment env;
  action_cache_actor lookup;  ///< answers only results that are whole
  store_actor results;        ///< the same that `lookup` looks in
  store_actor content;
  cache_limits limits;
  remote_asset_settings settings;
  record_names names = record_names();
};

struct fetch_blob : inbound {};
struct fetch_directory : inbound {};
struct push_blob : inbound {};
struct push_directory : inbound {};
/// A thread has fetched what was asked for, or not.
struct asset_fetched {
  std::uint64_t fetch = 0;
  std::shared_ptr<expected<web_found>> outcome;
};
/// A client that waited for a fetch has left, or its deadline has passed.
struct asset_waiter_left {
  std::uint64_t fetch = 0;
};

using remote_asset_actor = caf::typed_actor<caf::reacts_to<fetch_blob>, caf::reacts_to<fetch_directory>,
                                            caf::reacts_to<push_blob>, caf::reacts_to<push_directory>,
                                            caf::reacts_to<asset_fetched>, caf::reacts_to<asset_waiter_left>>;

remote_asset_actor spawn_remote_asset(caf::actor_system& system, const remote_asset_options& options);
void add_routes(router& routes, const remote_asset_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::fetch_blob)
KILN_MESSAGE(kiln::fetch_directory)
KILN_MESSAGE(kiln::push_blob)
KILN_MESSAGE(kiln::push_directory)
KILN_MESSAGE(kiln::asset_fetched)
KILN_MESSAGE(kiln::asset_waiter_left)
