#include <set>

#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Everything at once, by chance, under a seed: what must hold after every step whatever happened before.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(dispatcher_storm)

namespace {

/// Machines as they are, not as the dispatcher believes: what runs on one runs until it ends there.
struct storm : dispatcher_fixture {
  struct machine {
    std::string name;
    std::string worker_id;
    std::uint32_t slots = 1;
    int cpu = 0;
    std::uint64_t epoch = 0;
    std::map<std::pair<std::string, std::uint64_t>, start_action> running;
  };

  explicit storm(std::uint64_t seed) : chance(make_seeded_random(seed)) {
    options.max_queued = 60;
    options.max_retained = 1'000'000;
    options.retain_for = std::chrono::hours(1000);
  }

  std::uint64_t roll(std::uint64_t sides) { return chance->next() % sides; }

  void start(const std::string& worker_id, start_action order) override {
    auto* where = find(worker_id);
    BOOST_REQUIRE_MESSAGE(where != nullptr, "work was given to a worker that is gone");
    auto [at, is_new] = where->running.emplace(std::pair(order.operation, order.attempt), order);
    BOOST_REQUIRE_MESSAGE(is_new, "the same attempt was given twice");
    BOOST_REQUIRE_MESSAGE(where->running.size() <= where->slots, "more was given than there are slots");
    int used = 0;
    for (const auto& [key, each] : where->running) used += cpu_of(each.action);
    BOOST_REQUIRE_MESSAGE(used <= where->cpu, "more was given than there are processors");
  }
  void tell(scheduling::listener_id who, const operation_state& state) override {
    BOOST_REQUIRE_MESSAGE(!heard_ends.contains({who, state.name}), "news of an operation that had ended");
    if (state.now == stage::completed) heard_ends.emplace(who, state.name);
  }
  void dismiss(const std::string& worker_id, dismiss_worker order) override {
    if (order.given_up) unplug(worker_id);
  }
  void forget_worker(const std::string& worker_id) override { unplug(worker_id); }

  static int cpu_of(const action_spec& action) {
    for (const auto& [name, value] : action.platform)
      if (name == "cpu") return std::stoi(value);
    return 0;
  }
  machine* find(const std::string& worker_id) {
    for (auto& each : machines)
      if (each.worker_id == worker_id) return &each;
    return nullptr;
  }
  void unplug(const std::string& worker_id) {
    if (auto* where = find(worker_id)) {
      where->worker_id.clear();
      where->running.clear();
    }
  }
  machine* any_connected() {
    std::vector<machine*> live;
    for (auto& each : machines)
      if (!each.worker_id.empty()) live.push_back(&each);
    return live.empty() ? nullptr : live[roll(live.size())];
  }

