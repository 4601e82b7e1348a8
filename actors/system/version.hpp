#pragma once

#include <string>

namespace kiln {

/// "kiln 0.1.0 (CAF 0.17.6, gcc 12.2.0)", for `kiln version` and the first line of the log.
std::string version_line();

}  // namespace kiln
