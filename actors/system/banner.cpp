#include "actors/system/banner.hpp"

#include <cstdio>

namespace kiln {
namespace {

// What a client on this machine dials for an address that may stand for all interfaces.
std::string dialled(std::string address) {
  for (const char* any : {"0.0.0.0:", "[::]:"})
    if (address.starts_with(any)) return "127.0.0.1:" + address.substr(std::string_view(any).size());
  return address;
}

void print_client_lines(const std::string& address, bool executes) {
  std::printf("\nPaste into .bazelrc:\n\n");
  std::printf("    build --remote_cache=grpc://%s\n", address.c_str());
  if (executes) {
    std::printf("    build --remote_executor=grpc://%s\n", address.c_str());
    std::printf("    build --spawn_strategy=remote,local\n");
  }
  std::printf("\n");
}

}  // namespace

void print_banner(const assembly& running, const node_options& options) {
  auto addresses = running.addresses();
  for (const auto& address : addresses) std::printf("kiln listens on %s\n", address.c_str());
  for (const auto& store : options.stores)
    if (auto path = store.description.find("path"))
      std::printf("kiln keeps %s in %s\n", store.name.c_str(), path->text().c_str());
  if (options.serve && !addresses.empty())
    print_client_lines(dialled(addresses.front()), options.serve->execution.has_value());
  if (!options.scheduler.empty()) std::printf("kiln works for %s\n", options.scheduler.c_str());
  std::fflush(stdout);
}

}  // namespace kiln
