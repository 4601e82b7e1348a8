#pragma once

#include <memory>
#include <vector>

#include "core/contract/transport.hpp"

namespace kiln::grpc_store {

/// Several ways to one endpoint as one: each call takes the next, at least one of them.
std::shared_ptr<channel> spread_over(std::vector<std::shared_ptr<channel>> ways);

}  // namespace kiln::grpc_store
