#include <algorithm>

#include "actors/tools/conform/rules/operations_rules.hpp"

// 10. Execute and WaitExecution: what is run, what is shared, and what each client hears.
namespace kiln::conform {
namespace {

using namespace std::chrono_literals;

const std::string slow_unique_line = "sleep 0.3; " + std::string(unique_line);

std::string line_of(probe& ask, const v2::ActionResult& result) {
  auto line = stdout_of(ask, result);
  ask.check(!line.empty(), "what the action wrote");
  return line;
}

void cached(probe& ask) {
  auto action = stored_action(ask, std::string(unique_line));
  auto ran = success_of(ask, execute(ask, action));
  ask.equal("cached_result of what was never run before", ran.cached_result(), false);
  auto again = success_of(ask, execute(ask, action));
  bool same = line_of(ask, ran.result()) == line_of(ask, again.result());
  ask.equal("cached_result", again.cached_result(), same);
}

void cache_not_asked(probe& ask) {
  auto action = stored_action(ask, std::string(unique_line));
  auto old = line_of(ask, success_of(ask, execute(ask, action)).result());
  auto again = success_of(ask, execute(ask, action, true));
  ask.equal("cached_result", again.cached_result(), false);
  auto line = line_of(ask, again.result());
  ask.check(line != old, "a result that is not the one before");
  ask.check(line_of(ask, ask.ok(ask.get_result(action.digest))) == line, "the newest result in the cache");
}

void not_merged(probe& ask) {
  auto action = action_of(ask, slow_unique_line);
  action.set_do_not_cache(true);
  auto stored = ask.store_message(action);
  auto one = start(ask, stored), other = start(ask, stored);
  auto line = line_of(ask, success_of(ask, one.rest()).result());
  ask.check(line != line_of(ask, success_of(ask, other.rest()).result()), "a run for each of two requests");
}

void complete_streams(probe& ask) {
  auto action = stored_action(ask, slow_unique_line);
  std::vector<executing> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(start(ask, action));
  for (auto& one : clients) {
    auto got = one.rest();
    line_of(ask, success_of(ask, got).result());
    for (const auto& said : got.messages) {
      ask.check(!said.name().empty(), "an operation with a name");
      ask.equal("done", said.done(), &said == &got.messages.back());
    }
  }
}

void one_leaves(probe& ask) {
  auto action = stored_action(ask, slow_unique_line);
  auto leaves = start(ask, action), stays = start(ask, action);
  ask.check(leaves.next().has_value() && stays.next().has_value(), "an operation for each of two clients");
  leaves.cancel();
  line_of(ask, success_of(ask, stays.rest()).result());
}

blob store_in(probe& ask, digest_kind function, const google::protobuf::Message& message) {
  auto made = blob_of(message.SerializeAsString(), function);
  ask.store(made);
  return made;
}

void results_in_functions(probe& ask) {
  for (auto function : execution_functions(ask)) {
    v2::Command command;
    for (const char* word : {"/bin/sh", "-c", "echo hello > out; echo hello"}) command.add_arguments(word);
    command.add_output_paths("out");
    for (const auto& [name, value] : ask.server().platform) {
      auto* property = command.mutable_platform()->add_properties();
      property->set_name(name);
      property->set_value(value);
    }
    v2::Action action;
    if (command.has_platform()) *action.mutable_platform() = command.platform();
    action.set_salt(ask.fresh_bytes(16));
    *action.mutable_command_digest() = store_in(ask, function, command).digest;
    *action.mutable_input_root_digest() = store_in(ask, function, v2::Directory()).digest;
    auto result = success_of(ask, start(ask, store_in(ask, function, action)).rest()).result();
    auto wanted = blob_of("hello\n", function);
    ask.check(result.output_files_size() == 1, "one output file");
    ask.equal("digest of the output file", result.output_files(0).digest().hash(), wanted.digest.hash());
    if (result.has_stdout_digest() && result.stdout_digest().size_bytes() > 0)
      ask.equal("stdout_digest", result.stdout_digest().hash(), wanted.digest.hash());
    ask.equal("is_missing", ask.is_missing(wanted), false);
  }
}

void wait_for_the_end(probe& ask) {
  auto one = start(ask, stored_action(ask, "sleep 1; echo hello"));
  auto name = first_of(ask, one).name();
  v2::WaitExecutionRequest request;
  request.set_name(name);
  auto waiting = ask.open<v2::WaitExecutionRequest, operation>(probe::reapi("Execution/WaitExecution"));
  waiting.send(request);
  waiting.half_close();
  auto first = waiting.next();
  if (!first) ask.expect(waiting.rest(), errc::ok);
  ask.check(first && first->name() == name && !first->done(), "the operation as it is now, at once");
  auto until_the_end = waiting.rest();
  ask.check(stdout_of(ask, success_of(ask, until_the_end).result()) == "hello\n", "the result");
  success_of(ask, one.rest());
}

void wait_after_the_end(probe& ask) {
  auto ran = execute(ask, stored_action(ask, std::string(unique_line)));
  auto line = line_of(ask, success_of(ask, ran).result());
  auto got = wait_execution(ask, ran.messages.back().name());
  if (!got.silent && got.status.code() == errc::not_found) ask.skip("the server retains no operations");
  auto again = success_of(ask, got);
  ask.equal("messages", got.messages.size(), 1u);
  ask.check(line_of(ask, again.result()) == line, "the result that Execute told");
}

void wait_for_nothing(probe& ask) {
  auto ran = execute(ask, ask.fresh());
  std::string name = ask.in_instance("operations/" + ask.fresh_uuid());
  ask.expect(wait_execution(ask, name), errc::not_found);
  if (ran.messages.empty() || ran.messages.back().name().empty()) return;
  // Like a name that the server makes, but none that it made.
  name = ran.messages.back().name();
  for (std::size_t i = name.size() - std::min<std::size_t>(name.size(), 4); i < name.size(); ++i)
    name[i] = name[i] == '0' ? '1' : '0';
  ask.expect(wait_execution(ask, name), errc::not_found);
}

void expect_no_early_end(probe& ask, const answer<operation>& got) {
  if (got.silent) ask.fail("an end of the stream", "no answer in time");
  if (got.ok())
    ask.check(!got.messages.empty() && got.messages.back().done(), "an OK only after an operation is done");
}

void ends_done(probe& ask) {
  auto action = stored_action(ask, "sleep 0.2");
  expect_no_early_end(ask, execute(ask, action));
  auto again = execute(ask, action);
  expect_no_early_end(ask, again);
  expect_no_early_end(ask, execute(ask, stored_action(ask, "exit 3")));
  expect_no_early_end(ask, execute(ask, ask.fresh()));
  ask.check(!again.messages.empty(), "an operation");
  expect_no_early_end(ask, wait_execution(ask, again.messages.back().name()));
}

void many_wait(probe& ask) {
  constexpr int on_a_connection = 100;  // as many streams as any server allows
  using waiting = dialogue<v2::WaitExecutionRequest, operation>;
  auto one = start(ask, stored_action(ask, ask.scaled("sleep 6", "sleep 0.5")));
  v2::WaitExecutionRequest request;
  request.set_name(first_of(ask, one).name());
  std::vector<waiting> all;
  const int count = ask.scaled(10'000, 100);
  all.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    if (i % on_a_connection == 0) ask.reconnect();
    all.push_back(ask.open<v2::WaitExecutionRequest, operation>(probe::reapi("Execution/WaitExecution")));
    all.back().send(request);
    all.back().half_close();
  }
  success_of(ask, one.rest());
  for (auto& each : all) success_of(ask, each.rest());
}

}  // namespace

std::vector<rule> execution_stream_rules() {
  constexpr auto works = needs::cache | needs::execution | needs::worker;
  return {
      {174, tag::stated, "a result that comes from the cache says so", works, cached},
      {175, tag::must, "with skip_cache_lookup the action is run, and its result replaces the one before",
       works, cache_not_asked},
      {176, tag::stated, "actions with do_not_cache are run for each request", works, not_merged},
      {177, tag::stated, "each of several clients of one action hears all of it", works, complete_streams},
      {178, tag::stated, "a client that leaves does not cancel what others wait for", works, one_leaves},
      {180, tag::must, "digests in results are of the function of the action", works, results_in_functions},
      {181, tag::stated, "WaitExecution tells the state at once, and what follows until the end", works,
       wait_for_the_end},
      {182, tag::stated, "WaitExecution after the end tells the end", works, wait_after_the_end},
      {183, tag::stated, "WaitExecution for an unknown name is NOT_FOUND", needs::execution,
       wait_for_nothing},
      {185, tag::de_facto, "a stream never ends with OK before its operation is done", works, ends_done},
      {187, tag::choice, "ten thousand may wait for one operation", works | needs::slow | needs::alone,
       many_wait},
  };
}

}  // namespace kiln::conform
