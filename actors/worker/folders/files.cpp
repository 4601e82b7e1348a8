#include "actors/worker/folders/files.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "actors/worker/fault_owners.hpp"

namespace kiln {

file_mark mark_of(const struct stat& facts) noexcept {
  return {facts.st_dev, facts.st_ino, facts.st_size,
          std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec, facts.st_mode & 07777};
}

descriptor open_beneath(const descriptor& folder, const std::string& path, int flags, follow links,
                        unsigned mode) noexcept {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | (links == follow::all ? 0 : O_NOFOLLOW));
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  if (links == follow::none) how.resolve |= RESOLVE_NO_SYMLINKS;
  const char* where = path.empty() ? "." : path.c_str();
  for (;;) {
    long number = ::syscall(SYS_openat2, folder.number(), where, &how, sizeof how);
    // EAGAIN: somebody renamed a folder on the way while the kernel looked.
    if (number >= 0 || (errno != EINTR && errno != EAGAIN)) return descriptor(static_cast<int>(number));
  }
}

expected<descriptor> open_folder(const std::string& path) {
  descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail(system_error(errno, "opening folder " + path));
  return folder;
}

expected<void> make_owned_folder(const descriptor& in, const std::string& name, user_number owner) {
  if (::mkdirat(in.number(), name.c_str(), 0777) != 0)
    return failure(fault_of(purpose::inputs, errno, "making folder " + name));
  if (owner != same_user && ::fchownat(in.number(), name.c_str(), owner, owner, AT_SYMLINK_NOFOLLOW) != 0)
    return failure(
        fault_of(purpose::own_folder, errno, "giving folder " + name + " to the user of the action"));
  return {};
}

expected<void> make_folders(const descriptor& root, const std::string& path, user_number owner) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end == 0 ? 0 : end + 1);
    std::string part = path.substr(0, end);
    std::size_t slash = part.rfind('/');
    std::string above = slash == std::string::npos ? "" : part.substr(0, slash);
    std::string name = slash == std::string::npos ? part : part.substr(slash + 1);
    descriptor folder = open_beneath(root, above, O_PATH | O_DIRECTORY, follow::all);
    if (!folder && errno == ENOENT)
      return fail(errc::failed_precondition, "no folder can be made in \"{}\", for it is not there", above);
    if (!folder) return failure(fault_of(purpose::outputs, errno, "making a folder in " + above));
    if (auto made = make_owned_folder(folder, name, owner); made)
      continue;
    else if (::faccessat(folder.number(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
      return made;
    if (!open_beneath(root, part, O_PATH | O_DIRECTORY, follow::all))
      return fail(errc::failed_precondition, "\"{}\" is to be a folder, and something else is there", part);
  }
  return {};
}

expected<void> write_all(const descriptor& file, std::string_view content) {
  while (!content.empty()) {
    ssize_t written = ::write(file.number(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure(fault_of(purpose::own_folder, errno, "writing a file"));
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

expected<void> copy_content(const descriptor& from, const descriptor& to, const std::atomic<bool>& stop) {
  if (::ioctl(to.number(), FICLONE, from.number()) == 0) return {};
  constexpr std::size_t at_once = 16U << 20;
  bool in_kernel = true;  // copy_file_range shares blocks where the file system can
  off_t offset = 0;
  for (;;) {
    if (stop.load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
    ssize_t copied = in_kernel ? ::copy_file_range(from.number(), &offset, to.number(), nullptr, at_once, 0)
                               : ::sendfile(to.number(), from.number(), &offset, at_once);
    if (copied == 0) return {};
    if (copied > 0 || errno == EINTR) continue;
    if (!in_kernel) return failure(fault_of(purpose::inputs, errno, "copying a file"));
    in_kernel = false;
  }
}

}  // namespace kiln
