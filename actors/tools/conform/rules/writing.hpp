#pragma once

#include "actors/tools/conform/rules/streams.hpp"

/// The parts of section 6, in their order: writing.cpp has those about one stream of plain bytes.
namespace kiln::conform {

std::vector<rule> compressed_writing_rules();
/// Uploads beside each other, and uploads that end before their time.
std::vector<rule> crowded_writing_rules();

}  // namespace kiln::conform
