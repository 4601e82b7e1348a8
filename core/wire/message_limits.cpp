#include "core/wire/message_limits.hpp"

#include <array>

namespace kiln {

std::span<const message_limit> message_limits() noexcept {
  static constexpr std::array all{largest::action, largest::command, largest::directory, largest::tree,
                                  largest::result, largest::layout,  largest::platform};
  return all;
}

expected<void> check_size(const message_limit& of, const digest& blob) {
  if (blob.size <= of.bytes) return {};
  return fail(errc::invalid_argument, "blob {} is too large to be taken for {} {}: the limit is {} bytes",
              blob, std::string_view("AEIOU").find(of.message.front()) == std::string_view::npos ? "a" : "an",
              of.message, of.bytes);
}

expected<void> check_size(const message_limit& of, std::size_t bytes) {
  if (bytes <= static_cast<std::size_t>(of.bytes)) return {};
  return fail(errc::invalid_argument, "{} of {} bytes; the limit is {}", of.message, bytes, of.bytes);
}

}  // namespace kiln
