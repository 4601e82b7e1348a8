#include "core/config/schema.hpp"

#include <algorithm>

#include "core/config/describe.hpp"
#include "core/config/nearest.hpp"

namespace kiln::detail {

bool open_section(const node& section, const std::vector<std::string_view>& known,
                  std::string_view already_read, faults& collected) {
  if (!expect_map(section, collected)) return false;
  for (const auto& [key, where, value] : section.entries()) {
    if (key == already_read || std::find(known.begin(), known.end(), key) != known.end()) continue;
    collected.add({section.file(), where, value.path(), "unknown key" + suggestion(key, known)});
  }
  return true;
}

void complain_of_missing(const node& section, const field_description& field, faults& collected) {
  section.absent(field.name)
      .complain(collected, "required, but missing ({}). {}", field.type, field.sentence);
}

bool kinds_codec::read(const node& from, value& into, reading& along) const {
  if (!expect_map(from, along.collected)) return false;
  // Things with a fault are kept, too: their names are known, and using them is no second fault.
  into = read_kinds(from, *table, along.collected, along.stores);
  return true;
}

shown kinds_codec::show(const value& things) const {
  return show_kinds(things);
}

std::string show_length(std::size_t length, bool of_text) {
  std::string_view unit = of_text ? (length == 1 ? "byte" : "bytes") : (length == 1 ? "entry" : "entries");
  return fmt::format("{} {}", length, unit);
}

}  // namespace kiln::detail
