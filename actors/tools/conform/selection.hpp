#pragma once

#include <string>
#include <vector>

#include "actors/tools/conform/rule.hpp"
#include "core/base/error.hpp"

namespace kiln::conform {

/// Those of `rules` that the words of --only name: "1" to "12" a section, larger numbers a rule, "1.6" the
/// sixth number of section 1, "92-120" a range of rules. No words: all. INVALID_ARGUMENT for a word that is
/// none of these or names no rule.
expected<std::vector<rule>> selected(std::vector<rule> rules, const std::vector<std::string>& words);

}  // namespace kiln::conform
