#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace kiln {

/// Where in a text, counted from one as editors do. Zero: nowhere in particular. Columns count bytes.
struct text_position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const text_position&) const noexcept = default;
};

/// One thing that is wrong with a configuration.
struct fault {
  std::string file;
  text_position where;
  std::string path;      ///< "stores.cas.inner"; empty for the document as a whole
  std::string sentence;  ///< lower case, no full stop
  /// "node.yaml:14:17: stores.cas.check_hash: expected true or false, found \"yes please\""
  std::string to_string() const;
};

/// Everything that is wrong, gathered so that a reader mends it all at once. Keeps the first 1000 and counts
/// the rest, for a hostile file could complain without end.
class faults {
public:
  static constexpr std::size_t kept = 1000;

  void add(fault found);
  bool empty() const noexcept { return count_ == 0; }
  /// All that were found, also those not kept.
  std::size_t size() const noexcept { return count_; }

  /// In the order of the text. Of several about one place only the first: it is what the others come from.
  std::vector<fault> sorted() const;
  /// One line each, in the order of the text, each ended by a line feed.
  std::string to_string() const;
  /// The lines as one INVALID_ARGUMENT; success if there are none.
  expected<void> as_result() const;

private:
  std::vector<fault> found_;
  std::size_t count_ = 0;
};

/// In quotes, fit for one line of a terminal: control characters escaped, cut after some sixty bytes.
std::string in_quotes(std::string_view text);

}  // namespace kiln
