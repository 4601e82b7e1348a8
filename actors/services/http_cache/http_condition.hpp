#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/digest/digest.hpp"

namespace kiln {

/// The entity tag of bytes whose hash is known. Weak: of bytes that are sent in another form.
std::string entity_tag(const digest& blob, bool weak = false);

enum class condition_result : std::uint8_t {
  holds,         ///< or there is none
  not_modified,  ///< the client has what it asks for: 304
  fails,         ///< 412
};

/// What a client wants to be so before its request is done: If-Match and If-None-Match (RFC 9110, 13.1).
/// `there` is the entity tag of what is there now, empty where it has none; nullopt: nothing is there.
/// Conditions on dates are passed over, as they are where nothing has a date.
condition_result check_condition(std::string_view if_match, std::string_view if_none_match, bool reading,
                                 const std::optional<std::string>& there);

}  // namespace kiln
