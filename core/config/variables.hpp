#pragma once

#include <string>
#include <string_view>

#include "core/config/document.hpp"

namespace kiln {

/// `text` with its variables filled in (see parse_document). INVALID_ARGUMENT for one that is unknown and has
/// no default, for a bad name, and for a "${" that nobody closes. Values are taken as they are, not looked
/// into.
expected<std::string> fill_variables(std::string_view text, const variable_lookup& lookup);

}  // namespace kiln
