#include <algorithm>
#include <utility>

#include "actors/worker/inputs/input_fetcher.hpp"
#include "actors/worker/running_state.hpp"
#include "actors/worker/sandbox/network.hpp"

/// An action whose command is a request to a tool that lives on (a persistent worker). Whatever stands in the
/// way of that, the command as it stands says the same.
namespace kiln::running {

/// Nothing where the command is to be run as it stands: a try that was lost is not lost in the same way
/// again.
std::optional<tool_traits> running_state::wanted_tool() const {
  if (!resources->tools || alone || order.attempt > 1) return std::nullopt;
  auto traits = tool_traits_of(order.action.platform, *plan);
  // An absolute path into one request's folder would be told as one into another place.
  if (traits && resources->options.absolute_output_symlinks == absolute_output::resolve)
    traits->multiplex = false;
  return traits;
}

void running_state::fetch_for_tool(const tool_traits& traits) {
  fetch_inputs(self, resources, order.action.input_root, resources->links_of_tools,
               [self = self, traits](expected<std::shared_ptr<input_tree>> tree) {
                 auto& state = self->state;
                 if (state.now != phase::fetching) return;
                 if (!tree) return state.give_up(std::move(tree).error(), fault_place::store);
                 if (state.is_fetched_in_vain()) return state.fetch();
                 state.read_call(traits, std::move(*tree));
               });
}

void running_state::read_call(const tool_traits& traits, std::shared_ptr<input_tree> tree) {
  auto work = [resources = resources, traits, action = order.action, plan = plan, tree = std::move(tree)] {
    return read_tool_call(*resources->env.files, traits, action, *plan, tree);
  };
  offload(me(), *resources->pool, std::move(work),
          [self = self](expected<std::shared_ptr<const tool_call>> call) {
            auto& state = self->state;
            if (state.now != phase::fetching) return;
            if (!call || !*call) return state.run_alone();
            state.borrow_tool_for(std::move(*call));
          });
}

void running_state::borrow_tool_for(std::shared_ptr<const tool_call> call) {
  borrow_tool wanted{call->key, call->traits, call->tool_bytes};
  self->request(resources->tools, caf::infinite, std::move(wanted))
      .then(
          [self = self, call](const lent_tool& lent) {
            auto& state = self->state;
            if (state.now != phase::fetching) return;
            if (!lent.tool) return state.run_alone();
            state.by_tool = std::make_shared<tool_use>(tool_use{call, lent.tool, {}});
            state.prepare_request();
          },
          [self = self](const caf::error&) {
            if (self->state.now == phase::fetching) self->state.run_alone();
          });
}

void running_state::run_alone() {
  alone = true;
  fetch();
}

/// Lays out the inputs where the tool finds them, starts it if need be, and makes the request, in one go on
/// the thread pool.
void running_state::prepare_request() {
  now = phase::preparing;
  record.preparing_begins(resources->env.time->wall());
  auto work = [resources = resources, plan = plan, platform = order.action.platform, use = by_tool,
               stop = stop, me = me(), self = self, wanted = inputs_wanted]() -> expected<launched> {
    auto made = resources->root->make_action_folder();
    if (!made) return failure(std::move(made).error());
    std::shared_ptr<action_folder> folder = std::move(*made);
    hand_over(me, self, folder);
    auto request = use->tool->prepare(*folder, *use->call, *plan, platform, *stop);
    if (!request) return failure(std::move(request).error());
    use->request = std::move(*request);
    const auto& ready = use->request;
    const auto method = method_of(ready.inputs);
    resources->counts->count(method, "", resources->env.time->now() - wanted);
    auto usage = std::make_shared<usage_watch>(ready.place, resources->options, use->call->inputs.get(),
                                               *resources->env.time, nullptr, ready.view);
    // What it has to say is for people, as a standard error.
    auto says = [folder](std::string_view output) -> expected<void> {
      auto written = write_all(folder->on(), folder->err(), output, 0);
      if (!written)
        return failure(fault_of(purpose::own_folder, written.error().number, "keeping what a tool says"));
      return {};
    };
    auto started = use->tool->ask(ready, *use->call, *plan, std::move(says),
                                  listener_of(me, self, resources->env.time, folder, nullptr));
    if (!started) return failure(std::move(started).error());
    const auto* sandbox = resources->sandbox.get();
    const bool network = sandbox == nullptr || has_network(resources->options.sandbox.network, platform);
    return launched{std::move(*started),
                    std::move(usage),
                    nullptr,
                    {sandbox != nullptr ? "namespaces" : "folder", network, ready.inputs.linked,
                     ready.inputs.copied + ready.inputs.shared, method, "", ready.limited,
                     ready.began ? "started" : "reused"}};
  };
  offload(me(), *resources->pool, std::move(work),
          [self = self](expected<launched> started) { self->state.take_prepared(std::move(started)); });
}

/// Nobody wants it any more. A tool that can be told so is spared.
void running_state::stop_command() {
  if (!by_tool || !by_tool->tool->traits().cancels) return kill_command();
  command->ask_to_end();
  const auto& options = resources->options;
  self->delayed_send(self, std::min(options.kill_grace, options.hang_after / 2), resume{[self = self] {
                       if (self->state.now == phase::running) self->state.kill_command();
                     }});
}

}  // namespace kiln::running
