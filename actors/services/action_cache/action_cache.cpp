#include "actors/services/action_cache/action_cache.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <unordered_set>

#include "actors/services/common/result_rules.hpp"
#include "core/completeness/index_memory.hpp"
#include "core/completeness/result_finder.hpp"
#include "core/contract/on_response.hpp"
#include "core/observe/log.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

using cache_pointer = action_cache_service::pointer;

finder_options finding(const action_cache_options& options) {
  finder_options wanted{
      options.env,
      {options.results, options.content, options.reading, options.settings.check_completeness},
      0,
      "action_cache"};
  if (options.indexed) wanted.index_bytes = index_memory(options.settings.index_memory);
  return wanted;
}

struct cache_state {
  cache_state(cache_pointer self, action_cache_options given)
      : options(std::move(given)), asker(self), finder(asker, finding(options)) {}

  action_cache_options options;
  asker_in<action_cache_service> asker;
  result_finder finder;
  bool hit_told = false;

  // Once: for people who have just pasted the lines into their .bazelrc and wonder whether it works.
  void note_hit(const digest& action) {
    if (hit_told) return;
    hit_told = true;
    if (options.env.log != nullptr) options.env.log->info("first cache hit", {{"action", action}});
  }
};
using state_ptr = std::shared_ptr<cache_state>;

wanted_result wanted_of(const cache_state& state, const find_result& order) {
  return {state.options.names.of(order.kind, order.instance, order.action), order.function, order.with_blobs,
          order.until};
}

error no_result(const digest& action) {
  return {errc::not_found, fmt::format("no result for action {}", action)};
}

// A record that cannot be read would be in the way for ever: it goes, and the action counts as never run.
error drop_record(const state_ptr& state, const digest& key, const digest& action, const error& why) {
  if (state->options.env.log != nullptr)
    state->options.env.log->warn("dropping an action result that cannot be read",
                                 {{"action", action}, {"why", why}});
  state->asker.ask(state->options.results, forget_blob{key}, [](const expected<forgotten>&) {});
  return no_result(action);
}

// What is said of a result that is not answered.
error refusal(const state_ptr& state, const digest& key, const digest& action, looked_up& found) {
  switch (found.state) {
    case result_state::absent:
      return std::move(found.why);
    case result_state::incomplete:
      return {errc::not_found, fmt::format("no whole result for action {}: {}", action, found.why.message())};
    case result_state::broken:
    case result_state::foreign:
      return drop_record(state, key, action, found.why);
    default:
      return std::move(found.why);
  }
}

constexpr std::int64_t max_compared = 16 << 20;  // bytes of Trees whose roots are compared in one update
constexpr std::int64_t max_inlined = 1 << 20;    // bytes of all blobs that come inside a result

template <class Request>
expected<find_result> named_action(const call_ptr& from, const Request& request, const cache_limits& limits) {
  if (auto good = check_instance_name(request.instance_name()); !good) return failure(good.error());
  const auto& name = request.action_digest();
  auto function = resolve_function(request.digest_function(), name.hash().size());
  if (!function) return failure(function.error());
  if (auto fine = limits.check_function(*function); !fine) return failure(fine.error());
  auto action = from_wire(name, *function);
  if (!action) return failure(action.error());
  find_result named{request.instance_name(), *action};
  named.until = waits_until(from);
  return named;
}

// A blob that the client would like to find inside the result, and where it goes.
struct inlining {
  digest blob;
  std::string* into;
};

std::vector<inlining> wanted_inside(const v2::GetActionResultRequest& request, v2::ActionResult& result,
                                    digest_function function) {
  std::vector<inlining> wanted;
  auto room = std::min(max_inlined, largest::result.bytes - static_cast<std::int64_t>(result.ByteSizeLong()));
  auto want = [&](const v2::Digest& name, std::string* into) {
    auto blob = from_wire(name, function);
    if (!blob || blob->size > room || !into->empty()) return;
    room -= blob->size;
    wanted.push_back({*blob, into});
  };
  if (request.inline_stdout() && result.has_stdout_digest())
    want(result.stdout_digest(), result.mutable_stdout_raw());
  if (request.inline_stderr() && result.has_stderr_digest())
    want(result.stderr_digest(), result.mutable_stderr_raw());
  std::unordered_set<std::string_view> paths(request.inline_output_files().begin(),
                                             request.inline_output_files().end());
  for (auto& file : *result.mutable_output_files())
    if (paths.contains(file.path())) want(file.digest(), file.mutable_contents());
  return wanted;
}

void reply_with_inlined(cache_pointer self, const state_ptr& state, const call_ptr& to,
                        std::shared_ptr<v2::ActionResult> result, std::vector<inlining> wanted) {
  read_blobs batch{{}, waits_until(to)};
  for (const auto& one : wanted) batch.blobs.push_back(one.blob);
  on_response(
      self->request(state->options.content, caf::infinite, std::move(batch)),
      [to, result, wanted = std::move(wanted)](const blob_batch& found) {
        for (std::size_t i = 0; i < wanted.size() && i < found.results.size(); ++i)
          if (found.results[i]) *wanted[i].into = std::string(found.results[i]->view());
        to->reply(serialise(*result));
      },
      // Inlining is a favour; without it the result is as good.
      [to, result](const caf::error&) { to->reply(serialise(*result)); });
}