  void connect(machine& which) {
    // Sometimes the same process comes back, before its old connection is missed or after; not all that it
    // was given has reached it.
    bool same = roll(3) == 0;
    auto has = same ? which.running : decltype(which.running)();
    while (!has.empty() && roll(4) == 0) has.erase(has.begin());
    worker_profile profile{
        which.name, {{"cpu", std::to_string(which.cpu)}}, which.slots, same ? which.epoch : ++which.epoch};
    for (const auto& [key, order] : has) profile.running.push_back({key.first, key.second});
    auto welcome = dispatch.admit(profile, now);
    if (!welcome && welcome.error().code() == errc::failed_precondition) which.running.clear();
    if (!welcome) return;
    which.worker_id = welcome->worker_id;
    which.running = std::move(has);
    dispatch.ready(which.worker_id);
  }
  void cut(machine& which) {
    auto id = std::exchange(which.worker_id, "");
    dispatch.cut(id, now);
  }
  void request() {
    auto spec = action("a" + std::to_string(roll(40)), {{"cpu", std::to_string(1 + roll(4))}});
    spec.action.size = static_cast<std::int64_t>(roll(2));
    spec.do_not_cache = roll(5) == 0;
    if (roll(3) == 0) spec.timeout = 1s;
    auto state =
        dispatch.submit({spec, static_cast<std::int32_t>(roll(3)), roll(4) == 0, {}}, 1 + roll(3), now);
    if (state && state->now != stage::completed) begun.push_back(state->name);
  }
  void report() {
    auto* where = any_connected();
    if (where == nullptr || where->running.empty()) return;
    auto at = where->running.begin();
    std::advance(at, roll(where->running.size()));
    auto [operation, attempt] = at->first;
    if (roll(3) == 0) {
      dispatch.started({where->worker_id, operation, attempt}, now);
      return;
    }
    where->running.erase(at);
    action_finished news{where->worker_id, operation, attempt, {}};
    auto luck = roll(10);
    if (luck == 0) news.outcome.status = error(errc::unavailable, "no luck");
    if (luck == 1) news.outcome.status = error(errc::invalid_argument, "never");
    if (luck == 2) news.outcome.exit_code = 1;
    dispatch.finished(news, now);
    if (roll(10) == 0) dispatch.finished(news, now);
  }
  void give_up(const std::string& name) {
    bool for_good = roll(3) == 0;
    dispatch.unwatch(name, 1 + roll(3), for_good, now);
    if (for_good) given_up.insert(name);
  }
  void settle_records(std::size_t keep) {
    while (recording.size() > keep) {
      auto first = recording.front();
      recording.erase(recording.begin());
      dispatch.recorded(first.first, first.second, now);
    }
  }
  void step() {
    switch (roll(14)) {
      case 0:
        if (auto* gone = any_connected()) {
          auto id = gone->worker_id;
          gone->worker_id.clear();
          gone->running.clear();
          dispatch.lost(id, "pulled out", now);
        }
        break;
      case 1:
        if (auto* away = any_connected(); away != nullptr && roll(3) == 0)
          cut(*away);
        else
          connect(machines[roll(machines.size())]);
        break;
      case 2:
        if (!begun.empty()) (void)dispatch.cancel(begun[roll(begun.size())], now);
        break;
      case 3:
        if (!begun.empty()) give_up(begun[roll(begun.size())]);
        break;
      case 4:
        if (roll(4) == 0) dispatch.listener_gone(1 + roll(3), now);
        break;
      case 5:
        if (auto* tired = any_connected(); tired != nullptr && roll(4) == 0)
          dispatch.leaving(tired->worker_id, now);
        break;
      case 6:
        now += std::chrono::seconds(roll(40));
        dispatch.tick(now);
        break;
      case 7:
      case 8:
      case 9:
        request();
        break;
      default:
        report();
    }
    for (auto& each : machines)
      if (!each.worker_id.empty() && roll(8) != 0) dispatch.beat(each.worker_id, now);
    settle_records(roll(4));
  }
  /// All is well from now on: whatever is left must come to an end.
  void calm() {
    for (int round = 0; round < 400; ++round) {
      for (auto& each : machines) {
        if (each.worker_id.empty()) connect(each);
        if (each.worker_id.empty()) continue;
        dispatch.beat(each.worker_id, now);
        auto running = each.running;
        for (const auto& [key, order] : running) {
          each.running.erase(key);
          dispatch.finished({each.worker_id, key.first, key.second, {}}, now);
          if (each.worker_id.empty()) break;
        }
      }
      settle_records(0);
      now += 500ms;
      dispatch.tick(now);
    }
  }

  std::unique_ptr<random_source> chance;
  std::vector<machine> machines{
      {"small", "", 1, 2, 0, {}}, {"middle", "", 2, 4, 0, {}}, {"large", "", 6, 8, 0, {}}};
  std::vector<std::string> begun;
  std::set<std::string> given_up;  ///< their names may be forgotten at once
  std::set<std::pair<scheduling::listener_id, std::string>> heard_ends;
};

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_happens_nothing_is_overbooked_lost_or_ended_twice) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      storm world(seed);
      for (int i = 0; i < 600; ++i) world.step();
      world.calm();
      auto stats = world.dispatch.stats();
      BOOST_REQUIRE_EQUAL(stats.queued, 0u);
      BOOST_REQUIRE_EQUAL(stats.executing, 0u);
      for (const auto& name : world.begun) {
        auto state = world.dispatch.watch(name, std::nullopt);
        BOOST_REQUIRE(state ? state->now == stage::completed : world.given_up.contains(name));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
