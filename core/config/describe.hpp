#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/kinds.hpp"
#include "core/config/section_schema.hpp"

namespace kiln {

/// The reference of one section as Markdown: a heading of `level`, its sentence, a table of its options, and
/// the sections inside it, one level deeper.
std::string describe_markdown(std::string_view title, const section_schema& schema, int level = 1);
/// The same for every type of a kind, in the order of their names.
std::string describe_markdown(std::string_view title, const kind_table& kinds, int level = 1);

/// The reference for a terminal of so many columns, without colour.
std::string describe_text(std::string_view title, const section_schema& schema, std::size_t columns = 80);
std::string describe_text(std::string_view title, const kind_table& kinds, std::size_t columns = 80);

/// An effective value as YAML. What was read from a configuration parses to the same options again, if its
/// inline stores were put back in place.
std::string to_yaml(const shown& value);
/// The named ones, with their types, as they stand under `stores:` or `transports:`.
shown show_kinds(const std::vector<configured>& things);
/// One of them, its type first.
shown show_kind(const configured& thing);
/// Puts the inline ones among `stores` where their generated names stand.
shown with_inline_stores(shown value, const std::vector<configured>& stores);

}  // namespace kiln
