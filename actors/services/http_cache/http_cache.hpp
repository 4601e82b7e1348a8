#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <string_view>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/compression.hpp"
#include "actors/services/common/rpc.hpp"
#include "actors/services/health/health.hpp"
#include "core/config/schema.hpp"
#include "core/contract/action_cache_messages.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"
#include "core/digest/record_key.hpp"
#include "core/plugin/environment.hpp"

/// The cache for those who speak plain HTTP: Bazel (--remote_cache=http://), ccache, sccache, curl; and what
/// people look at: /metrics, /healthz and /readyz.
namespace kiln {

/// Requests are methods that begin so: "/kiln.http/GET/cas/0b1c...".
inline constexpr std::string_view http_prefix = "/kiln.http/";

struct http_cache_settings {
  bool validate_results = true;
  bool values = true;
  byte_size max_value_size{64 << 20};
};
schema<http_cache_settings> http_cache_schema();

struct http_cache_options {
  environment env;
  store_actor content;        ///< null: metrics and health alone
  store_actor results;        ///< may be null: then only blobs are kept
  action_cache_actor lookup;  ///< null where `results` is
  health_actor health;
  cache_limits limits;
  compression zstd;
  unsigned max_encoders = 32;  ///< blobs compressed at once, some 4 MiB each; others go as they are
  http_cache_settings settings;
  bool client_updates = true;  ///< whether clients may write what is no blob
  record_names names = record_names();
};

struct http_request : inbound {};
using http_cache_actor = caf::typed_actor<caf::reacts_to<http_request>, caf::reacts_to<resume>>;

http_cache_actor spawn_http_cache(caf::actor_system& system, http_cache_options options);
void add_routes(router& routes, const http_cache_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::http_request)
