#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

/// How the output of an action that runs is called in ByteStream:
///
///     {instance/}operations/{id}/attempts/{number}/stdout
///
/// or `stderr`, where what stands in front of "attempts" is the name of the client's operation. No instance
/// has a keyword of the API for a segment, so none of these is the name of a blob.
namespace kiln {

enum class standard_stream : std::uint8_t { out = 1, err = 2 };

struct output_name {
  std::string operation;
  std::uint64_t attempt = 0;  ///< counts from 1
  standard_stream stream = standard_stream::out;
};

/// Whether this is, or is meant to be, such a name.
bool names_output(std::string_view name) noexcept;
/// INVALID_ARGUMENT, saying which part is wrong.
expected<output_name> parse_output_name(std::string_view name);
std::string make_output_name(const output_name& what);

}  // namespace kiln
