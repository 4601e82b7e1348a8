#include "actors/worker/running_action.hpp"

#include <fcntl.h>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <optional>
#include <utility>

#include "actors/worker/action_record.hpp"
#include "actors/worker/after_command.hpp"
#include "actors/worker/input_fetcher.hpp"
#include "actors/worker/materializer.hpp"
#include "actors/worker/output_uploader.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/observe/log.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

/// What it is waiting for. Answers of stores may come when nobody wants them any more; work on the crew and a
/// command are waited for, for they use the action's folder.
enum class phase : std::uint8_t { fetching, preparing, running, collecting, uploading, cleaning };

struct running_state;
using running_self = running_action_actor::stateful_pointer<running_state>;

struct running_state {
  running_self self = nullptr;
  workshop_ptr shop;
  action_owner owner;
  start_action order;

  phase now = phase::fetching;
  std::shared_ptr<std::atomic<bool>> stop = std::make_shared<std::atomic<bool>>(false);
  bool overdue = false;
  bool unchecked = false;  ///< the command may have run, and nobody has looked at its inputs since
  std::shared_ptr<const command_plan> plan;
  std::shared_ptr<input_tree> inputs;
  std::shared_ptr<action_folder> folder;
  std::optional<running_command> command;
  struct ended {
    expected<command_end> how;
    wall_time at;
  };
  std::optional<ended> command_over;
  action_record record;
  action_outcome outcome;

  running_action_actor me() const { return caf::actor_cast<running_action_actor>(self); }

  void read_command();
  void take_command(const bytes& content);
  void prepare(std::shared_ptr<input_tree> tree);
  void take_prepared(expected<running_command> started);
  void on_started(wall_time at);
  void on_ended(ended news);
  void collect(const command_end& how);
  void upload(expected<blob_table> blobs);
  void give_up(error why);
  void clean_up();
  void say_over();
};

void running_state::read_command() {
  record.begin(shop->worker_name, order.action.queued, shop->env.time->wall());
  if (!order.action.command.empty() || is_empty_blob(order.action.command_digest))
    return take_command(order.action.command);
  if (auto fine = check_size(largest::command, order.action.command_digest); !fine)
    return give_up(std::move(fine).error());
  self->request(shop->cas, caf::infinite, read_blobs{{order.action.command_digest}})
      .then(
          [self = self](const blob_batch& batch) {
            auto& state = self->state;
            if (state.now != phase::fetching) return;
            if (batch.results.size() == 1 && batch.results[0]) return state.take_command(*batch.results[0]);
            if (batch.results.size() == 1 && batch.results[0].error().code() == errc::not_found)
              return state.give_up(missing_inputs({state.order.action.command_digest}));
            state.give_up(batch.results.empty() ? error(errc::internal, "a store answered no blob")
                                                : batch.results[0].error());
          },
          [self = self](const caf::error& fault) {
            if (self->state.now == phase::fetching) self->state.give_up(from_caf(fault));
          });
}

void running_state::take_command(const bytes& content) {
  auto command = parse<v2::Command>(byte_chain(content));
  if (!command) return give_up(command.error().in_context("the command"));
  auto planned = plan_command(*command, order.action.timeout, shop->options);
  if (!planned) return give_up(std::move(planned).error());
  plan = std::make_shared<const command_plan>(std::move(*planned));
  record.fetch_begins(shop->env.time->wall());
  fetch_inputs(self, shop, order.action.input_root,
               [self = self](expected<std::shared_ptr<input_tree>> tree) {
                 auto& state = self->state;
                 if (state.now != phase::fetching) return;
                 if (!tree) return state.give_up(std::move(tree).error());
                 state.prepare(std::move(*tree));
               });
}

/// Makes the folder and starts the command, in one go on the crew.
void running_state::prepare(std::shared_ptr<input_tree> tree) {
  now = phase::preparing;
  inputs = std::move(tree);
  // Until the command's processes are gone, its folder must stay, whatever becomes of us: so the listener
  // keeps it.
  auto work = [shop = shop, plan = plan, inputs = inputs, stop = stop, me = me(),
               self = self]() -> expected<running_command> {
    auto made = shop->root->make_action_folder();
    if (!made) return failure(std::move(made).error());
    std::shared_ptr<action_folder> folder = std::move(*made);
    auto hand = resume{[self, folder] { self->state.folder = folder; }};
    caf::anon_send(me, std::move(hand));
    if (shop->watches) inputs->link();
    auto done = materialise(folder->root(), *inputs, *plan, folder->user(), *stop);
    if (!done && done.error().code() == errc::unavailable) (void)recheck_altered(*shop, *inputs, *stop);
    if (!done) return failure(std::move(done).error());
    descriptor where =
        open_beneath(folder->root(), plan->working_directory, O_PATH | O_DIRECTORY, follow::all);
    if (!where) return fail(system_error(errno, "opening the working directory"));
    // The moments are taken here: on a busy machine this actor may hear of them much later.
    command_listener listener{
        [me, self, time = shop->env.time] {
          caf::anon_send(me, resume{[self, at = time->wall()] { self->state.on_started(at); }});
        },
        [me, self, folder, time = shop->env.time](expected<command_end> how) {
          auto news = std::make_shared<ended>(ended{std::move(how), time->wall()});
          caf::anon_send(me, resume{[self, news] { self->state.on_ended(std::move(*news)); }});
        }};
    return shop->runner->start(*plan, where, folder->out(), folder->err(), folder->user(),
                               std::move(listener));
  };
  offload(me(), *shop->hands, std::move(work), [self = self](expected<running_command> started) {
    self->state.take_prepared(std::move(started));
  });
}

