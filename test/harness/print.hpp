#pragma once

#include <boost/test/tools/detail/print_helper.hpp>
#include <ostream>

#include "core/base/error.hpp"
#include "core/contract/execution.hpp"

/// How our values look in a failed check.
namespace boost::test_tools::tt_detail {
template <>
struct print_log_value<kiln::errc> {
  void operator()(std::ostream& to, kiln::errc code) { to << kiln::name_of(code); }
};
template <>
struct print_log_value<kiln::stage> {
  void operator()(std::ostream& to, kiln::stage now) { to << static_cast<int>(now); }
};
}  // namespace boost::test_tools::tt_detail
