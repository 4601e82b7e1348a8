#include "core/base/error.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace kiln {

std::string_view name_of(errc code) noexcept {
  static constexpr std::array<std::string_view, 17> names = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : "UNKNOWN";
}

error error::in_context(std::string_view doing) const {
  error result = *this;
  result.message_ = fmt::format("{}: {}", doing, message_);
  return result;
}

std::string error::to_string() const {
  return fmt::format("{}: {}", name_of(code_), message_);
}

namespace {

errc errc_of_errno(int errno_value) noexcept {
  switch (errno_value) {
    case ENOENT:
      return errc::not_found;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return errc::resource_exhausted;
    case EROFS:
      return errc::unavailable;
    case EACCES:
    case EPERM:
      return errc::permission_denied;
    case EEXIST:
      return errc::already_exists;
    default:
      return errc::internal;
  }
}

}  // namespace

error system_error(int errno_value, std::string_view doing) {
  return {errc_of_errno(errno_value),
          fmt::format("{}: {}", doing, std::generic_category().message(errno_value))};
}

}  // namespace kiln