void running_state::take_prepared(expected<running_command> started) {
  if (!started) return give_up(std::move(started).error());
  now = phase::running;
  unchecked = true;
  command.emplace(std::move(*started));
  if (*stop || overdue) command->kill();
  if (command_over) on_ended(*std::exchange(command_over, std::nullopt));
}

void running_state::on_started(wall_time at) {
  record.command_begins(at);
  self->delayed_send(self, plan->timeout, action_overdue{});
  self->send(owner, action_began{order.operation, order.attempt});
}

void running_state::on_ended(ended news) {
  if (now == phase::preparing) {  // it was faster than the news of its start
    command_over.emplace(std::move(news));
    return;
  }
  command.reset();
  record.command_ends(news.at);
  auto& how = news.how;
  if (!outcome.status.ok()) return clean_up();
  if (!how) return give_up(std::move(how).error());
  if (overdue)
    outcome.status = error(errc::deadline_exceeded,
                           fmt::format("the action ran longer than its {}", to_string(plan->timeout)));
  collect(*how);
}

void running_state::collect(const command_end& how) {
  now = phase::collecting;
  unchecked = false;
  record.set_end(how);
  outcome.exit_code = how.exit_code;
  auto result = record.result();
  auto work = [shop = shop, plan = plan, inputs = inputs, folder = folder, stop = stop, result,
               function = order.action.action.function, partly = overdue]() -> expected<blob_table> {
    return collect_all(*shop, *plan, *inputs, folder, function, *stop, partly, *result);
  };
  offload(me(), *shop->hands, std::move(work),
          [self = self](expected<blob_table> blobs) { self->state.upload(std::move(blobs)); });
}

void running_state::upload(expected<blob_table> blobs) {
  if (*stop) return clean_up();
  if (!blobs) return give_up(std::move(blobs).error());
  now = phase::uploading;
  record.upload_begins(shop->env.time->wall());
  upload_outputs(self, shop, std::move(*blobs), stop, [self = self](expected<void> done) {
    auto& state = self->state;
    if (state.now != phase::uploading) return;
    if (!done) return state.give_up(std::move(done).error());
    state.record.upload_ends(state.shop->env.time->wall());
    state.outcome.result = state.record.finish();
    state.clean_up();
  });
}

/// The end has a reason. Nothing of the action is running on the crew or as a process here.
void running_state::give_up(error why) {
  if (outcome.status.ok()) outcome.status = std::move(why);
  clean_up();
}

void running_state::clean_up() {
  now = phase::cleaning;
  *stop = true;
  if (!folder) return say_over();
  // What has gone well to its end has no process and no reader any more.
  auto work = [folder = std::move(folder), shop = shop, well = outcome.status.ok(),
               inputs = unchecked ? inputs : nullptr] {
    std::atomic<bool> never{false};
    if (inputs) (void)recheck_altered(*shop, *inputs, never);  // the action has failed anyway
    return well ? folder->hand_back() : folder->remove();
  };
  offload(me(), *shop->hands, std::move(work), [self = self](expected<void> gone) {
    auto& state = self->state;
    if (!gone && state.shop->env.log)
      state.shop->env.log->error("an action's folder could not be removed",
                                 {{"operation", state.order.operation}, {"error", gone.error().to_string()}});
    state.say_over();
  });
}

void running_state::say_over() {
  inputs.reset();
  self->send(owner, action_over{order.operation, order.attempt, std::move(outcome)});
  self->quit();
}

running_action_actor::behavior_type running_behavior(running_self self, const workshop_ptr& shop,
                                                     const action_owner& owner, const start_action& order) {
  auto& state = self->state;
  state.self = self;
  state.shop = shop;
  state.owner = owner;
  state.order = order;
  self->send(self, resume{[self] { self->state.read_command(); }});
  return {
      [self](const stop_action& order) {
        auto& state = self->state;
        if (*state.stop) return;
        *state.stop = true;
        state.outcome = {order.why};
        if (state.command) state.command->kill();
        if (state.now == phase::fetching || state.now == phase::uploading) state.clean_up();
      },
      [self](const action_overdue&) {
        auto& state = self->state;
        if (*state.stop || (state.now != phase::preparing && state.now != phase::running)) return;
        // It may come before the news that the command runs, which then ends it.
        state.overdue = true;
        if (state.command) state.command->kill();
      },
      [self](const resume& next) {
        (void)self;
        next.then();
      },
  };
}

}  // namespace

running_action_actor spawn_running_action(caf::actor_system& system, workshop_ptr shop, action_owner owner,
                                          start_action order) {
  return system.spawn(running_behavior, std::move(shop), std::move(owner), std::move(order));
}

}  // namespace kiln
