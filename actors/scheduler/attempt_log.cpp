#include "actors/scheduler/attempt_log.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/wire/utf8.hpp"

namespace kiln::scheduling {
namespace {

/// "12.345 s".
std::string seconds(duration time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  return fmt::format("{}.{:03} s", ms / 1000, ms % 1000);
}

}  // namespace

void attempt_log::given(std::uint64_t attempt, const std::string& worker_name, steady_time now) {
  ++attempts_;
  if (all_.size() == most) all_.erase(all_.begin() + 1);
  all_.push_back({attempt, worker_name, now, {}, {}, {}});
}

void attempt_log::began(steady_time now) {
  if (!all_.empty()) all_.back().began = now;
}

void attempt_log::ended(std::string_view how, steady_time now) {
  if (all_.empty() || all_.back().ended) return;
  all_.back().ended = now;
  all_.back().how = escaped(how, longest_sentence);
}

std::string attempt_log::text(steady_time queued) const {
  std::string text = "What became of each attempt at this action. Times count from when it was queued.\n";
  std::uint64_t next = 1;
  for (const auto& one : all_) {
    if (one.attempt > next) text += fmt::format("(attempts {} to {} are left out)\n", next, one.attempt - 1);
    next = one.attempt + 1;
    text += fmt::format("attempt {} on worker {}: given at {}", one.attempt, escaped(one.worker),
                        seconds(one.given - queued));
    text += one.began ? fmt::format(", its command began at {}", seconds(*one.began - queued))
                      : ", its command was not heard to begin";
    if (one.ended) text += fmt::format(", ended at {}\n    {}", seconds(*one.ended - queued), one.how);
    text += '\n';
  }
  return text;
}

}  // namespace kiln::scheduling
