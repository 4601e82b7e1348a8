#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace kiln {

/// A secret that whoever calls shows with the call: "authorization: Bearer ...". Immutable, any thread.
class bearer_token {
public:
  static constexpr std::string_view header_name = "authorization";
  static constexpr std::size_t shortest = 16;
  static constexpr std::size_t longest = 4096;

  /// Out of a file's text: white space around it is not part of it. INVALID_ARGUMENT for one that could be
  /// guessed, or that no header can carry. No error repeats it.
  static expected<bearer_token> from_text(std::string_view text);

  /// What the header says.
  std::string header() const { return "Bearer " + secret_; }
  /// Whether the header's value shows this token. How long that takes tells nothing of it.
  bool is_shown_by(std::string_view value) const;

private:
  explicit bearer_token(std::string secret) : secret_(std::move(secret)) {}
  std::string secret_;
};

}  // namespace kiln
