#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln::scheduling {

/// What became of each attempt at an action, for the people who wait for it: where it ran, when, and why it
/// was not the last. Keeps the first attempt and the newest ones, and of each sentence the beginning.
class attempt_log {
public:
  static constexpr std::size_t most = 16;                ///< attempts
  static constexpr std::size_t longest_sentence = 1024;  ///< bytes

  void given(std::uint64_t attempt, const std::string& worker_name, steady_time now);
  void began(steady_time now);
  void ended(std::string_view how, steady_time now);

  std::size_t attempts() const noexcept { return attempts_; }
  /// In words; the times are those since `queued`.
  std::string text(steady_time queued) const;
  void clear() { all_.clear(); }

private:
  struct entry {
    std::uint64_t attempt = 0;
    std::string worker;
    steady_time given;
    std::optional<steady_time> began;
    std::optional<steady_time> ended;
    std::string how;
  };

  std::deque<entry> all_;
  std::size_t attempts_ = 0;
};

}  // namespace kiln::scheduling
