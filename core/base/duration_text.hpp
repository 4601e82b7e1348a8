#pragma once

#include <string>

#include "core/base/clock.hpp"

namespace kiln {

/// For people: "138 ms", "2.1 s", "3 min", "1 h 5 min". (units.hpp writes what can be read back.)
std::string in_words(duration time);

}  // namespace kiln
