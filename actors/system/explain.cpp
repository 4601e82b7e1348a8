#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "actors/system/commands.hpp"
#include "actors/system/plugins.hpp"
#include "actors/system/requested_configuration.hpp"
#include "actors/worker/explain/worker_report.hpp"
#include "actors/worker/open_worker_resources.hpp"
#include "actors/worker/usual_properties.hpp"
#include "actors/worker/worker_profile.hpp"
#include "core/base/descriptors.hpp"

namespace kiln {
namespace {

constexpr std::string_view taken = "another worker works there";

/// With what to do, where that is known.
error in_words(const error& why) {
  if (why.message().find(taken) == std::string::npos) return why.in_context("worker");
  return {why.code(),
          fmt::format("{}, and says in its log how it runs actions; stop it first, or name another folder on "
                      "the same disk (--data)",
                      why.message())};
}

/// The folders of the store that lends inputs, and of those that it asks.
std::vector<std::string> folders_of_lender(const configuration& known) {
  const auto& worker = *known.options.worker;
  std::vector<std::string> asked{worker.cache ? worker.cache->name : worker.cas.name};
  std::vector<std::string> folders;
  for (std::size_t i = 0; i < asked.size(); ++i)
    for (const auto& store : known.stores) {
      if (store.name != asked[i]) continue;
      for (const auto& field : store.schema->fields())
        if (auto said = field.is_own_folder ? store.description.find(field.name) : std::nullopt)
          folders.push_back(said->text());
      for (const auto& use : store.uses)
        if (!use.of_results && std::find(asked.begin(), asked.end(), use.name) == asked.end())
          asked.push_back(use.name);
    }
  return folders;
}

/// What is asked here takes the folder, as a worker does: what root makes in it, its user could not use
/// afterwards.
expected<void> is_our_own(disk& on, const std::string& work_root) {
  auto facts = on.facts(descriptor(), absolute_path(work_root).c_str());
  if (!facts || facts->owner == ::geteuid()) return {};
  return fail(
      errc::failed_precondition,
      "work folder {} is of user {}: ask as that user (`setpriv --reuid {} --clear-groups kiln worker "
      "--explain`), or name another folder on the same disk (--data)",
      work_root, facts->owner, facts->owner);
}

}  // namespace

int explain(serve_request request) {
  raise_descriptor_limit();
  auto plugins = load_plugins(request.plugins);
  if (!plugins) return complain(plugins.error(), exit_unavailable);
  auto wanted = requested_configuration(request, *plugins);
  if (!wanted) return complain(wanted.error(), exit_usage);
  if (!wanted->options.worker)
    return complain({errc::invalid_argument,
                     fmt::format("there is no section worker in {}, so nothing here runs actions",
                                 request.config.empty() ? "profile " + request.profile : request.config)},
                    exit_usage);
  auto options = *wanted->options.worker;
  // One that demands what cannot be had would only say that it does not start.
  const bool demands = options.sandbox.level == sandbox_level::namespaces;
  if (demands) options.sandbox.level = sandbox_level::automatic;

  auto random = make_system_random();
  const environment env{&system_clock(), random.get(), nullptr, nullptr};
  if (auto own = is_our_own(*env.files, options.work_root); !own)
    return complain(own.error(), exit_unavailable);
  auto profile = profile_of(options, find_own_machine(*env.files), *random);
  auto worker = open_own_resources(options, env, profile.slots);
  if (!worker) return complain(in_words(worker.error()), exit_unavailable);
  complete(profile, options, (*worker)->sandbox != nullptr);
  std::fputs(
      explain_worker(**worker, profile, look_at_machine(*env.files), folders_of_lender(*wanted)).c_str(),
      stdout);
  if (demands && !(*worker)->sandbox)
    std::puts("\nThis worker would not start: `sandbox.level: namespaces` demands what cannot be had here.");
  return 0;
}

}  // namespace kiln