// `parsed` only where something goes inside.
void reply_with(cache_pointer self, const state_ptr& state, const call_ptr& to,
                const v2::GetActionResultRequest& asked, digest_function function, const bytes& result,
                std::optional<v2::ActionResult> parsed) {
  if (!asked.inline_stdout() && !asked.inline_stderr() && asked.inline_output_files().empty())
    return to->reply(result);
  if (!parsed) {
    auto again = parse<v2::ActionResult>(result);
    if (!again) return to->finish(std::move(again).error());
    parsed = std::move(*again);
  }
  auto whole = std::make_shared<v2::ActionResult>(std::move(*parsed));
  auto inside = wanted_inside(asked, *whole, function);
  if (inside.empty()) return to->reply(result);
  reply_with_inlined(self, state, to, std::move(whole), std::move(inside));
}

expected<void> get(cache_pointer self, const state_ptr& state, get_action_result& order) {
  auto request = parse<v2::GetActionResultRequest>(order.request);
  if (!request) return failure(request.error());
  auto named = named_action(order.call, *request, state->options.limits);
  if (!named) return failure(named.error());
  const auto wanted = wanted_of(*state, *named);
  if (const auto* known = state->finder.known(wanted.key, named->function)) {
    state->note_hit(named->action);
    reply_with(self, state, order.call, *request, named->function, known->result(), {});
    return {};
  }
  auto asked = std::make_shared<const v2::GetActionResultRequest>(std::move(*request));
  auto answer = [self, state, to = order.call, asked, key = wanted.key,
                 action = named->action](looked_up found) {
    answer_call(to, [&]() -> expected<void> {
      if (found.state != result_state::complete) return failure(refusal(state, key, action, found));
      state->note_hit(action);
      reply_with(self, state, to, *asked, action.function, found.result, std::move(found.parsed));
      return {};
    });
  };
  state->finder.find(wanted, std::move(answer), [from = order.call] { return from->cancelled(); });
  return {};
}

// For another service.
caf::result<found_result> find_for_another(cache_pointer self, const state_ptr& state,
                                           const find_result& order) {
  auto duty = make_answer<found_result>(self);
  auto begun = caught([&]() -> expected<void> {
    const auto wanted = wanted_of(*state, order);
    if (const auto* known = state->finder.known(wanted.key, order.function)) {
      state->note_hit(order.action);
      found_result found{known->result(), {}};
      if (order.with_blobs) found.blobs = state->finder.index().blobs_of(*known);
      duty.deliver(std::move(found));
      return {};
    }
    auto answer = [duty, state, key = wanted.key, action = order.action](looked_up found) mutable {
      if (found.state != result_state::complete)
        return duty.deliver(failure(refusal(state, key, action, found)));
      state->note_hit(action);
      duty.deliver(found_result{std::move(found.result), std::move(found.blobs)});
    };
    state->finder.find(wanted, std::move(answer));
    return {};
  });
  if (!begun) duty.deliver(failure(std::move(begun).error()));
  return duty;
}

expected<void> check_update(const v2::ActionResult& result, const action_cache_settings& settings,
                            const digest& action) {
  if (!settings.client_updates)
    return fail(errc::permission_denied, "clients may not write action results here");
  if (result.exit_code() != 0 && !settings.keep_failures)
    return fail(errc::invalid_argument, "the result of a failed action (exit code {}) is not kept",
                result.exit_code());
  return check_result(result, action);
}

// Output directories that are told both ways, in the order of the result.
struct directories_twice {
  std::vector<digest> trees;
  std::vector<digest> roots;
  std::int64_t size = 0;  ///< of the trees
};

directories_twice told_twice(const v2::ActionResult& result, digest_function function) {
  directories_twice twice;
  for (const auto& directory : result.output_directories()) {
    if (!directory.has_tree_digest() || !directory.has_root_directory_digest()) continue;
    auto tree = from_wire(directory.tree_digest(), function);
    auto root = from_wire(directory.root_directory_digest(), function);
    if (!tree || !root || tree->size > max_compared - twice.size) continue;
    twice.size += tree->size;
    twice.trees.push_back(*tree);
    twice.roots.push_back(*root);
  }
  return twice;
}

// A tree that is not there makes no result wrong; it will not be found, though.
expected<void> check_same_roots(const std::vector<digest>& roots, const blob_batch& trees) {
  for (std::size_t i = 0; i < roots.size() && i < trees.results.size(); ++i)
    if (trees.results[i])
      if (auto same = check_same_root(*trees.results[i], roots[i]); !same) return same;
  return {};
}

/// What was kept, or why it was not.
using kept = std::function<void(expected<bytes>)>;

