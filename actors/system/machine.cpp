#include "actors/system/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace kiln {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// A cgroup file holds a number or "max"; version 1 says "no limit" with a number near 2^63.
std::uint64_t limit_in(const char* path) {
  std::uint64_t value = 0;
  std::ifstream file(path);
  return file >> value ? value : UINT64_MAX;
}

}  // namespace

std::string binary_folder() {
  std::error_code fault;
  auto self = fs::read_symlink("/proc/self/exe", fault);
  return fault ? std::string(".") : self.parent_path().string();
}

std::string plugin_folder() {
  if (auto chosen = variable("KILN_PLUGINS"); !chosen.empty()) return chosen;
  fs::path here = binary_folder();
  for (const char* candidate : {"../lib/kiln/plugins", "../" KILN_INSTALL_LIBDIR "/kiln/plugins"}) {
    std::error_code fault;
    if (auto folder = fs::weakly_canonical(here / candidate, fault);
        !fault && fs::is_directory(folder, fault))
      return folder.string();
  }
  return (here / "../lib/kiln/plugins").lexically_normal().string();
}

std::string user_cache_folder() {
  if (auto cache = variable("XDG_CACHE_HOME"); cache.starts_with('/')) return cache + "/kiln";
  if (auto home = variable("HOME"); home.starts_with('/')) return home + "/.cache/kiln";
  return "/var/cache/kiln";
}

std::uint64_t memory_limit() {
  auto machine = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                 static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  return std::min({machine, limit_in("/sys/fs/cgroup/memory.max"),
                   limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes")});
}

unsigned processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
}

}  // namespace kiln
