#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

/// A blob that is larger than a store will ever take. Stores that are only full say RESOURCE_EXHAUSTED as
/// well; a detail, which travels as all details do, tells the one from the other.
namespace kiln {

/// RESOURCE_EXHAUSTED, and no try will end otherwise: `most` bytes is what the store takes.
error too_large_for_store(const digest& blob, std::string_view store, std::uint64_t most);

/// The bytes that the store would have taken, if that is what the error says.
std::optional<std::uint64_t> max_taken(const error& fault);

}  // namespace kiln
