#include "actors/worker/sandbox/input_root_place.hpp"

#include <algorithm>

#include "actors/worker/command/launcher/protocol.hpp"

namespace kiln {
namespace {

constexpr const char* place_property = "InputRootAbsolutePath";

}  // namespace

platform_properties offered_input_roots(bool sandboxed) {
  if (!sandboxed) return {};
  return {{place_property, "/"}, {place_property, launcher::sandbox_root}};
}

bool is_at_root(const platform_properties& platform) noexcept {
  return std::any_of(platform.begin(), platform.end(),
                     [](const auto& one) { return one.first == place_property && one.second == "/"; });
}

}  // namespace kiln
