#include "actors/tools/conform/conform_runner.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "actors/tools/conform/rules/actions.hpp"

namespace kiln::conform {
namespace {

finding examine(const rule& about, const facts& server, probe::setting how) {
  finding found{about, {}, 0, {}};
  if (auto missing = server.missing_for(about.what); !missing.empty()) {
    found.result = {outcome::skipped, std::move(missing), {}};
    return found;
  }
  how.server = &server;
  if (has(about.what, needs::slow)) how.longest *= 2;
  auto started = how.time->now();
  probe questions(about, how);
  try {
    about.body(questions);
  } catch (verdict& early) {
    found.result = std::move(early);
  } catch (const std::exception& fault) {
    found.result = {outcome::fail, "an answer that the rule can handle", fault.what()};
  }
  questions.clean_up();
  found.milliseconds = std::chrono::duration<double, std::milli>(how.time->now() - started).count();
  if (found.result.what == outcome::fail)
    for (const auto& one : questions.transcript()) found.exchanges.push_back(*one);
  return found;
}

// Runs `job` for every index below `count`, some at once.
void in_parallel(std::size_t count, unsigned at_once, const std::function<void(std::size_t)>& job) {
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> thread_pool;
  for (unsigned i = 0; i < at_once && i < count; ++i)
    thread_pool.emplace_back([&] {
      for (auto mine = next++; mine < count; mine = next++) job(mine);
    });
}

// Whether a worker runs the simplest of actions for us.
bool runs_an_action(probe& ask) {
  try {
    auto told = response_of(ask, execute(ask, stored_action(ask), true));
    return told.status().code() == 0 && told.result().exit_code() == 0;
  } catch (const verdict&) {
    return false;
  }
}

}  // namespace

expected<facts> learn(const run_settings& settings) {
  facts server;
  server.instance = settings.instance;
  server.platform = settings.platform;
  server.fill = settings.fill;
  auto how = settings.how;
  how.server = &server;
  probe ask({0, tag::must, "", needs::nothing, {}}, how);
  auto announced = ask.capabilities(settings.instance);
  if (announced.silent) return fail(errc::unavailable, "no answer to GetCapabilities within ten seconds");
  if (!announced.ok()) return fail(announced.status.in_context("GetCapabilities"));
  server.announced = announced.message();
  if (!server.execution().exec_enabled() || !server.announced.has_cache_capabilities()) return server;
  server.has_worker = runs_an_action(ask);
  return server;
}

std::vector<finding> examine(const std::vector<rule>& rules, const facts& server,
                             const run_settings& settings) {
  std::vector<finding> findings(rules.size());
  std::vector<std::size_t> together, alone;
  for (std::size_t i = 0; i < rules.size(); ++i)
    (has(rules[i].what, needs::alone) ? alone : together).push_back(i);
  auto run = [&](std::size_t index) { findings[index] = examine(rules[index], server, settings.how); };
  std::stable_partition(together.begin(), together.end(),
                        [&](std::size_t i) { return has(rules[i].what, needs::slow); });
  in_parallel(together.size(), settings.at_once, [&](std::size_t i) { run(together[i]); });
  for (auto index : alone) run(index);
  return findings;
}

}  // namespace kiln::conform
