#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/remote_asset/asset_request.hpp"
#include "actors/services/remote_asset/web_spool.hpp"
#include "actors/services/remote_asset/web_transfer.hpp"
#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/plugin/environment.hpp"

/// What nobody has pushed, fetched from where its URI says: only where the configuration allows it, and only
/// what is known by its checksum unless that allows more.
namespace kiln {

enum class web_scheme : std::uint8_t { http, https };

struct web_fetch_settings {
  std::vector<std::string> hosts;
  std::vector<web_scheme> schemes = {web_scheme::https};
  std::optional<duration> unchecked;  ///< how long one without a checksum is kept; none: not fetched
  std::optional<byte_size> max_size = 4_GiB;
  duration timeout = std::chrono::minutes(10);
  duration connect_timeout = std::chrono::seconds(10);
  duration stall_timeout = std::chrono::seconds(30);
  unsigned redirects = 5;
  unsigned at_once = 4;
  std::string temp_folder = "/var/tmp";
  std::string proxy;
  std::string certificate_bundle;
};
schema<web_fetch_settings> web_fetch_schema();
/// Where they allow to go. INVALID_ARGUMENT naming a host that is none.
expected<web_rules> rules_of(const web_fetch_settings& from);

/// What was fetched: a blob, but for its place in a store.
struct web_found {
  std::size_t uri = 0;  ///< the place of the one that led to it
  digest content;
  std::shared_ptr<web_spool> bytes;
  wall_time started;
};

/// Tries the URIs in order until one gives what was asked for. The error is the one that tells most: what may
/// get better before what will not, and anything before NOT_FOUND. Blocks, for thread pools.
class web_fetcher {
public:
  /// The schema has seen the settings to be good.
  web_fetcher(const web_fetch_settings& settings, const cache_limits& limits, const environment& env);

  /// Whether any of its URIs says where to go at all.
  static bool concerns(const asset_question& asked);
  expected<web_found> fetch(const asset_question& asked, const std::atomic<bool>& stop) const;

private:
  expected<web_found> fetch_one(const asset_question& asked, std::size_t uri, web_spool& spool,
                                steady_time deadline, const std::atomic<bool>& stop) const;

  const web_fetch_settings settings_;
  const web_rules rules_;
  const web_manners manners_;
  const clock& time_;
  disk& on_;
};

}  // namespace kiln
