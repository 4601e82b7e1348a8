#include "actors/tools/probe/probe_run.hpp"

#include "actors/tools/probe/agent_action.hpp"

namespace kiln::probing {
namespace {

// How often the looking action is run until it comes to where the leaving one was.
constexpr int most_looks = 8;

expected<conform::facts> announced_by(const probe_settings& settings, conform::probe::setting how) {
  conform::facts server;
  server.instance = settings.instance;
  server.platform = settings.platform;
  how.server = &server;
  how.patience = std::chrono::seconds(10);
  conform::probe ask({0, conform::tag::must, "", conform::needs::nothing, {}}, how);
  auto told = ask.capabilities(settings.instance);
  if (told.silent)
    return fail(errc::unavailable,
                "no answer to GetCapabilities within ten seconds; is a REAPI server there?");
  if (!told.ok()) return fail(told.status.in_context("GetCapabilities"));
  server.announced = told.message();
  if (!server.execution().exec_enabled())
    return fail(
        errc::unavailable,
        "the server announces no execution{}; ask one that has workers, or name its instance (--instance)",
        settings.instance.empty() ? "" : fmt::format(" for instance {}", settings.instance));
  return server;
}

// What an action found somewhere else proves nothing.
void judge_elsewhere(std::vector<finding>& findings, const std::string& left_on,
                     const std::string& looked_on) {
  for (auto& one : findings) {
    if (one.what != outcome::held) continue;
    one.what = outcome::untried;
    one.seen = fmt::format("the first action ran on {}, and the next ones on {}", left_on, looked_on);
  }
}

expected<std::vector<finding>> leave_and_look(agent_action& agent) {
  auto left = agent.run({"leave", agent.token()});
  if (auto done = parse_agent_lines(left.text); !done) return done;
  for (int looks = 1;; ++looks) {
    auto looked = agent.run({"look", agent.token()});
    auto findings = parse_agent_lines(looked.text);
    if (!findings || looked.worker == left.worker) return findings;
    // A leak is a leak wherever it is seen; it may be gone at the next look.
    if (looks < most_looks && !any_leaked(*findings)) continue;
    judge_elsewhere(*findings, left.worker, looked.worker);
    return findings;
  }
}

expected<std::vector<finding>> all_findings(conform::probe& ask, const std::string& token) {
  agent_action agent(ask, token);
  auto findings = parse_agent_lines(agent.run({"survey"}).text);
  if (!findings) return findings;
  auto leftovers = leave_and_look(agent);
  if (!leftovers) return leftovers;
  findings->insert(findings->end(), leftovers->begin(), leftovers->end());
  return findings;
}

}  // namespace

expected<std::vector<finding>> probe_server(const probe_settings& settings) {
  auto how = settings.how;
  auto server = announced_by(settings, how);
  if (!server) return failure(server.error());
  how.server = &*server;
  try {
    conform::probe ask({0, conform::tag::must, "", conform::needs::nothing, {}}, how);
    return all_findings(ask, fmt::format("{:016x}", settings.how.nonce));
  } catch (const conform::verdict& early) {
    return fail(errc::unavailable, "expected {}, got {}", early.reason, early.received);
  }
}

}  // namespace kiln::probing
