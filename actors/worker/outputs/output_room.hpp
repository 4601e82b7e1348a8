#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/base/error.hpp"
#include "core/config/units.hpp"

namespace kiln {

/// How much an action may leave behind: what the options allow, and never more than the cache can hold, for
/// that would be hashed and sent in vain, and again at each try. What the cache holds is known from its
/// figures where it has any, else from the first blob that it found too large. Any thread.
class output_room {
public:
  explicit output_room(byte_size allowed) noexcept : allowed_(allowed.bytes) {}

  /// 0: not known.
  void cache_holds(std::uint64_t bytes) noexcept { cache_ = bytes; }

  struct limits {
    std::uint64_t allowed = 0;
    std::uint64_t cache = 0;  ///< 0: not known

    /// A single one.
    std::uint64_t largest() const noexcept { return cache == 0 || allowed < cache ? allowed : cache; }
  };
  limits now() const noexcept { return {allowed_, cache_}; }

private:
  const std::uint64_t allowed_;
  std::atomic<std::uint64_t> cache_{0};
};

/// FAILED_PRECONDITION, of the action: this output alone is more than there is room for.
error output_too_large(std::string_view path, std::uint64_t size, const output_room::limits& room);
/// The same, where it is one too many.
error outputs_too_large(std::string_view path, std::uint64_t size_of_all, const output_room::limits& room);
/// The same, as the cache itself said it.
error refused_as_too_large(std::string_view path, std::uint64_t size, std::uint64_t most);

}  // namespace kiln
