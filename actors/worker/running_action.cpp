#include "actors/worker/running_action.hpp"

#include <fcntl.h>
#include <signal.h>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "actors/worker/action_record.hpp"
#include "actors/worker/after_command.hpp"
#include "actors/worker/faults.hpp"
#include "actors/worker/input_fetcher.hpp"
#include "actors/worker/materializer.hpp"
#include "actors/worker/output_uploader.hpp"
#include "actors/worker/usage_watch.hpp"
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

constexpr auto between_looks = std::chrono::milliseconds(250);

/// A command on its way, and what looks after it.
struct launched {
  running_command command;
  std::shared_ptr<usage_watch> usage;
};

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
  bool told = false;       ///< the owner has heard the end, and something lingers
  bool unchecked = false;  ///< the command may have run, and nobody has looked at its inputs since
  std::shared_ptr<const command_plan> plan;
  std::shared_ptr<input_tree> inputs;
  std::shared_ptr<action_folder> folder;
  std::optional<running_command> command;
  std::shared_ptr<usage_watch> usage;
  bool watching = false;
  bool looking = false;
  bool file_too_large = false;                       ///< the command was killed for one
  std::optional<std::pair<phase, steady_time>> due;  ///< when what this phase waits for should be over
  error excess;                                      ///< why the command was stopped half-way, if it was
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
  void take_prepared(expected<launched> started);
  void keep_watch();
  void look_around();
  void take_look(expected<std::optional<error>> found);
  error too_late() const;
  void end_overdue();
  void kill_command();
  void expect_end();
  void expect_removal();
  void tell_hanging();
  void on_started(wall_time at);
  void on_ended(ended news);
  void collect(const command_end& how);
  void upload(expected<collected> left);
  void give_up(error why, fault_place from = fault_place::worker);
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
                                                : batch.results[0].error(),
                          fault_place::store);
          },
          [self = self](const caf::error& fault) {
            if (self->state.now == phase::fetching) self->state.give_up(from_caf(fault), fault_place::store);
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
                 if (!tree) return state.give_up(std::move(tree).error(), fault_place::store);
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
               self = self]() -> expected<launched> {
    auto made = shop->root->make_action_folder();
    if (!made) return failure(std::move(made).error());
    std::shared_ptr<action_folder> folder = std::move(*made);
    auto hand = resume{[self, folder] { self->state.folder = folder; }};
    caf::anon_send(me, std::move(hand));
    if (shop->watches) inputs->link();
    auto done = materialise(folder->root(), *inputs, *plan, folder->user(), *stop);
    if (!done && done.error().code() == errc::unavailable) recheck_gone(*shop, *inputs);
    if (!done) return failure(std::move(done).error());
    descriptor where =
        open_beneath(folder->root(), plan->working_directory, O_PATH | O_DIRECTORY, follow::all);
    if (!where) return failure(fault_of(purpose::inputs, errno, "opening the working directory"));
    // The moments are taken here: on a busy machine this actor may hear of them much later.
    command_listener listener{
        [me, self, time = shop->env.time] {
          caf::anon_send(me, resume{[self, at = time->wall()] { self->state.on_started(at); }});
        },
        [me, self, folder, time = shop->env.time](expected<command_end> how) {
          auto news = std::make_shared<ended>(ended{std::move(how), time->wall()});
          caf::anon_send(me, resume{[self, news] { self->state.on_ended(std::move(*news)); }});
        }};
    auto usage = std::make_shared<usage_watch>(folder, shop->options, *inputs, *shop->env.time);
    auto started =
        shop->runner->start(*plan, where, folder->out(), folder->err(), folder->user(), std::move(listener));
    if (!started) return failure(std::move(started).error());
    return launched{std::move(*started), std::move(usage)};
  };
  offload(me(), *shop->hands, std::move(work),
          [self = self](expected<launched> started) { self->state.take_prepared(std::move(started)); });
}

void running_state::take_prepared(expected<launched> started) {
  if (!started) return give_up(std::move(started).error());
  now = phase::running;
  unchecked = true;
  command.emplace(std::move(started->command));
  usage = std::move(started->usage);
  keep_watch();
  if (*stop)
    kill_command();
  else if (overdue)
    end_overdue();
  if (command_over) on_ended(*std::exchange(command_over, std::nullopt));
}

/// One timer for an action, however many things are to be looked after: most are over before it goes off.
void running_state::keep_watch() {
  if (std::exchange(watching, true)) return;
  self->delayed_send(self, between_looks, resume{[self = self] {
                       self->state.watching = false;
                       self->state.look_around();
                     }});
}

void running_state::look_around() {
  keep_watch();
  if (due && due->first == now && shop->env.time->now() >= due->second) tell_hanging();
  if (now != phase::running || *stop || std::exchange(looking, true)) return;
  auto look = [usage = usage]() -> expected<std::optional<error>> { return usage->look(); };
  offload(me(), *shop->watchers, std::move(look), [self = self](expected<std::optional<error>> found) {
    self->state.looking = false;
    self->state.take_look(std::move(found));
  });
}

