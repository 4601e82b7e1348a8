#include "core/config/names.hpp"

namespace kiln {

bool is_name(std::string_view text) noexcept {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !text.empty() && text.find_first_not_of(plain) == std::string_view::npos;
}

}  // namespace kiln
