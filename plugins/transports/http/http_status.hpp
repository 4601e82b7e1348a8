#pragma once

#include <string_view>

#include "core/base/error.hpp"

namespace kiln::http_plugin {

/// The status that tells a client of HTTP the same.
int status_of(errc code) noexcept;
/// "Not Found"; empty for a status we never heard of.
std::string_view reason_of(int status) noexcept;

}  // namespace kiln::http_plugin
