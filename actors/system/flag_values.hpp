#pragma once

#include <span>
#include <string>
#include <string_view>

#include "actors/system/commands.hpp"
#include "core/base/error.hpp"
#include "core/config/faults.hpp"

/// What the values of flags have to be. Plain functions; an error is INVALID_ARGUMENT, repeats the value and
/// says what it may be, for whoever knows the flag to put its name in front.
namespace kiln {

/// A flag that stands for a variable of a configuration, the profiles' own first of all.
struct variable_flag {
  std::string_view flag;      ///< "--listen"
  std::string_view variable;  ///< "KILN_LISTEN"
  expected<void> (*demand)(const std::string&);
};
std::span<const variable_flag> variable_flags() noexcept;

/// Neither empty nor blank, which is what a variable of the shell leaves that was never set.
expected<void> is_said(const std::string& text);
/// Something that the system takes for the name of a file or folder.
expected<void> is_path(const std::string& text);
/// What every message that names it can carry; the empty one is an instance, too.
expected<void> is_instance(const std::string& text);

/// A number within these bounds.
template <class T>
expected<T> parse_number(const std::string& text, T least, T most);

/// What was given for variables, on the command line and in the environment, is what a profile wants there.
/// Of a configuration of the user's own nobody knows what it wants.
expected<void> check_variables(const serve_request& request);
/// Nothing was given on the command line that the configuration has no use for.
expected<void> check_all_used(const serve_request& request, std::span<const std::string> unused);

}  // namespace kiln
