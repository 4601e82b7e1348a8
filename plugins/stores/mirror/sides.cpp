#include "plugins/stores/mirror/sides.hpp"

#include "core/observe/log.hpp"

namespace kiln::mirror {
namespace {

constexpr duration asked_second_for = std::chrono::seconds(5);

counter& counter_of(const environment& env, metric_name name, std::string_view help,
                    const std::string& store) {
  return env.metrics->counters(name, help, {"store"}).with({store});
}

bool is_own_fault(errc code) noexcept {
  return code == errc::unavailable || code == errc::internal || code == errc::unknown;
}

}  // namespace

sides::sides(const environment& env, const std::string& store, duration patience)
    : time_(*env.time),
      log_(env.log),
      store_(store),
      quiet_(*env.time),
      silent_(*env.time, 2, patience),
      one_sided_(counter_of(env, "kiln_mirror_one_sided_writes_total",
                            "Blobs that were acknowledged with one store of two.", store)),
      repaired_(
          counter_of(env, "kiln_mirror_repaired_total", "Blobs that were brought back to a store.", store)),
      failed_repairs_(counter_of(env, "kiln_mirror_failed_repairs_total",
                                 "Blobs that could not be brought back to a store.", store)) {}

void sides::failed(side one, const error& why, steady_time until) {
  const bool is_late = why.code() == errc::deadline_exceeded && time_.now() < until;
  if (!is_late && !is_own_fault(why.code())) return;
  note_shaky(one, why);
}

void sides::gave_up(side one) {
  note_shaky(one, {errc::unavailable, "it does not answer"});
}

void sides::note_shaky(side one, const error& why) {
  shaky_until_[one] = time_.now() + asked_second_for;
  complain("a store of a mirror fails, and the other is asked first", one, nullptr, why);
}

void sides::wrote_one_of_two(const digest& blob, side missed, const error& why) {
  one_sided_.add();
  complain("a blob was written to one store of a mirror only", missed, &blob, why);
}

void sides::repaired(const digest& blob, side one, const expected<bool>& how) {
  if (how) {
    if (*how) repaired_.add();
    return;
  }
  // Somebody changes it, or it has left the other store meanwhile.
  if (how.error().code() == errc::aborted || how.error().code() == errc::not_found) return;
  failed_repairs_.add();
  complain("a blob could not be brought back to a store of a mirror", one, &blob, how.error());
}

void sides::complain(const char* of, side one, const digest* blob, const error& why) {
  if (log_ == nullptr) return;
  const auto number = static_cast<std::uint64_t>(one + 1);
  auto silenced = quiet_.admit(of + std::to_string(number));
  if (!silenced) return;
  log_->warn(of, {{"store", store_},
                  {"which", number},
                  {"blob", blob != nullptr ? blob->to_string() : std::string("-")},
                  {"why", why},
                  {"silenced", *silenced}});
}

}  // namespace kiln::mirror
