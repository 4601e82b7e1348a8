#pragma once

#include <atomic>
#include <cstdint>

namespace kiln {

/// How often a file that may be an input was found damaged. An action that began before and ends afterwards
/// may have read it: what it made proves nothing. Any thread.
class input_damages {
public:
  void note() noexcept { ++found_; }
  std::uint64_t found() const noexcept { return found_; }

private:
  std::atomic<std::uint64_t> found_{0};
};

}  // namespace kiln