void compare_roots(cache_pointer self, const state_ptr& state, directories_twice twice, order_deadline until,
                   std::function<void()> keep, const kept& then) {
  std::shared_ptr<work_budget::share> room = state->options.reading.memory->begin();
  const auto size = static_cast<std::uint64_t>(twice.size);
  auto compare = [=](blob_batch& trees) {
    auto work = [roots = twice.roots, trees = std::move(trees)] { return check_same_roots(roots, trees); };
    interpret(action_cache_service(self), state->options.reading, size, std::move(work),
              [keep, then, room](const expected<void>& same) {
                auto done = caught([&]() -> expected<void> {
                  if (same) keep();
                  return same;
                });
                if (!done) then(failure(std::move(done).error()));
              });
  };
  with_room(action_cache_service(self), *room, size, [=] {
    on_response(self->request(state->options.content, caf::infinite, read_blobs{twice.trees, until}), compare,
                [then](const caf::error& fault) { then(failure(from_caf(fault))); });
  });
}

// What a client says was a result. `then` is called unless there is an error.
expected<void> keep(cache_pointer self, const state_ptr& state, const find_result& named,
                    v2::ActionResult& result, kept then) {
  clean_result(result);
  slim_result(result);
  if (auto good = check_update(result, state->options.settings, named.action); !good) return good;
  auto key = state->options.names.of(record_kind::action_result, named.instance, named.action);
  auto write = [self, state, key, then, until = named.until, content = serialise(result)] {
    state->finder.note_writing(key);
    on_response(
        self->request(state->options.results, caf::infinite,
                      write_blob{key, source_of(wrap_result(content)), {}, until}),
        [then, content, state, key](const receipt&) {
          state->finder.note_writing(key);
          then(content);
        },
        [then, state, key](const caf::error& fault) {
          state->finder.note_writing(key);
          then(failure(from_caf(fault)));
        });
  };
  auto twice = told_twice(result, named.action.function);
  if (twice.trees.empty())
    write();
  else
    compare_roots(self, state, std::move(twice), named.until, std::move(write), then);
  return {};
}

expected<void> update(cache_pointer self, const state_ptr& state, update_action_result& order) {
  auto request = parse<v2::UpdateActionResultRequest>(order.request);
  if (!request) return failure(request.error());
  auto named = named_action(order.call, *request, state->options.limits);
  if (!named) return failure(named.error());
  return keep(self, state, *named, *request->mutable_action_result(),
              [to = order.call](expected<bytes> done) {
                done ? to->reply(std::move(*done)) : to->finish(std::move(done).error());
              });
}

caf::result<kept_result> keep_for_another(cache_pointer self, const state_ptr& state,
                                          const keep_result& order) {
  auto duty = make_answer<kept_result>(self);
  auto begun = caught([&]() -> expected<void> {
    if (auto good = check_instance_name(order.instance); !good) return good;
    if (auto fine = state->options.limits.check_function(order.function); !fine) return fine;
    if (auto fine = check_size(largest::result, order.result.size()); !fine) return fine;
    auto result = parse<v2::ActionResult>(order.result);
    if (!result) return failure(result.error());
    find_result named{order.instance, order.action};
    named.until = order.until;
    return keep(self, state, named, *result, [duty](expected<bytes> done) mutable {
      duty.deliver(done ? expected<kept_result>(kept_result{std::move(*done)})
                        : failure(std::move(done).error()));
    });
  });
  if (!begun) duty.deliver(failure(std::move(begun).error()));
  return duty;
}

void hear_of_stores(cache_pointer self, const state_ptr& state) {
  for (const auto& store : {state->options.results, state->options.content}) {
    self->monitor(store);
    self->send(store, watch_store{store_observer(action_cache_service(self))});
  }
  self->set_down_handler([state](const caf::down_msg&) { state->finder.forget_all(); });
  state->finder.remember();
}

action_cache_service::behavior_type serve(cache_pointer self, const action_cache_options& options) {
  auto state = std::make_shared<cache_state>(self, options);
  if (options.indexed) hear_of_stores(self, state);
  return {
      [self, state](const find_result& wanted) { return find_for_another(self, state, wanted); },
      [self, state](const keep_result& order) { return keep_for_another(self, state, order); },
      [self, state](get_action_result& order) {
        begin_call(order.call, *state->options.env.time, [&] { return get(self, state, order); });
      },
      [self, state](update_action_result& order) {
        begin_call(order.call, *state->options.env.time, [&] { return update(self, state, order); });
      },
      nothrow_handler([](const resume& next) { next.then(); }),
      nothrow_handler([state](const blobs_stored& news) { state->finder.hear(news); }),
      nothrow_handler([state](const blobs_evicted& news) { state->finder.hear(news); }),
  };
}

}  // namespace

action_cache_service spawn_action_cache(caf::actor_system& system, const action_cache_options& options) {
  auto given = options;
  if (!given.reading.pool) given.reading = make_interpreting(given.env);
  return system.spawn([given](cache_pointer self) { return serve(self, given); });
}

void add_routes(router& routes, const action_cache_service& to) {
  constexpr const char* service = "/build.bazel.remote.execution.v2.ActionCache/";
  add_route<get_action_result>(routes, std::string(service) + "GetActionResult", to);
  add_route<update_action_result>(routes, std::string(service) + "UpdateActionResult", to);
}

}  // namespace kiln
