#include "actors/worker/running_action.hpp"

#include <fcntl.h>
#include <caf/actor_system.hpp>

#include <utility>

#include "actors/worker/inputs/input_fetcher.hpp"
#include "actors/worker/inputs/materializer.hpp"
#include "actors/worker/running_state.hpp"
#include "actors/worker/sandbox/input_root_place.hpp"
#include "actors/worker/sandbox/limits_of_action.hpp"
#include "actors/worker/sandbox/network.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/contract/one_call.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln::running {

namespace v2 = build::bazel::remote::execution::v2;

void running_state::read_command() {
  record.begin(resources->worker_name, order.action.queued, resources->env.time->wall());
  if (!order.action.command.empty() || is_empty_blob(order.action.command_digest))
    return take_command(order.action.command);
  if (auto fine = check_size(largest::command, order.action.command_digest); !fine)
    return give_up(std::move(fine).error());
  self->request(resources->cas, caf::infinite, read_blobs{{order.action.command_digest}})
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
  auto planned = plan_command(*command, order.action.timeout, resources->options);
  if (!planned) return give_up(std::move(planned).error());
  planned->at_root = resources->sandbox && is_at_root(order.action.platform);
  plan = std::make_shared<const command_plan>(std::move(*planned));
  record.fetch_begins(resources->env.time->wall());
  inputs_wanted = resources->env.time->now();
  fetch();
}

/// How often they are asked for again because files were found damaged meanwhile.
constexpr unsigned most_fetches = 4;

void running_state::fetch() {
  damages_known = resources->damages->found();
  ++fetches;
  if (auto tool = wanted_tool()) return fetch_for_tool(*tool);
  const auto& root = order.action.input_root;
  if (resources->trees && root.size > 0)
    return obtain_tree(self, resources, root, stop, [self = self](expected<obtained_tree> tree) {
      auto& state = self->state;
      if (state.now != phase::fetching) return;
      if (!tree) return state.give_up(std::move(tree).error(), fault_place::store);
      if (state.is_fetched_in_vain()) return state.fetch();
      state.below = std::move(*tree);
      state.prepare_union();
    });
  fetch_inputs(self, resources, root, resources->links,
               [self = self](expected<std::shared_ptr<input_tree>> tree) {
                 auto& state = self->state;
                 if (state.now != phase::fetching) return;
                 if (!tree) return state.give_up(std::move(tree).error(), fault_place::store);
                 state.inputs = std::move(*tree);
                 if (state.is_fetched_in_vain()) return state.fetch();
                 state.prepare();
               });
}

/// Since it asked for its inputs, one that it may have was found damaged. Of links and copies it is known
/// which they are: an action that could damage its own inputs harms nobody else's result.
bool running_state::may_have_damaged() const {
  if (resources->damages->found() == damages_known) return false;
  if (!inputs) return true;
  return resources->damages->any_since(damages_known, [this](const digest& blob) {
    return inputs->lent.contains({blob, true}) || inputs->lent.contains({blob, false});
  });
}

bool running_state::is_fetched_in_vain() const {
  return may_have_damaged() && fetches < most_fetches;
}

process_observer listener_of(const running_action_actor& me, running_self self, const clock* time,
                             std::shared_ptr<action_folder> folder,
                             std::shared_ptr<const control_group> group) {
  return {[me, self, time] {
            caf::anon_send(me, resume{[self, at = time->wall()] { self->state.on_started(at); }});
          },
          [me, self, time, folder = std::move(folder), group = std::move(group)](expected<process_end> how) {
            auto news =
                std::make_shared<running_state::ended>(running_state::ended{std::move(how), time->wall()});
            caf::anon_send(me, resume{[self, news] { self->state.on_ended(std::move(*news)); }});
          }};
}

void hand_over(const running_action_actor& me, running_self self, std::shared_ptr<action_folder> folder) {
  caf::anon_send(me, resume{[self, folder = std::move(folder)] {
                   self->state.folder = folder;
                   self->state.tap->open(folder);
                 }});
}

const char* method_of(const materialised& done) {
  if (done.copied > done.linked && done.copied >= done.shared) return "copy";
  if (done.shared > done.linked) return "reflink";
  return done.linked > 0 ? "hardlink" : "";
}

namespace {

expected<std::shared_ptr<const control_group>> group_for(const worker_resources& resources,
                                                         const platform_properties& platform) {
  return take_group(resources.groups.get(), resources.limits, resources.options.sandbox, platform);
}

const char* name_of(tree_origin how) {
  switch (how) {
    case tree_origin::kept:
      return "kept";
    case tree_origin::made:
      return "made";
    case tree_origin::changed:
      break;
  }
  return "changed";
}

}  // namespace

