#pragma once

#include "actors/tools/conform/rules/actions.hpp"

/// The parts of section 8: action_cache.cpp has those about keys, clients and what runs.
namespace kiln::conform {

/// What results may hold, and what of it comes back.
std::vector<rule> action_result_rules();

/// A result that refers to nothing but says `word`.
v2::ActionResult result_saying(const std::string& word);
/// There is no result for this action.
void expect_no_result(probe& ask, const blob& action);

}  // namespace kiln::conform
