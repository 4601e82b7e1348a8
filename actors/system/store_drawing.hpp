#pragma once

#include <string>

#include "actors/system/configuration.hpp"

namespace kiln {

/// The stores of a configuration as lines of text, each above those it stands on: its name, its type, what it
/// holds and what it promises. A store that stands below several is drawn with what is below it once.
std::string draw_stores(const configuration& known);

}  // namespace kiln