/// Makes the folder and starts the command, in one go on the thread pool.
void running_state::prepare() {
  now = phase::preparing;
  record.preparing_begins(resources->env.time->wall());
  const bool network = has_network(resources->options.sandbox.network, order.action.platform);
  auto work = [resources = resources, plan = plan, platform = order.action.platform, network, inputs = inputs,
               stop = stop, me = me(), self = self, wanted = inputs_wanted]() -> expected<launched> {
    auto made = resources->root->make_action_folder();
    if (!made) return failure(std::move(made).error());
    std::shared_ptr<action_folder> folder = std::move(*made);
    hand_over(me, self, folder);
    auto group = group_for(*resources, platform);
    if (!group) return failure(std::move(group).error());
    const auto* where_it_is = *group ? &(*group)->where() : nullptr;
    if (resources->watches) inputs->link();
    auto done = materialise(folder->on(), folder->root(), *inputs, *plan, folder->user(), *stop);
    if (!done && done.error().code() == errc::unavailable) recheck_gone(*resources, *inputs);
    if (!done) return failure(std::move(done).error());
    auto where =
        folder->on().open_beneath(folder->root(), plan->working_directory, O_PATH | O_DIRECTORY, follow::all);
    if (!where)
      return failure(fault_of(purpose::inputs, where.error().number, "opening the working directory"));
    auto usage =
        std::make_shared<usage_watch>(folder, resources->options, inputs.get(), *resources->env.time);
    const auto* sandbox = resources->sandbox.get();
    const std::string method = method_of(*done);
    resources->counts->count(method, "", resources->env.time->now() - wanted);
    auto started = resources->processes->start(
        *plan,
        {sandbox != nullptr ? folder->root() : *where, folder->out(), folder->err(), folder->user(), sandbox,
         plan->working_directory, network, plan->at_root, where_it_is, nullptr, nullptr, true},
        listener_of(me, self, resources->env.time, folder, *group));
    if (!started) return failure(std::move(started).error());
    const char* level = sandbox != nullptr ? "namespaces" : "folder";
    return launched{std::move(*started),
                    std::move(usage),
                    *group,
                    {level, network || sandbox == nullptr, done->linked, done->copied + done->shared, method,
                     "", *group != nullptr}};
  };
  offload(me(), *resources->pool, std::move(work),
          [self = self](expected<launched> started) { self->state.take_prepared(std::move(started)); });
}

/// The same over a tree that is kept. What is to be made in it, the command's own user makes.
void running_state::prepare_union() {
  now = phase::preparing;
  record.preparing_begins(resources->env.time->wall());
  const bool network = has_network(resources->options.sandbox.network, order.action.platform);
  auto work = [resources = resources, plan = plan, platform = order.action.platform, network, below = below,
               me = me(), self = self, wanted = inputs_wanted]() -> expected<launched> {
    auto made = resources->root->make_action_folder();
    if (!made) return failure(std::move(made).error());
    std::shared_ptr<action_folder> folder = std::move(*made);
    hand_over(me, self, folder);
    auto group = group_for(*resources, platform);
    if (!group) return failure(std::move(group).error());
    const auto* where_it_is = *group ? &(*group)->where() : nullptr;
    const auto memory = resources->changes_in_memory;
    if (auto ready = folder->lie_over(below.tree, memory > 0); !ready)
      return failure(std::move(ready).error());
    auto usage = std::make_shared<usage_watch>(folder, resources->options, nullptr, *resources->env.time);
    const std::string tree = name_of(below.how);
    resources->counts->count("overlay", tree, resources->env.time->now() - wanted);
    auto layers = std::make_shared<const process_union>(
        process_union{below.tree->layers(), memory, output_parents(*plan)});
    auto started = resources->processes->start(
        *plan,
        {folder->root(), folder->out(), folder->err(), folder->user(), resources->sandbox.get(),
         plan->working_directory, network, plan->at_root, where_it_is, std::move(layers), nullptr, true},
        listener_of(me, self, resources->env.time, folder, *group));
    if (!started) return failure(std::move(started).error());
    return launched{std::move(*started),
                    std::move(usage),
                    *group,
                    {"namespaces", network, 0, 0, "overlay", tree, *group != nullptr}};
  };
  offload(me(), *resources->pool, std::move(work),
          [self = self](expected<launched> started) { self->state.take_prepared(std::move(started)); });
}

void running_state::take_prepared(expected<launched> started) {
  if (!started) return give_up(std::move(started).error());
  now = phase::running;
  handed_over = resources->env.time->now();
  unchecked = true;
  command = std::move(started->command);
  usage = std::move(started->usage);
  group = std::move(started->group);
  conditions = std::move(started->conditions);
  keep_watch();
  if (*stop)
    stop_command();
  else if (overdue)
    end_overdue();
  if (command_over) on_ended(*std::exchange(command_over, std::nullopt));
}

void running_state::on_started(wall_time at) {
  began = true;
  record.command_begins(at);
  limit_time();
  self->send(owner, action_began{order.operation, order.attempt});
}

namespace {

running_action_actor::behavior_type running_behavior(running_self self, const worker_resources_ptr& resources,
                                                     const action_owner& owner, const start_action& order) {
  // Another try, elsewhere, may have the memory that it takes.
  ends_with_what_it_throws(self);
  auto& state = self->state;
  state.self = self;
  state.resources = resources;
  state.owner = owner;
  state.order = order;
  state.tap = std::make_shared<output_tap>(resources->options.max_stream_size.bytes);
  self->send(self, resume{[self] { self->state.read_command(); }});
  return {
      [self](const stop_action& order) {
        auto& state = self->state;
        if (*state.stop) return;
        *state.stop = true;
        state.outcome = {order.why, {}, 0, false, fault_owner::elsewhere};
        if (state.told) return;
        if (state.now == phase::running) state.stop_command();
        if (state.now == phase::preparing || state.now == phase::collecting) state.expect_end();
        if (state.now == phase::fetching || state.now == phase::uploading) state.clean_up();
      },
      [self](const resume& next) {
        (void)self;
        next.then();
      },
      [self](const read_output& order) {
        const auto& state = self->state;
        return self->delegate(state.resources->output_reader, read_tap{state.tap, order});
      },
  };
}

}  // namespace
}  // namespace kiln::running

namespace kiln {

running_action_actor spawn_running_action(caf::actor_system& system, worker_resources_ptr resources,
                                          action_owner owner, start_action order) {
  return system.spawn(running::running_behavior, std::move(resources), std::move(owner), std::move(order));
}

}  // namespace kiln
