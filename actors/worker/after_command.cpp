#include "actors/worker/after_command.hpp"

#include <caf/send.hpp>
#include <utility>

#include "actors/worker/materializer.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/observe/log.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {

expected<void> spoil_altered(const workshop& shop, const input_tree& inputs) {
  if (shop.options.inputs == input_mode::copy) return {};
  auto altered = check_inputs(inputs);
  if (!altered.mode.empty()) {
    // Its bytes are as they were, so the result stands; but the next action is to find it read-only.
    if (shop.env.log)
      shop.env.log->warn("an action changed the mode of its inputs",
                         {{"inputs", altered.mode.size()}, {"first", altered.mode.front().to_string()}});
    caf::anon_send(shop.lender, spoil_inputs{std::move(altered.mode)});
  }
  if (altered.content.empty()) return {};
  auto first = altered.content.front();
  if (shop.env.log)
    shop.env.log->error("inputs were written to while an action ran; they are dropped from the cache",
                        {{"inputs", altered.content.size()}, {"first", first.to_string()}});
  caf::anon_send(shop.lender, spoil_inputs{std::move(altered.content)});
  return fail(errc::aborted, "input {} was written to while the action ran", first);
}

expected<blob_table> collect_all(const workshop& shop, const command_plan& plan, const input_tree& inputs,
                                 const std::shared_ptr<action_folder>& folder, digest_function function,
                                 const std::atomic<bool>& stop, bool streams_only,
                                 build::bazel::remote::execution::v2::ActionResult& result) {
  if (auto fine = spoil_altered(shop, inputs); !fine) return failure(std::move(fine).error());
  // The folder lives as long as anyone reads in it.
  auto within = [&](const descriptor& file) { return std::shared_ptr<const descriptor>(folder, &file); };
  output_collector collector(within(folder->root()), shop.options, function, stop);
  auto out = collector.add_stream(within(folder->out()), "output");
  if (!out) return failure(std::move(out).error());
  if (!is_empty_blob(*out)) to_wire(*out, result.mutable_stdout_digest());
  auto err = collector.add_stream(within(folder->err()), "error");
  if (!err) return failure(std::move(err).error());
  if (!is_empty_blob(*err)) to_wire(*err, result.mutable_stderr_digest());
  if (!streams_only)
    if (auto added = collector.add_outputs(plan, result); !added) return failure(std::move(added).error());
  if (auto fine = check_size(largest::result, result.ByteSizeLong()); !fine)
    return fail(errc::failed_precondition, "the action has too many outputs: {}", fine.error().message());
  return collector.take_blobs();
}

}  // namespace kiln