void running_state::take_look(expected<std::optional<error>> found) {
  if (now != phase::running || *stop) return;
  if (!found || !*found) return;  // no room for a look is no reason to end anything
  excess = std::move(**found);
  kill_command();
}

error running_state::too_late() const {
  return owned_by(fault_owner::action,
                  error(errc::deadline_exceeded,
                        fmt::format("the action ran longer than its {}", to_string(plan->timeout))));
}

/// Its time is over: it is asked to end, and has a while to do so.
void running_state::end_overdue() {
  if (shop->options.kill_grace == duration(0)) return kill_command();
  command->ask_to_end();
  self->delayed_send(self, shop->options.kill_grace, resume{[self = self] {
                       auto& state = self->state;
                       if (state.now == phase::running && !*state.stop) state.kill_command();
                     }});
}

void running_state::kill_command() {
  command->kill();
  expect_end();
}

/// What this phase waits for should be over soon; if not, nobody is made to wait for it.
void running_state::expect_end() {
  due.emplace(now, shop->env.time->now() + shop->options.hang_after);
  keep_watch();
}

/// The end is not held up by a folder with much in it.
void running_state::expect_removal() {
  self->delayed_send(self, std::min(shop->options.removal_wait, shop->options.hang_after),
                     resume{[self = self] { self->state.tell_hanging(); }});
  self->delayed_send(self, shop->options.hang_after, resume{[self = self] {
                       if (auto* log = self->state.shop->env.log)
                         log->warn("an action's folder cannot be removed; its slot is lost until it is gone",
                                   {{"operation", self->state.order.operation}});
                     }});
}

void running_state::tell_hanging() {
  if (std::exchange(told, true)) return;
  if (outcome.status.ok() && now != phase::cleaning) {
    auto why = excess.ok() ? too_late() : std::move(excess);
    outcome.fault = take_owner(why, fault_place::worker);
    outcome.status = why.in_context("a process of the action cannot be ended");
  }
  self->send(owner, action_over{order.operation, order.attempt, outcome, true, now == phase::cleaning});
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
  usage.reset();
  record.command_ends(news.at);
  auto& how = news.how;
  if (!outcome.status.ok()) return clean_up();
  if (!how) return give_up(std::move(how).error());
  if (overdue && excess.ok()) excess = too_late();
  collect(*how);
}

void running_state::collect(const command_end& how) {
  now = phase::collecting;
  unchecked = false;
  record.set_end(how);
  outcome.exit_code = how.exit_code;
  file_too_large = how.signal == SIGXFSZ;
  auto result = record.result();
  auto work = [shop = shop, plan = plan, inputs = inputs, folder = folder, stop = stop, result,
               function = order.action.action.function, partly = !excess.ok()]() -> expected<collected> {
    return collect_all(*shop, *plan, *inputs, folder, function, *stop, partly, *result);
  };
  offload(me(), *shop->hands, std::move(work),
          [self = self](expected<collected> left) { self->state.upload(std::move(left)); });
}

void running_state::upload(expected<collected> left) {
  if (*stop) return clean_up();
  if (!left) return give_up(std::move(left).error());
  if (excess.ok()) excess = std::move(left->fault);
  if (excess.ok() && file_too_large) excess = too_much_in_file({plan->largest_file});
  now = phase::uploading;
  record.upload_begins(shop->env.time->wall());
  upload_outputs(self, shop, std::move(left->blobs), stop, [self = self](expected<void> done) {
    auto& state = self->state;
    if (state.now != phase::uploading) return;
    if (!done) return state.give_up(std::move(done).error(), fault_place::store);
    state.record.upload_ends(state.shop->env.time->wall());
    state.outcome.result = state.record.finish();
    if (state.excess.ok()) return state.clean_up();
    state.give_up(std::move(state.excess));
  });
}

/// The end has a reason. Nothing of the action is running on the crew or as a process here.
void running_state::give_up(error why, fault_place from) {
  if (outcome.status.ok()) {
    outcome.fault = take_owner(why, from);
    outcome.status = std::move(why);
  }
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
  expect_removal();
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
  if (told)
    self->send(owner, action_gone{order.operation, order.attempt});
  else
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
        state.outcome = {order.why, {}, 0, false, fault_owner::elsewhere};
        if (state.told) return;
        if (state.now == phase::running) state.kill_command();
        if (state.now == phase::preparing || state.now == phase::collecting) state.expect_end();
        if (state.now == phase::fetching || state.now == phase::uploading) state.clean_up();
      },
      [self](const action_overdue&) {
        auto& state = self->state;
        // While preparing: the news of its start was faster than we.
        if (*state.stop || state.command_over || state.now < phase::preparing || state.now > phase::running)
          return;
        state.overdue = true;
        if (state.now == phase::running) state.end_overdue();
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
