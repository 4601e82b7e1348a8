#include "actors/worker/worker_profile.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "actors/worker/sandbox/input_root_place.hpp"
#include "actors/worker/sandbox/network.hpp"

namespace kiln {
namespace {

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "worker";
}

}  // namespace

worker_profile profile_of(const worker_options& options, const own_machine& machine, random_source& random) {
  worker_profile profile;
  profile.name =
      options.name.empty() ? fmt::format("{}-{:08x}", host_name(), random.next() & 0xffffffff) : options.name;
  for (const auto& [name, values] : options.properties)
    for (const auto& value : values) profile.properties.emplace_back(name, value);
  for (auto& usual : usual_properties(machine))
    if (!options.properties.contains(usual.first)) profile.properties.push_back(std::move(usual));
  std::sort(profile.properties.begin(), profile.properties.end());
  // Twice as many as processors, so that some fetch and upload while others run.
  profile.slots = options.slots.value_or(2 * machine.processors);
  profile.epoch = random.next();
  profile.max_timeout = options.max_timeout;
  profile.shows_output = true;
  return profile;
}

void complete(worker_profile& profile, const worker_options& options, bool sandboxed) {
  auto offered = offered_networks(sandboxed, options.sandbox.network);
  for (auto& place : offered_input_roots(sandboxed)) offered.push_back(std::move(place));
  for (auto& one : offered)
    if (!options.properties.contains(one.first)) profile.properties.push_back(std::move(one));
  std::sort(profile.properties.begin(), profile.properties.end());
}

}  // namespace kiln
