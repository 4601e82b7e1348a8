#include "core/base/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace kiln {

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
