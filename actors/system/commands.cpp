#include "actors/system/commands.hpp"

#include <sys/prctl.h>

#include <cstdio>

namespace kiln {

int complain(const error& fault, int code) {
  std::fprintf(stderr, "kiln: %s\n", fault.message().c_str());
  return code;
}

void keep_to_ourselves() {
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace kiln
