#include "actors/worker/command/launcher/furnishing.hpp"

#include <string.h>
#include <unistd.h>

namespace kiln::launcher {

furnishing furnishing_of(const command& what) noexcept {
  return {what.head.scratch_size, what.head.network != 0, what.head.at_root != 0, what.head.user == same_user,
          what.shown};
}

bool kept_furnishing::read(const command_head& head, int image) {
  if (head.shown > most_shown || head.shown_size > sizeof text_) return false;
  if (!read_shown(head, image, text_)) return false;
  size_ = head.shown_size;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < head.shown; ++i) {
    const auto* nul = static_cast<const char*>(memchr(text_ + at, '\0', size_ - at));
    if (nul == nullptr) return false;
    list_[i] = text_ + at;
    at = static_cast<std::size_t>(nul - text_) + 1;
  }
  list_[head.shown] = nullptr;
  what_ = {head.scratch_size, head.network != 0, head.at_root != 0, head.user == same_user, list_};
  return true;
}

bool kept_furnishing::is_of(const command_head& head, int image) const {
  if (head.scratch_size != what_.scratch_size || (head.network != 0) != what_.network ||
      (head.at_root != 0) != what_.at_root || (head.user == same_user) != what_.same_user ||
      head.shown_size != size_)
    return false;
  char other[sizeof text_];
  return read_shown(head, image, other) && memcmp(other, text_, size_) == 0;
}

bool kept_furnishing::read_shown(const command_head& head, int image, char* into) {
  const auto behind = static_cast<off_t>(sizeof head + std::size_t{head.filter} * sizeof(sock_filter));
  return head.shown_size == 0 ||
         pread(image, into, head.shown_size, behind) == static_cast<ssize_t>(head.shown_size);
}

}  // namespace kiln::launcher
