#include "actors/scheduler/scheduler_options.hpp"

#include <algorithm>

namespace kiln {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// What is declared of counted properties must be numbers, as it must be where workers offer them.
expected<void> check_declared(const scheduler_options& options) {
  platform_properties all;
  for (const auto& [name, values] : options.platforms)
    for (const auto& value : values) all.emplace_back(name, value);
  if (auto fine = scheduling::offer_of(all, rules_of(options)); !fine)
    return with_context(fine.error(), "platforms");
  return {};
}

expected<void> told_apart(const scheduler_options& options) {
  for (const auto& name : options.counted_properties)
    if (std::count(options.ignored_properties.begin(), options.ignored_properties.end(), name) > 0)
      return fail(errc::invalid_argument, "property \"{}\" cannot be both counted and ignored", name);
  return check_declared(options);
}

}  // namespace

schema<scheduler_options> scheduler_schema() {
  using namespace config_literals;
  using o = scheduler_options;
  return schema<o>{
      "Finds a worker for every action: queues by priority and age, merges equal actions, tries again when a "
      "worker is lost."}
      .field("counted_properties", &o::counted_properties,
             "Platform properties that are amounts, used up by the actions that run. Worker and action must "
             "mean the same unit; what workers offer by themselves is in processors and in bytes.")
      .field("ignored_properties", &o::ignored_properties,
             "Platform properties that say nothing about where to run. All others must be offered by the "
             "worker with the very value that the action asks for. By default those that clients send to any "
             "server: actions run in what their worker has, in no image of a container; where workers differ "
             "in that and offer container-image, leave it out here.")
      .field(
          "platforms", &o::platforms,
          "What the workers of this scheduler offer, all of them that may ever come: names of platform "
          "properties, each with its values; of a counted one the largest amounts. An action that asks for "
          "anything else is refused at once. Left out, it waits for `unmatched_wait` first.")
      .field("max_queued", &o::max_queued,
             "Actions that may wait for a worker. Beyond it clients are told to try later.", at_least(1))
      .field("max_workers", &o::max_workers, "Workers that may be connected at once.", at_least(1))
      .field(
          "max_retries", &o::max_retries,
          "How often an action is tried again after its worker was lost or failed. Other workers are tried "
          "first; from the second time on, or where there is no other, after a pause that doubles from 1 s.",
          at_most(100))
      .field(
          "set_aside_after", &o::set_aside_after,
          "A worker that fails so many different actions by itself, and none well between, is given nothing "
          "for 30 s while others offer the same, then one action to see. 0: never.")
      .field("unmatched_wait", &o::unmatched_wait,
             "How long an action waits while no connected worker could ever take it.")
      .field("abandon_after", &o::abandon_after,
             "An action that no client waits for any more is cancelled after this long. Clients that lost "
             "their connection come back within it.")
      .field("heartbeat_interval", &o::heartbeat_interval, "How often a worker says that it is alive.",
             at_least(milliseconds(100)), at_most(minutes(10)))
      .field("heartbeats_missed", &o::heartbeats_missed,
             "After so many silent intervals a worker is given up.", at_least(2), at_most(1000))
      .field("kill_timeout", &o::kill_timeout,
             "A worker that has not stopped a cancelled action by then is given up.", at_least(seconds(1)))
      .field(
          "overrun", &o::overrun,
          "How much longer than its timeout an action may take with fetching inputs and uploading outputs. "
          "What takes still longer is stopped, for its worker hangs.",
          at_least(seconds(1)))
      .field("retain_for", &o::retain_for, "How long the name of a finished operation can be asked for.")
      .field("max_retained", &o::max_retained, "Finished operations that are remembered at most.")
      .field("max_retained_bytes", &o::max_retained_bytes,
             "Bytes of results that are remembered with them at most.")
      .field("record_timeout", &o::record_timeout,
             "How long a result may take into the action cache before clients get it regardless.",
             at_least(seconds(1)))
      .check(told_apart);
}

scheduling::property_rules rules_of(const scheduler_options& options) {
  scheduling::property_rules rules;
  for (const auto& name : options.counted_properties) rules[name] = scheduling::comparison::counted;
  for (const auto& name : options.ignored_properties) rules[name] = scheduling::comparison::ignored;
  return rules;
}

}  // namespace kiln
