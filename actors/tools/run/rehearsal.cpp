#include "actors/tools/run/rehearsal.hpp"

#include <fcntl.h>

#include <atomic>
#include <cstdio>
#include <utility>

#include "actors/tools/run/command_run.hpp"
#include "actors/tools/run/fetched_action.hpp"
#include "actors/tools/run/run_place.hpp"
#include "actors/worker/inputs/materializer.hpp"
#include "actors/worker/sandbox/input_root_place.hpp"
#include "actors/worker/sandbox/network.hpp"
#include "core/wire/utf8.hpp"

namespace kiln::rehearsal {
namespace {

void tell(const std::string& line) {
  std::fprintf(stderr, "kiln: %s\n", without_controls(line).c_str());
}

void tell_place(const run_place& place, const input_tree& inputs, const surroundings& wanted) {
  std::uint64_t bytes = 0;
  for (const auto& file : inputs.files) bytes += static_cast<std::uint64_t>(file.blob.size);
  tell(fmt::format("{} input files with {} bytes are laid out in {}", inputs.files.size(), bytes,
                   place.stays() ? place.root_path() : "a temporary folder"));
  const auto& worker = place.worker();
  const auto user = place.folder().user();
  const std::string as = user == same_user ? "Kiln's own user" : fmt::format("user {}", user);
  if (worker.sandbox)
    return tell(fmt::format("it runs in namespaces of its own, at {}, as {}, {} the machine's network",
                            wanted.at_root ? "/, and nothing of the machine is there" : "/build", as,
                            wanted.network ? "with" : "without"));
  tell(fmt::format(
      "it runs in a folder, as {}, and sees the machine{}", as,
      worker.lacks.sandbox.empty()
          ? ""
          : fmt::format("; no namespaces: {} (kiln worker --explain says more)", worker.lacks.sandbox)));
}

std::string in_words(const file_facts& facts) {
  switch (facts.kind) {
    case file_kind::file:
      return fmt::format("a file of {} bytes", facts.size);
    case file_kind::folder:
      return "a folder";
    case file_kind::link:
      return "a link";
    default:
      return "neither a file, a folder nor a link, which is no output";
  }
}

void tell_outputs(const run_place& place, const command_plan& plan) {
  const auto& folder = place.folder();
  for (const auto& output : plan.outputs) {
    auto found = folder.on().open_beneath(folder.root(), output.where, O_PATH, follow::but_the_last);
    auto facts = found ? folder.on().facts(*found) : tl::unexpected(found.error());
    if (!facts)
      tell(fmt::format("output {} was not made", output.path));
    else if (place.stays())
      tell(fmt::format("output {} is {}: {}/{}", output.path, in_words(*facts), place.root_path(),
                       output.where));
    else
      tell(fmt::format("output {} was {}", output.path, in_words(*facts)));
  }
  if (!place.stays() && !plan.outputs.empty()) tell("nothing of it is kept; --folder DIR keeps all");
}

}  // namespace

expected<int> run(const settings& wanted, const bench::client& from, const environment& env,
                  interrupts& signals) {
  remote_blobs blobs(from, signals);
  auto action = fetch_action(blobs, wanted.action, wanted.options);
  if (!action) return failure(std::move(action).error());
  auto place = run_place::open(wanted.options, env, wanted.folder);
  if (!place) return failure(std::move(place).error());
  const auto& worker = (*place)->worker();
  if (auto fetched = fetch_files(blobs, *action->inputs, worker.root, worker.pool); !fetched)
    return failure(std::move(fetched).error());
  if (auto made = (*place)->make_folder(); !made) return failure(std::move(made).error());
  const auto& folder = (*place)->folder();
  const std::atomic<bool> never{false};
  auto done = materialise(folder.on(), folder.root(), *action->inputs, action->plan, folder.user(), never);
  if (!done) return failure(std::move(done).error());
  for (auto& [which, file] : action->inputs->lent) file.reset();

  const surroundings around{has_network(worker.options.sandbox.network, action->platform),
                            worker.sandbox && is_at_root(action->platform), action->platform};
  tell_place(**place, *action->inputs, around);
  command_run command(worker, folder, action->plan, around);
  auto how = wanted.shell ? command.run_shell(signals) : command.run(signals);
  if (!how) return failure(std::move(how).error());
  tell(how->signal != 0 ? fmt::format("ended by signal {}", how->signal)
                        : fmt::format("ended with exit code {}", how->exit_code));
  if (auto limit = how->exit_code != 0 ? command.met_limit() : std::nullopt) tell("the action met " + *limit);
  tell_outputs(**place, action->plan);
  return how->exit_code;
}

}  // namespace kiln::rehearsal
