#pragma once

#include <ostream>

#include "core/base/error.hpp"
#include "core/contract/action.hpp"

/// How our values look in a failed check.
namespace kiln {

inline std::ostream& boost_test_print_type(std::ostream& to, errc code) {
  return to << name_of(code);
}

inline std::ostream& boost_test_print_type(std::ostream& to, stage now) {
  return to << static_cast<int>(now);
}

}  // namespace kiln
