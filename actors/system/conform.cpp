#include <cstdio>
#include <fstream>

#include "actors/system/commands.hpp"
#include "actors/system/outbound.hpp"
#include "actors/system/plugins.hpp"
#include "actors/tools/conform/conform_runner.hpp"
#include "actors/tools/conform/selection.hpp"
#include "core/config/units.hpp"

namespace kiln {
namespace {

expected<std::vector<std::pair<std::string, std::string>>> platform_of(const conform_request& request) {
  std::vector<std::pair<std::string, std::string>> platform;
  for (const auto& word : request.platform) {
    auto cut = word.find('=');
    if (cut == std::string::npos)
      return fail(errc::invalid_argument, "--platform takes NAME=VALUE, not {}", word);
    platform.emplace_back(word.substr(0, cut), word.substr(cut + 1));
  }
  return platform;
}

std::string endpoint_of(const conform_request& request) {
  bool encrypted =
      request.tls || !request.tls_ca.empty() || !request.tls_cert.empty() || !request.tls_key.empty();
  if (!encrypted || request.target.find("://") != std::string::npos) return request.target;
  return "grpcs://" + request.target;
}

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
  auto platform = platform_of(request);
  if (!platform) return complain(platform.error(), exit_usage);
  byte_size fill{};
  if (!request.fill.empty()) {
    auto size = parse_byte_size(request.fill);
    if (!size) return complain(size.error().in_context("--fill"), exit_usage);
    fill = *size;
  }
  auto random = make_system_random();
  environment env{&system_clock(), random.get(), nullptr, nullptr};
  auto plugins = load_plugins(request.plugins);
  if (!plugins) return complain(plugins.error(), exit_unavailable);
  auto out = outbound_transport(*plugins, env, {request.tls_ca, request.tls_cert, request.tls_key});
  if (!out) return complain(out.error(), exit_unavailable);
  if (auto suits = (*out)->suits(endpoint_of(request)); !suits) return complain(suits.error(), exit_usage);

  conform::run_settings settings;
  settings.instance = request.instance;
  settings.platform = std::move(*platform);
  settings.fill = fill.bytes;
  settings.how.dial = [&out, endpoint = endpoint_of(request)] { return (*out)->dial(endpoint); };
  if (!request.token.empty()) settings.how.metadata = {{"authorization", "Bearer " + request.token}};
  settings.how.time = env.time;
  settings.how.nonce = random->next();
  settings.how.quick = request.quick;
  return examine(request, *rules, settings);
}

}  // namespace kiln
