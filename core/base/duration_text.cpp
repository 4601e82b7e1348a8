#include "core/base/duration_text.hpp"

#include <fmt/format.h>

namespace kiln {

std::string in_words(duration time) {
  using namespace std::chrono;
  if (time < duration::zero()) return "-" + in_words(-time);
  if (time < milliseconds(1)) return time == duration::zero() ? "0 s" : "less than 1 ms";
  if (time < seconds(1)) return fmt::format("{} ms", round<milliseconds>(time).count());
  if (time < minutes(1)) {
    auto tenths = round<milliseconds>(time).count() / 100;
    return tenths % 10 == 0 ? fmt::format("{} s", tenths / 10)
                            : fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  if (time < hours(1)) {
    auto whole = floor<seconds>(time).count();
    return whole % 60 == 0 ? fmt::format("{} min", whole / 60)
                           : fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  auto whole = floor<minutes>(time).count();
  return whole % 60 == 0 ? fmt::format("{} h", whole / 60)
                         : fmt::format("{} h {} min", whole / 60, whole % 60);
}

}  // namespace kiln
