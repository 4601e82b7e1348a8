#include "actors/system/version.hpp"

#include <fmt/format.h>

#include <caf/config.hpp>

namespace kiln {

std::string version_line() {
  return fmt::format("kiln {} (CAF {}.{}.{}, gcc {}.{}.{})", KILN_VERSION, CAF_VERSION / 10000,
                     CAF_VERSION / 100 % 100, CAF_VERSION % 100, __GNUC__, __GNUC_MINOR__,
                     __GNUC_PATCHLEVEL__);
}

}  // namespace kiln
