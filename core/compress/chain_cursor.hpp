#pragma once

#include <string_view>

#include "core/base/bytes.hpp"

namespace kiln {

/// Goes over the bytes of a chain for somebody who takes them off the front of a view.
class chain_cursor {
public:
  chain_cursor() = default;
  explicit chain_cursor(byte_chain over) : chain_(std::move(over)) {}

  /// What is unread of the current piece, or of the next if that is used up. Empty at the end only.
  std::string_view& front() noexcept {
    while (rest_.empty() && next_ < chain_.pieces().size()) rest_ = chain_.pieces()[next_++].view();
    return rest_;
  }
  /// Nothing follows behind the front.
  bool last() const noexcept { return next_ == chain_.pieces().size(); }
  bool empty() const noexcept { return rest_.empty() && last(); }

private:
  byte_chain chain_;
  std::size_t next_ = 0;
  std::string_view rest_;
};

}  // namespace kiln
