#include "actors/system/asked_target.hpp"
#include "actors/system/commands.hpp"
#include "actors/system/flag_values.hpp"
#include "actors/tools/run/rehearsal.hpp"
#include "core/config/faults.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {
namespace {

/// As it stands in the names of blobs.
expected<digest> action_named(const std::string& text) {
  auto known = parse_read_name("blobs/" + text);
  if (known) return known->blob;
  return fail(errc::invalid_argument,
              "{} is no digest of an action; HASH/SIZE is wanted, or FUNCTION/HASH/SIZE", in_quotes(text));
}

expected<sandbox_level> level_named(const std::string& text) {
  if (text.empty() || text == "auto") return sandbox_level::automatic;
  if (text == "folder") return sandbox_level::folder;
  if (text == "namespaces") return sandbox_level::namespaces;
  return fail(errc::invalid_argument, "--sandbox {}: it is namespaces, folder or auto", in_quotes(text));
}

}  // namespace

int run_action(const run_request& request) {
  if (request.target.empty() || request.action.empty())
    return complain({errc::invalid_argument,
                     "run needs a target and the digest of an action: kiln run HOST:PORT HASH/SIZE"},
                    exit_usage);
  // Before there is another thread, for those are to leave the signals to it.
  rehearsal::interrupts signals;
  keep_to_ourselves();
  rehearsal::settings wanted;
  auto action = action_named(request.action);
  if (!action) return complain(action.error(), exit_usage);
  auto level = level_named(request.sandbox);
  if (!level) return complain(level.error(), exit_usage);
  if (auto good = is_instance(request.instance); !good)
    return complain(good.error().in_context("--instance"), exit_usage);
  auto to = asked_target::open(request);
  if (!to) return complain(to.error(), exit_code_of(to.error()));

  wanted.action = *action;
  wanted.folder = request.folder;
  wanted.shell = request.shell;
  wanted.options.sandbox.level = *level;
  // One action has no use for trees that are kept, nor for files that others share.
  wanted.options.inputs = input_mode::copy;
  auto ended = rehearsal::run(wanted, (*to)->as_client(request.instance), (*to)->env(), signals);
  if (int number = signals.asked_to_end(); number != 0) return 128 + number;
  if (ended) return *ended;
  // With its code, which is all that some servers say.
  return complain({ended.error().code(), ended.error().to_string()}, exit_code_of(ended.error()));
}

}  // namespace kiln
