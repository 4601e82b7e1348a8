#include "test/end_to_end/breakable_disk.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

namespace kiln::end_to_end {
namespace {

namespace fs = std::filesystem;

// The same number and meaning for ext4 and xfs (EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN; `xfs_io -x -c
// shutdown`).
constexpr unsigned long shutdown_request = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t without_the_journal = 2;

// What it said, where it failed.
expected<void> run(const std::vector<std::string>& words) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return failure(system_error(errno, "a pipe"));
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    ::execvp(arguments.front(), arguments.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 4096> some{};
  for (ssize_t count = 0; (count = ::read(pipe[0], some.data(), some.size())) > 0;)
    said.append(some.data(), static_cast<std::size_t>(count));
  ::close(pipe[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return failure(system_error(errno, words.front()));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) said = "it is not installed";
  return fail(errc::unavailable, "{} failed: {}", words.front(), said);
}

}  // namespace

expected<breakable_disk> breakable_disk::make(const std::string& folder, const std::string& kind,
                                              std::uint64_t size) {
  fs::create_directories(folder);
  breakable_disk made(folder);
  fs::create_directories(made.path());
  const int file = ::open(made.image().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool sized = file >= 0 && ::ftruncate(file, static_cast<off_t>(size)) == 0;
  const int why = errno;
  if (file >= 0) ::close(file);
  if (!sized) return failure(system_error(why, made.image()));
  if (auto formatted = run({"mkfs." + kind, "-q", made.image()}); !formatted)
    return failure(formatted.error());
  if (auto mounted = made.mount(); !mounted) return failure(mounted.error());
  return made;
}

breakable_disk::breakable_disk(breakable_disk&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}

breakable_disk::~breakable_disk() {
  if (folder_.empty()) return;
  (void)unmount();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

expected<void> breakable_disk::cut_power() const {
  const int root = ::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return failure(system_error(errno, path()));
  auto how = without_the_journal;
  const bool down = ::ioctl(root, shutdown_request, &how) == 0;
  const int why = errno;
  ::close(root);
  if (down) return {};
  return fail(errc::unavailable, "{} cannot be shut down: {}", path(),
              std::error_code(why, std::system_category()).message());
}

expected<void> breakable_disk::come_back() const {
  if (auto gone = unmount(); !gone) return gone;
  return mount();
}

expected<void> breakable_disk::mount() const {
  return run({"mount", "-o", "loop", image(), path()});
}

expected<void> breakable_disk::unmount() const {
  return run({"umount", path()});
}

}  // namespace kiln::end_to_end
