#include "plugins/stores/filesystem/files/write_error.hpp"

#include <cerrno>

#include "core/wire/status.hpp"

namespace kiln::filesystem {

error write_error(const disk_error& why, std::string_view doing) {
  auto said = why.in_words(doing);
  if (why.number == ENOSPC || why.number == EDQUOT) return said;
  return write_refused(said);
}

error write_refused(const error& why) {
  if (why.code() != errc::resource_exhausted) return why;
  return try_again(errc::unavailable, why.message());
}

}  // namespace kiln::filesystem
