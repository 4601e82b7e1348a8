#include "actors/system/banner.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "core/config/endpoint.hpp"

namespace kiln {
namespace {

constexpr std::string_view http_type = "http";

using banner_sink = std::back_insert_iterator<std::string>;

// What a client on this machine dials for an address that may stand for all interfaces.
std::string dialled(std::string address) {
  for (const char* any : {"0.0.0.0:", "[::]:"})
    if (address.starts_with(any)) return "127.0.0.1:" + address.substr(std::string_view(any).size());
  return address;
}

// As clients spell it.
std::string endpoint_of(const listener& one) {
  if (one.address.starts_with("unix:")) return one.address;
  return one.scheme + (one.protects == protection::none ? "://" : "s://") + dialled(one.address);
}

bool executes(const node_options& options) {
  return options.serve && options.serve->execution;
}

void tell_listeners(banner_sink to, const std::vector<listener>& all, const node_options& options) {
  std::set<std::string_view> told;
  for (const auto& one : all) {
    const bool fresh = told.insert(one.address).second;
    if (!one.for_workers && fresh) fmt::format_to(to, "kiln listens on {}\n", one.address);
    if (one.scheme == http_type)
      fmt::format_to(to, "kiln speaks HTTP at {}\n", endpoint_of(one));
    else if (one.for_workers)
      fmt::format_to(to, "kiln takes workers on {}; they show the token in {}\n", one.address,
                     options.worker_token);
  }
}

void tell_stores(banner_sink to, const node_options& options) {
  for (const auto& store : options.stores)
    if (auto path = store.description.find("path"))
      fmt::format_to(to, "kiln keeps {} in {}\n", store.name, path->text());
}

// Before others find out.
void warn_of_strangers(banner_sink to, const listener& one, const node_options& options) {
  if (!is_open_to_the_network(one.address)) return;
  if (one.for_workers && one.protects == protection::none)
    fmt::format_to(to, "kiln warns: workers send their token to {} in the clear\n", one.address);
  if (!options.serve)
    fmt::format_to(to, "kiln warns: {} is open to the network: whoever reaches it may read the metrics\n",
                   one.address);
  else if (!one.for_workers && one.protects != protection::identified)
    fmt::format_to(to, "kiln warns: {} is open to the network: whoever reaches it may use the cache{}\n",
                   one.address, executes(options) ? " and run actions" : "");
}

void warn_of_actions(banner_sink to, const node_options& options) {
  if (options.worker)
    fmt::format_to(to,
                   "kiln warns: whoever may ask for actions runs commands on this machine; as whom, the log "
                   "says\n");
}

// What speaks gRPC before what does not.
const listener* first_for_clients(const std::vector<listener>& all) {
  for (bool grpc : {true, false})
    for (const auto& one : all)
      if (!one.for_workers && (one.scheme != http_type) == grpc) return &one;
  return nullptr;
}

void tell_clients(banner_sink to, const std::string& endpoint, const node_options& options) {
  fmt::format_to(to, "\nPaste into .bazelrc:\n\n    build --remote_cache={}\n", endpoint);
  if (executes(options))
    fmt::format_to(to, "    build --remote_executor={}\n    build --spawn_strategy=remote,local\n", endpoint);
  fmt::format_to(to, "\n");
}

}  // namespace

std::string banner(const std::vector<listener>& listeners, const node_options& options) {
  std::string all;
  banner_sink to(all);
  tell_listeners(to, listeners, options);
  tell_stores(to, options);
  if (!options.scheduler.empty()) fmt::format_to(to, "kiln works for {}\n", options.scheduler);
  std::set<std::string_view> warned_of;
  for (const auto& one : listeners)
    if (warned_of.insert(one.address).second) warn_of_strangers(to, one, options);
  warn_of_actions(to, options);
  if (const auto* first = first_for_clients(listeners); options.serve && first != nullptr)
    tell_clients(to, endpoint_of(*first), options);
  return all;
}

}  // namespace kiln
