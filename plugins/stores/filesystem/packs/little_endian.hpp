#pragma once

#include <bit>
#include <cstring>

namespace kiln::filesystem {

static_assert(std::endian::native == std::endian::little, "numbers are written as the machine holds them");

/// Behind what was written, as far as there is more.
template <class T>
char* put_number(char* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
template <class T>
T take_number(const char*& from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  from += sizeof value;
  return value;
}

}  // namespace kiln::filesystem
