#pragma once

#include <string>

#include "actors/system/configuration.hpp"
#include "test/harness/deterministic_system.hpp"

namespace kiln::test {

inline expected<configuration> read_text(const std::string& yaml) {
  return read_configuration({"node.yaml", {}, {{"KILN_DATA", "/nowhere"}}, yaml}, plugins());
}

/// All that is wrong with it, a line each.
inline std::string complaints(const std::string& yaml) {
  auto known = read_text(yaml);
  return known ? "nothing" : known.error().message();
}

}  // namespace kiln::test
