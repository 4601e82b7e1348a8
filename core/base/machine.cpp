#include "core/base/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

namespace kiln {
namespace {

// A cgroup file holds a number or "max"; version 1 says "no limit" with a number near 2^63.
std::uint64_t limit_in(const char* path) {
  std::uint64_t value = 0;
  std::ifstream file(path);
  return file >> value ? value : UINT64_MAX;
}

}  // namespace

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

void hide_environment() {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    char* copy = ::strdup(*variable);
    if (copy == nullptr) return;
    ::explicit_bzero(*variable, std::strlen(*variable));
    *variable = copy;  // for as long as we live
  }
}

}  // namespace kiln
