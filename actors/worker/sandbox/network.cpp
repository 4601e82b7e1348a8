#include "actors/worker/sandbox/network.hpp"

#include <algorithm>

namespace kiln {
namespace {

constexpr const char* network_property = "network";

}  // namespace

std::string_view name_of(sandbox_network which) noexcept {
  switch (which) {
    case sandbox_network::off:
      return "off";
    case sandbox_network::on:
      return "on";
    case sandbox_network::by_property:
      break;
  }
  return "by_property";
}

platform_properties offered_networks(bool sandboxed, sandbox_network how) {
  platform_properties offered;
  if (sandboxed && how != sandbox_network::on) offered.emplace_back(network_property, "off");
  if (!sandboxed || how != sandbox_network::off) offered.emplace_back(network_property, "on");
  return offered;
}

bool has_network(sandbox_network how, const platform_properties& platform) noexcept {
  if (how != sandbox_network::by_property) return how == sandbox_network::on;
  return std::any_of(platform.begin(), platform.end(),
                     [](const auto& one) { return one.first == network_property && one.second == "on"; });
}

}  // namespace kiln
