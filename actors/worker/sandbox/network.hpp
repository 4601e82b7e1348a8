#pragma once

#include <string_view>

#include "actors/worker/worker_options.hpp"
#include "core/contract/action.hpp"

/// Which actions have the machine's network: the platform property `network` says it, `on` or `off`.
namespace kiln {

std::string_view name_of(sandbox_network which) noexcept;

/// What a worker offers under that name, so that an action comes only where it has what it asks for.
platform_properties offered_networks(bool sandboxed, sandbox_network how);

/// Whether an action with this platform has the machine's, in a sandbox.
bool has_network(sandbox_network how, const platform_properties& platform) noexcept;

}  // namespace kiln
