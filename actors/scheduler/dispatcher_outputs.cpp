#include "actors/scheduler/dispatcher.hpp"

/// Where the output of actions is to be had while they run, and afterwards.
namespace kiln::scheduling {

expected<dispatcher::output_site> dispatcher::find_output(const std::string& name, std::uint64_t attempt) {
  auto* asked = operations_.find_claim(name);
  if (asked == nullptr)
    return fail(errc::not_found, "there is no operation {}; it may have been forgotten since it ended", name);
  const auto& what = *asked->of;
  if (attempt == 0 || attempt > what.attempt)
    return fail(errc::not_found, "operation {} has had {} attempts, and no attempt {}", name, what.attempt,
                attempt);
  if (asked->cancelled) return fail(errc::cancelled, "operation {} was cancelled", name);
  if (attempt < what.attempt || what.now == phase::queued)
    return fail(errc::aborted, "attempt {} of operation {} was given up, and the action is tried again",
                attempt, name);
  output_site site;
  site.of = &what;
  site.over = what.now == phase::recording || what.now == phase::done;
  if (site.over) return site;
  const auto* who = workers_.find(what.worker_id);
  if (who == nullptr || who->away) return site;
  if (!who->profile.shows_output)
    return fail(errc::unimplemented, "worker {} shows no output of what it runs; it is of an older version",
                who->profile.name);
  site.worker_id = who->id;
  return site;
}

}  // namespace kiln::scheduling
