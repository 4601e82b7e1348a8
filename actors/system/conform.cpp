#include <cstdio>
#include <fstream>

#include "actors/system/asked_target.hpp"
#include "actors/system/commands.hpp"
#include "actors/tools/conform/conform_runner.hpp"
#include "actors/tools/conform/selection.hpp"
#include "core/config/units.hpp"

namespace kiln {
namespace {

int list(const std::vector<conform::rule>& rules, bool markdown) {
  if (markdown) {
    std::fputs(conform::as_markdown(rules).c_str(), stdout);
    return 0;
  }
  for (const auto& one : rules)
    std::printf("%5d %c  %.*s\n", one.number, static_cast<char>(one.tag),
                static_cast<int>(one.sentence.size()), one.sentence.data());
  return 0;
}

int examine(const conform_request& request, const std::vector<conform::rule>& rules,
            const conform::run_settings& settings) {
  auto server = conform::learn(settings);
  // With its code, which is all that some servers say.
  if (!server) return complain({server.error().code(), server.error().to_string()}, exit_unavailable);
  auto findings = conform::examine(rules, *server, settings);
  auto text = request.markdown ? conform::as_markdown(findings) : conform::as_text(findings);
  std::fputs(text.c_str(), stdout);
  if (!request.report.empty()) {
    std::ofstream file(request.report);
    file << conform::as_json(*server, request.target, findings);
    if (!file.flush())
      return complain({errc::unavailable, request.report + " cannot be written"}, exit_unavailable);
  }
  return conform::any_failed(findings) ? 1 : 0;
}

}  // namespace

int conform_server(const conform_request& request) {
  auto rules = conform::selected(conform::all_rules(), request.only);
  if (!rules) return complain(rules.error(), exit_usage);
  if (request.list || request.target.empty()) {
    if (request.list) return list(*rules, request.markdown);
    return complain({errc::invalid_argument, "conform needs a target: kiln conform HOST:PORT"}, exit_usage);
  }
  auto platform = platform_of(request.platform);
  if (!platform) return complain(platform.error(), exit_usage);
  byte_size fill{};
  if (!request.fill.empty()) {
    auto size = parse_byte_size(request.fill);
    if (!size) return complain(size.error().in_context("--fill"), exit_usage);
    fill = *size;
  }
  auto to = asked_target::open(request);
  if (!to) return complain(to.error(), exit_code_of(to.error()));

  conform::run_settings settings;
  settings.instance = request.instance;
  settings.platform = std::move(*platform);
  settings.fill = fill.bytes;
  settings.how = (*to)->how();
  settings.how.quick = request.quick;
  return examine(request, *rules, settings);
}

}  // namespace kiln
