#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace kiln {

/// The canonical codes of gRPC, with its numbers: they travel to the client as they are.
enum class errc : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

/// "INVALID_ARGUMENT" and so on.
std::string_view name_of(errc code) noexcept;

/// One packed google.protobuf.Any: what a client reads beside the sentence (core/wire makes them).
struct error_detail {
  std::string type_url;
  std::string value;
};

/// What went wrong, as a value: a code, one sentence with the names in it (lower case, no full stop), and
/// details for machines. A default-constructed error is "ok".
class error {
public:
  error() = default;
  error(errc code, std::string message) : code_(code), message_(std::move(message)) {}

  errc code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const std::vector<error_detail>& details() const noexcept { return details_; }
  bool ok() const noexcept { return code_ == errc::ok; }

  error& add_detail(error_detail detail) {
    details_.push_back(std::move(detail));
    return *this;
  }
  /// The same code and details, with what the upper floor was doing in front of the sentence.
  error in_context(std::string_view doing) const;
  /// "NOT_FOUND: no blob ... "
  std::string to_string() const;

private:
  errc code_ = errc::ok;
  std::string message_;
  std::vector<error_detail> details_;
};

template <class T>
using expected = tl::expected<T, error>;
using failure = tl::unexpected<error>;

/// `return fail(errc::not_found, "no blob {} in store {}", wanted, name);`
template <class... Args>
failure fail(errc code, fmt::format_string<Args...> text, Args&&... args) {
  return failure(error(code, fmt::format(text, std::forward<Args>(args)...)));
}
inline failure fail(error fault) {
  return failure(std::move(fault));
}

template <class... Args>
failure with_context(const error& fault, fmt::format_string<Args...> text, Args&&... args) {
  return failure(fault.in_context(fmt::format(text, std::forward<Args>(args)...)));
}

/// The error for a failed system call: errno becomes the code a client should see (ENOSPC and EMFILE are
/// RESOURCE_EXHAUSTED, ENOENT is NOT_FOUND, EROFS is UNAVAILABLE, the rest INTERNAL).
error system_error(int errno_value, std::string_view doing);

}  // namespace kiln
