#include "test/end_to_end/data_folder.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace kiln::end_to_end {
namespace fs = std::filesystem;
namespace {

template <class Each>
void walk(const fs::path& folder, Each each) {
  std::error_code gone;  // what is swept while we look is no fault
  for (fs::recursive_directory_iterator at(folder, gone), end; at != end; at.increment(gone)) {
    each(at->path());
    if (gone) break;
  }
}

std::vector<fs::path> folders_called(const std::string& data, const std::string& name) {
  std::vector<fs::path> found;
  std::error_code fault;
  for (const auto& store : fs::directory_iterator(data, fault))
    if (fs::is_directory(store.path() / name)) found.push_back(store.path() / name);
  return found;
}

bool is_empty(const std::vector<fs::path>& folders) {
  std::size_t entries = 0;
  for (const auto& folder : folders) walk(folder, [&](const fs::path&) { ++entries; });
  return entries == 0;
}

}  // namespace

std::vector<std::string> left_overs(const std::string& data) {
  std::vector<std::string> found;
  for (const char* name : {"temp", "trash"})
    for (const auto& folder : folders_called(data, name))
      walk(folder, [&](const fs::path& path) { found.push_back(path.string()); });
  return found;
}

bool wait_for_sweep(const std::string& data, duration patience) {
  auto until = system_clock().now() + patience;
  auto folders = folders_called(data, "trash");
  int changes = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  for (const auto& folder : folders) ::inotify_add_watch(changes, folder.c_str(), IN_DELETE | IN_MOVE);
  // Watched before it is looked at: no change goes unseen.
  bool empty = is_empty(folders);
  while (!empty && system_clock().now() < until) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - system_clock().now());
    pollfd watched{changes, POLLIN, 0};
    ::poll(&watched, 1, std::max(1, static_cast<int>(left.count())));
    char events[4096];
    while (::read(changes, events, sizeof events) > 0) {
    }
    empty = is_empty(folders);
  }
  ::close(changes);
  return empty;
}

std::uint64_t disk_usage(const std::string& folder) {
  std::uint64_t blocks = 0;
  walk(folder, [&](const fs::path& path) {
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode))
      blocks += static_cast<std::uint64_t>(facts.st_blocks);
  });
  return blocks * 512;
}

}  // namespace kiln::end_to_end
