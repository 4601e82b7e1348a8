#include "actors/system/commands.hpp"

#include <cstdio>

namespace kiln {

int complain(const error& fault, int code) {
  std::fprintf(stderr, "kiln: %s\n", fault.message().c_str());
  return code;
}

}  // namespace kiln
