#include "plugins/stores/filesystem/shared/use_times.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "plugins/stores/filesystem/shared/lock_name.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t least_places = 4096;
constexpr std::uint64_t most_places = 1 << 20;

// The low bits of the hash choose the lock's file; these say nothing about that.
std::uint64_t place_among(const digest& blob, std::uint64_t places) noexcept {
  return spread_of(blob) * 0x9e3779b97f4a7c15 >> 32 & (places - 1);
}

}  // namespace

disk_result<use_times> use_times::open(disk& on, const descriptor& folder, std::uint64_t places,
                                       const clock& time) {
  auto file = on.open(folder, "used", O_RDWR | O_CREAT, 0644);
  if (!file) return tl::unexpected(file.error());
  auto facts = on.facts(*file);
  if (!facts) return tl::unexpected(facts.error());
  places = std::bit_ceil(std::clamp(places, least_places, most_places));
  if (facts->size >= least_places * sizeof(use_time))
    places = std::min(most_places, std::bit_floor(facts->size / sizeof(use_time)));
  else if (auto done = on.resize(*file, places * sizeof(use_time)); !done)
    return tl::unexpected(done.error());
  return use_times(on, std::move(*file), places, time);
}

use_times::use_times(use_times&& other) noexcept
    : on_(other.on_),
      file_(std::move(other.file_)),
      places_(other.places_),
      time_(other.time_),
      last_(other.last_.load()) {}

void use_times::note(const digest& blob) {
  const auto wall = std::chrono::duration_cast<std::chrono::nanoseconds>(time_->wall().time_since_epoch());
  use_time now = static_cast<use_time>(std::max<std::int64_t>(wall.count(), 1));
  use_time last = last_.load(std::memory_order_relaxed);
  use_time mine = now;
  do {
    mine = std::max(now, last + 1);
  } while (!last_.compare_exchange_weak(last, mine, std::memory_order_relaxed));
  (void)write_all(*on_, file_, std::string_view(reinterpret_cast<const char*>(&mine), sizeof mine),
                  place_among(blob, places_) * sizeof mine);
}

use_time use_times::of(const digest& blob) const {
  std::array<char, sizeof(use_time)> text{};
  auto count = read_all(*on_, file_, text, place_among(blob, places_) * sizeof(use_time));
  if (!count || *count < text.size()) return 0;
  use_time time = 0;
  std::memcpy(&time, text.data(), sizeof time);
  return time;
}

disk_result<use_times::table> use_times::all() const {
  table now;
  now.times_.resize(places_);
  std::span<char> into(reinterpret_cast<char*>(now.times_.data()), places_ * sizeof(use_time));
  auto count = read_all(*on_, file_, into, 0);
  if (!count) return tl::unexpected(count.error());
  return now;
}

use_time use_times::table::of(const digest& blob) const noexcept {
  return times_[place_among(blob, times_.size())];
}

}  // namespace kiln::filesystem
