#include "actors/worker/command/after_command.hpp"

#include <caf/send.hpp>
#include <utility>

#include "actors/worker/command/launcher/protocol.hpp"
#include "actors/worker/command/usage_watch.hpp"
#include "actors/worker/fault_owners.hpp"
#include "actors/worker/inputs/altered_inputs.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/observe/log.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {

namespace {

/// Where the action has it; in several places perhaps.
std::string path_in(const input_tree& inputs, const wanted_input& which) {
  for (const auto& file : inputs.files)
    if (inputs.wanted(file) == which) return join_path(inputs.folders[file.in].path, file.name);
  return which.blob.to_string();
}

/// The path that the action had its input root at.
std::string root_as_seen(const worker_resources& resources, const command_plan& plan,
                         const action_folder& folder) {
  if (resources.sandbox) return plan.at_root ? "/" : launcher::sandbox_root;
  const auto here = fmt::format("/proc/self/fd/{}", folder.root().number());
  return folder.on().read_link(descriptor(), here.c_str()).value_or("");
}

// What is added to a result when its outputs are uploaded: three moments, and a duration, of some 15 bytes
// each.
constexpr std::size_t times_to_come = 64;

}  // namespace

void leave_out_outputs(build::bazel::remote::execution::v2::ActionResult& result) {
  result.clear_output_files();
  result.clear_output_file_symlinks();
  result.clear_output_symlinks();
  result.clear_output_directories();
  result.clear_output_directory_symlinks();
}

void recheck_gone(const worker_resources& resources, const input_tree& inputs) {
  recheck_inputs gone;
  for (const auto& [which, lent] : inputs.lent) {
    auto facts = resources.env.files->facts(descriptor(), lent->path.c_str());
    if (!facts || !mark_of(*facts).same_content(lent->mark)) gone.inputs.push_back(which);
  }
  if (!gone.inputs.empty()) caf::anon_send(resources.input_cache, std::move(gone));
}

expected<void> recheck_altered(const worker_resources& resources, const input_tree& inputs,
                               const std::atomic<bool>& stop) {
  if (!resources.watches) return {};
  auto altered = find_altered(*resources.env.files, inputs, stop);
  if (!altered.touched.empty()) {
    if (resources.env.log)
      resources.env.log->warn(
          "an action changed modes or times of its inputs; their bytes are whole",
          {{"inputs", altered.touched.size()}, {"first", path_in(inputs, altered.touched.front())}});
    caf::anon_send(resources.input_cache, recheck_inputs{std::move(altered.touched)});
  }
  if (altered.changed.empty()) return {};
  auto first = path_in(inputs, altered.changed.front());
  if (resources.env.log)
    resources.env.log->error("inputs were written to while an action ran; the cache looks at them",
                             {{"inputs", altered.changed.size()}, {"first", first}});
  caf::anon_send(resources.input_cache, recheck_inputs{std::move(altered.changed)});
  if (altered.by_this_action)
    return fail(errc::failed_precondition, "the action wrote to its input \"{}\"", first);
  return failure(owned_by(
      fault_owner::elsewhere,
      {errc::aborted,
       fmt::format("input \"{}\" was written to while the action ran, by it or by another", first)}));
}

expected<collected> collect_all(const worker_resources& resources, const command_plan& plan,
                                const input_tree* inputs, const std::shared_ptr<action_folder>& folder,
                                digest_function function, const std::atomic<bool>& stop, bool streams_only,
                                build::bazel::remote::execution::v2::ActionResult& result) {
  if (inputs != nullptr)
    if (auto fine = recheck_altered(resources, *inputs, stop); !fine) return failure(std::move(fine).error());
  // The folder lives as long as anyone reads in it.
  auto within = [&](const descriptor& file) { return std::shared_ptr<const descriptor>(folder, &file); };
  output_collector collector(folder->on(), {within(folder->seen()), root_as_seen(resources, plan, *folder)},
                             resources.options, resources.room->now(), function, stop);
  collected made;
  auto add = [&](const descriptor& stream, std::string_view name, auto digest_in) -> expected<void> {
    auto end = collector.add_stream(within(stream), fmt::format("standard {}", name));
    if (!end) return failure(std::move(end).error());
    if (!is_empty_blob(end->blob)) to_wire(end->blob, digest_in());
    if (end->cut) made.fault = too_much_in_stream(name, resources.options.max_stream_size);
    return {};
  };
  if (auto out = add(folder->out(), "output", [&] { return result.mutable_stdout_digest(); }); !out)
    return failure(std::move(out).error());
  if (auto err = add(folder->err(), "error", [&] { return result.mutable_stderr_digest(); }); !err)
    return failure(std::move(err).error());
  made.spoken = collector.blobs();
  if (!streams_only && made.fault.ok()) {
    if (auto added = collector.add_outputs(plan, result); !added) {
      auto fault = std::move(added).error();
      if (owner_in(fault, fault_place::worker) != fault_owner::action) return failure(std::move(fault));
      made.fault = std::move(fault);
    }
  }
  if (auto fine = check_size(largest::result, result.ByteSizeLong() + times_to_come); !fine) {
    if (made.fault.ok())
      made.fault = owned_by(fault_owner::action,
                            {errc::failed_precondition,
                             fmt::format("the action has too many outputs: {}", fine.error().message())});
    leave_out_outputs(result);
    made.blobs = made.spoken;
    return made;
  }
  made.blobs = collector.take_blobs();
  return made;
}

}  // namespace kiln
