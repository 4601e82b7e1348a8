#include "actors/system/banner.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/config/endpoint.hpp"

namespace kiln {
namespace {

// What a client on this machine dials for an address that may stand for all interfaces.
std::string dialled(std::string address) {
  for (const char* any : {"0.0.0.0:", "[::]:"})
    if (address.starts_with(any)) return "127.0.0.1:" + address.substr(std::string_view(any).size());
  return address;
}

// As clients spell it.
std::string endpoint_of(const listener& one) {
  if (one.address.starts_with("unix:")) return one.address;
  return (one.protects != protection::none ? "grpcs://" : "grpc://") + dialled(one.address);
}

void print_client_lines(const std::string& endpoint, bool executes) {
  std::printf("\nPaste into .bazelrc:\n\n");
  std::printf("    build --remote_cache=%s\n", endpoint.c_str());
  if (executes) {
    std::printf("    build --remote_executor=%s\n", endpoint.c_str());
    std::printf("    build --spawn_strategy=remote,local\n");
  }
  std::printf("\n");
}

std::string user_name() {
  const passwd* known = ::getpwuid(::geteuid());
  return known != nullptr ? known->pw_name : fmt::format("user {}", ::geteuid());
}

void print_listeners(const std::vector<listener>& all, const node_options& options) {
  for (const auto& one : all) {
    if (!one.for_workers)
      std::printf("kiln listens on %s\n", one.address.c_str());
    else
      std::printf("kiln takes workers on %s; they show the token in %s\n", one.address.c_str(),
                  options.worker_token.c_str());
  }
}

// What people should know before others find out.
void print_warnings(const std::vector<listener>& all, const node_options& options) {
  for (const auto& one : all) {
    if (!is_open_to_the_network(one.address)) continue;
    if (one.for_workers && one.protects == protection::none)
      std::printf("kiln warns: the workers' token goes to %s in the clear\n", one.address.c_str());
    if (!one.for_workers && one.protects != protection::identified)
      std::printf("kiln warns: %s is open to the network; whoever reaches it may %s\n", one.address.c_str(),
                  options.serve && options.serve->execution ? "read and write the cache and run actions"
                                                            : "read and write the cache");
  }
  if (options.worker)
    std::printf("kiln warns: actions run as %s on this machine, and may do there what %s may\n",
                user_name().c_str(), user_name().c_str());
}

}  // namespace

void print_banner(const assembly& running, const node_options& options) {
  auto all = running.listeners();
  print_listeners(all, options);
  for (const auto& store : options.stores)
    if (auto path = store.description.find("path"))
      std::printf("kiln keeps %s in %s\n", store.name.c_str(), path->text().c_str());
  if (!options.scheduler.empty()) std::printf("kiln works for %s\n", options.scheduler.c_str());
  print_warnings(all, options);
  if (options.serve && !all.empty() && !all.front().for_workers)
    print_client_lines(endpoint_of(all.front()), options.serve->execution.has_value());
  std::fflush(stdout);
}

}  // namespace kiln
