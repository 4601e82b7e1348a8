#include <signal.h>

#include <utility>

#include "actors/worker/outputs/output_uploader.hpp"
#include "actors/worker/running_state.hpp"
#include "core/observe/log.hpp"

/// From the end of a command to the last word about its action.
namespace kiln::running {

void running_state::on_ended(ended news) {
  if (now == phase::preparing) {  // it was faster than the news of its start
    command_over.emplace(std::move(news));
    return;
  }
  command.reset();
  usage.reset();
  record.command_ends(news.at);
  auto& how = news.how;
  if (!how && below.tree && owner_in(how.error(), fault_place::worker) != fault_owner::action)
    caf::anon_send(resources->trees, recheck_tree{below.tree->root});
  if (!outcome.status.ok()) return clean_up();
  if (!how) return give_up(std::move(how).error());
  if (!began && !excess.ok()) return give_up(std::move(excess));
  if (overdue && excess.ok()) excess = too_late();
  collect(*how);
}

void running_state::collect(const process_end& how) {
  now = phase::collecting;
  unchecked = false;
  tap->command_over();
  record.set_end(how, conditions);
  folder->show(how.view);
  outcome.exit_code = how.exit_code;
  file_too_large = how.signal == SIGXFSZ;
  auto result = record.result();
  auto work = [resources = resources, plan = plan, inputs = inputs, folder = folder, stop = stop, result,
               function = order.action.action.function, partly = !excess.ok(), group = group,
               failed = how.exit_code != 0]() -> expected<collected> {
    auto left = collect_all(*resources, *plan, inputs.get(), folder, function, *stop, partly, *result);
    // What fails may have failed for that; what does not has managed with less.
    if (left && left->fault.ok() && failed && group)
      if (auto limit = group->met())
        left->fault = owned_by(fault_owner::action, {errc::failed_precondition, "the action met " + *limit});
    return left;
  };
  offload(me(), *resources->pool, std::move(work),
          [self = self](expected<collected> left) { self->state.upload(std::move(left)); });
}

void running_state::upload(expected<collected> left) {
  if (*stop) return clean_up();
  if (!left) return give_up(std::move(left).error());
  if (excess.ok()) excess = std::move(left->fault);
  if (excess.ok() && file_too_large) excess = too_much_in_file({plan->largest_file});
  now = phase::uploading;
  record.upload_begins(resources->env.time->wall());
  spoken.emplace(std::move(left->spoken));
  upload_blobs(std::move(left->blobs));
}

void running_state::upload_blobs(blob_table blobs) {
  upload_outputs(self, resources, std::move(blobs), stop, [self = self](expected<void> done) {
    if (self->state.now == phase::uploading) self->state.uploaded(std::move(done));
  });
}

void running_state::uploaded(expected<void> done) {
  if (!done) {
    auto why = std::move(done).error();
    if (by_tool && why.code() == errc::invalid_argument) return doubt_tool(why);
    bool hopeless = owner_in(why, fault_place::store) == fault_owner::action;
    if (!hopeless || !spoken) return give_up(std::move(why), fault_place::store);
    // No try will bring these outputs into the cache. What the command has said may tell why they are so.
    if (excess.ok()) excess = owned_by(fault_owner::action, std::move(why));
    leave_out_outputs(*record.result());
    return upload_blobs(*std::exchange(spoken, std::nullopt));
  }
  record.upload_ends(resources->env.time->wall());
  if (may_have_damaged())
    return give_up(owned_by(fault_owner::elsewhere,
                            {errc::unavailable,
                             "a file of the cache was found damaged while the action ran, and may have been "
                             "one of its inputs"}));
  outcome.result = record.finish();
  if (excess.ok()) return clean_up();
  give_up(std::move(excess));
}

/// Outputs are not what they were when they were hashed: something that lives in the tool writes to them.
void running_state::doubt_tool(const error& why) {
  by_tool->tool->spoil();
  give_up(owned_by(fault_owner::elsewhere,
                   {errc::unavailable,
                    "the persistent worker changed an output while it was uploaded: " + why.message()}));
}

/// The end has a reason. Nothing of the action is running on the thread pool or as a process here.
void running_state::give_up(error why, fault_place from) {
  if (outcome.status.ok()) {
    outcome.fault = take_owner(why, from);
    outcome.status = std::move(why);
    if (outcome.status.code() == errc::resource_exhausted && outcome.fault == fault_owner::worker)
      make_room_on_disk();
  }
  clean_up();
}

/// The next try finds more of it.
void running_state::make_room_on_disk() {
  caf::anon_send(resources->input_cache, drop_idle_inputs{});
  if (resources->trees) caf::anon_send(resources->trees, make_room{});
}

void running_state::clean_up() {
  now = phase::cleaning;
  *stop = true;
  const bool unread = tap->close();
  if (!folder) return say_over();
  // What has gone well to its end has no process and no reader any more, but who follows it.
  auto work = [folder = std::move(folder), use = by_tool, group = std::move(group), resources = resources,
               well = outcome.status.ok() && unread, inputs = unchecked ? inputs : nullptr] {
    std::atomic<bool> never{false};
    if (inputs) (void)recheck_altered(*resources, *inputs, never);  // the action has failed anyway
    if (use && use->request.place)
      if (auto cleared = use->tool->clear_up(use->request); !cleared) return cleared;
    return well ? folder->hand_back() : folder->remove();
  };
  expect_removal();
  offload(me(), *resources->pool, std::move(work), [self = self](expected<void> gone) {
    auto& state = self->state;
    if (!gone && state.resources->env.log)
      state.resources->env.log->error(
          "an action's folder could not be removed",
          {{"operation", state.order.operation}, {"error", gone.error().to_string()}});
    state.say_over();
  });
}

void running_state::say_over() {
  inputs.reset();
  below.tree.reset();
  by_tool.reset();
  if (told)
    self->send(owner, action_gone{order.operation, order.attempt});
  else
    self->send(owner, action_over{order.operation, order.attempt, std::move(outcome)});
  self->quit();
}

}  // namespace kiln::running
