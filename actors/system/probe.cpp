#include <cstdio>

#include "actors/system/asked_target.hpp"
#include "actors/system/commands.hpp"
#include "actors/tools/probe/probe_run.hpp"

namespace kiln {

int probe_server(const probe_request& request) {
  if (request.target.empty())
    return complain({errc::invalid_argument, "probe needs a target: kiln probe HOST:PORT"}, exit_usage);
  auto platform = platform_of(request.platform);
  if (!platform) return complain(platform.error(), exit_usage);
  auto to = asked_target::open(request);
  if (!to) return complain(to.error(), exit_code_of(to.error()));

  probing::probe_settings settings;
  settings.instance = request.instance;
  settings.platform = std::move(*platform);
  settings.how = (*to)->how();
  // A worker may have to be started first, or be busy.
  settings.how.patience = std::chrono::minutes(3);
  settings.how.longest = std::chrono::minutes(15);
  auto findings = probing::probe_server(settings);
  // With its code, which is all that some servers say.
  if (!findings) return complain({findings.error().code(), findings.error().to_string()}, exit_unavailable);
  std::fputs(probing::as_text(*findings).c_str(), stdout);
  return probing::any_leaked(*findings) ? 1 : 0;
}

}  // namespace kiln
