#include "core/cache/tinylfu_order.hpp"

#include <algorithm>

namespace kiln {
namespace {

std::uint64_t window_of(const eviction_limits& limits) noexcept {
  return std::min<std::uint64_t>(limits.window_percent, 100);
}

}  // namespace

tinylfu_order::tinylfu_order(const eviction_limits& limits) noexcept
    : window_(limits, window_of(limits)),
      settled_(limits, 100 - window_of(limits)),
      protection_(limits, (100 - window_of(limits)) * protected_percent / 100) {}

// What is too heavy to be protected stays outside, or it would drive everything else out.
std::uint8_t tinylfu_order::place_of_used(const evictable& entry) const noexcept {
  return protection_.fits(entry.weight, 1) ? protection : probation;
}

void tinylfu_order::bound_protection() noexcept {
  while (!protection_.fits(line(protection))) move(*line(protection).front(), probation);
}

// While there is room beside the window nobody need be compared.
void tinylfu_order::bound_window() noexcept {
  while (!window_.fits(line(window))) {
    evictable& oldest = *line(window).front();
    if (!settled_.fits(line(probation).weight() + line(protection).weight() + oldest.weight,
                       line(probation).size() + line(protection).size() + 1))
      return;
    move(oldest, probation);
  }
}

void tinylfu_order::add(evictable& entry, arrival how) noexcept {
  if (how == arrival::restored) return put(entry, probation);
  sketch_.count(entry.hash);
  if (how == arrival::again) {
    put(entry, place_of_used(entry));
    return bound_protection();
  }
  put(entry, window);
  bound_window();
}

void tinylfu_order::use(evictable& entry) noexcept {
  sketch_.count(entry.hash);
  move(entry, place_of_used(entry));
  bound_protection();
}

evictable* tinylfu_order::next(std::uint64_t weight, std::uint64_t entries) noexcept {
  evictable* settled = line(probation).front();
  if (!settled) settled = line(protection).front();
  evictable* newcomer = line(window).front();
  if (!newcomer) return settled;
  if (settled && window_.fits(line(window).weight() + weight, line(window).size() + entries)) return settled;
  if (!settled || sketch_.frequency(newcomer->hash) < sketch_.frequency(settled->hash)) return newcomer;
  move(*newcomer, probation);
  return settled;
}

}  // namespace kiln
