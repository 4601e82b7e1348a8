#include "actors/services/interpreting.hpp"

#include <algorithm>

#include "core/base/machine.hpp"

namespace kiln {

interpreting make_interpreting(const environment& env, byte_size memory) {
  return {env.crews->make("kiln-interpret", std::max(processors() / 2, 1U)),
          std::make_shared<work_budget>(memory.bytes)};
}

}  // namespace kiln
