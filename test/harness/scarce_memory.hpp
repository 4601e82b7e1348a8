#pragma once

#include <cstddef>

namespace kiln::test {

/// While it lives there is not memory for everything: on this thread, the `which`th allocation of at least so
/// many bytes fails. One at a time.
class scarce_memory {
public:
  explicit scarce_memory(std::size_t at_least, std::size_t which = 1) noexcept;
  ~scarce_memory();
  scarce_memory(const scarce_memory&) = delete;
  scarce_memory& operator=(const scarce_memory&) = delete;

  /// Whether it was asked for so much so often.
  bool was_felt() const noexcept;
};

}  // namespace kiln::test
