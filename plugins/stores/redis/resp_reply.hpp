#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"

namespace kiln::redis_store {

/// What a server answers, of RESP2.
struct resp_reply {
  enum class kind : std::uint8_t { nothing, number, text, word, fault, list };

  kind what = kind::nothing;
  std::int64_t number = 0;
  bytes text;  ///< of a text, a word ("OK") or a fault ("OOM command not allowed ...")
  std::vector<resp_reply> items;

  bool is_fault() const noexcept { return what == kind::fault; }
  /// Whether it is a fault of this kind, which its first word says.
  bool is_fault(std::string_view first_word) const noexcept {
    const auto view = text.view();
    return is_fault() && view.starts_with(first_word) &&
           (view.size() == first_word.size() || view[first_word.size()] == ' ');
  }
  bool is_word(std::string_view word) const noexcept { return what == kind::word && text.view() == word; }
};

}  // namespace kiln::redis_store
