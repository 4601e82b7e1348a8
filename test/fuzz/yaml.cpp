#include <optional>
#include <string>

#include "core/config/document.hpp"
#include "core/config/units.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

// A value that is read is written so that it reads the same.
void check_units(const std::string& text) {
  if (auto size = parse_byte_size(text)) {
    auto again = parse_byte_size(to_string(*size));
    must(again && *again == *size, "a size, written, reads the same");
  }
  if (auto room = parse_capacity(text)) {
    auto again = parse_capacity(room->to_string());
    must(again && *again == *room, "a capacity, written, reads the same");
    must(!room->is_relative() || room->bytes_of(text.size()) <= text.size(),
         "a part is no more than the whole");
  }
  if (auto time = parse_duration(text)) {
    auto again = parse_duration(to_string(*time));
    must(*time >= duration::zero() && again && *again == *time, "a time, written, reads the same");
  }
}

// Counts what can be reached, to hold it against the limits.
struct reached {
  std::size_t nodes = 0;
  std::size_t text = 0;
};
void visit(const node& at, std::size_t depth, reached& sum) {
  must(depth <= document::max_depth + 1, "a document is no deeper than its limit");
  must(++sum.nodes <= document::max_nodes, "a document has no more nodes than its limit");
  sum.text += at.text().size();
  must(sum.text <= document::max_expansion, "a document expands no further than its limit");
  check_units(at.text());
  for (const auto& item : at.items()) visit(item, depth + 1, sum);
  for (const auto& entry : at.entries()) {
    auto found = at.find(entry.key);
    must(found && found->path() == entry.value.path(), "an entry is found by its key");
    visit(entry.value, depth + 1, sum);
  }
}

std::optional<std::string> variable(std::string_view name) {
  if (name.starts_with("LONG")) return std::string(1000, 'v');
  if (name.starts_with("SET")) return "value: [";
  return std::nullopt;
}

}  // namespace

// Any text is a document within its limits, or a fault that names its place.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto read = parse_document(std::string(text_of(data, size)), "node.yaml", variable);
  if (!read) {
    must(read.error().code() == errc::invalid_argument, "a text that is no document is an invalid argument");
    must(read.error().message().starts_with("node.yaml"), "a fault names its file");
    return 0;
  }
  reached sum;
  visit(read->root(), 1, sum);
  for (const auto& each : read->diagnostics().sorted())
    must(each.to_string().find('\n') == std::string::npos, "a fault is one line");
  return 0;
}
