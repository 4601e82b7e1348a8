#include <signal.h>

#include <chrono>
#include <thread>

#include "core/wire/message.hpp"
#include "test/actors/worker/persistent_bench.hpp"

/// Tools that live on after an action, as Bazel's persistent workers do: real processes, in both protocols.
namespace kiln::test::persistent_workers {

using namespace std::chrono_literals;

struct bench : persistent_bench {
  bench() { hire(); }
};

namespace {

v2::Directory with_file(persistent_bench& in, const std::string& name, const std::string& content) {
  v2::Directory root;
  in.add_file(root, name, content);
  return root;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(persistent_workers)

BOOST_FIXTURE_TEST_CASE(one_process_serves_one_action_after_the_other, bench) {
  for (const bool json : {false, true}) {
    tool by;
    if (json) {
      by.arguments = {"--json"};
      by.properties = {{"requires-worker-protocol", "json"}};
    }
    auto first = asked(by, {"pid", "cat:a", "write:out=1"}, with_file(*this, "a", "eins"), {"out"});
    BOOST_TEST(first.how == "started");
    BOOST_TEST(first.text.ends_with("\neins"));
    BOOST_REQUIRE(first.result.output_files_size() == 1);
    BOOST_TEST(get(first.result.output_files(0).digest()) == "1");
    // Of the first one nothing is left there, neither inputs nor outputs.
    auto second = asked(by, {"pid", "ls", "write:out=2"}, with_file(*this, "b", "zwei"), {"out"});
    BOOST_TEST(second.how == "reused");
    BOOST_TEST(second.text.substr(second.text.find('\n') + 1) == "b tool.py zz.params");
    BOOST_TEST(pid_in(second.text) == pid_in(first.text));
    BOOST_TEST(get(second.result.output_files(0).digest()) == "2");
    const auto facts = facts_of(second.result);
    BOOST_TEST((facts.has_obtaining_time() && facts.has_preparing_time() && facts.has_collecting_time()));
  }
}

BOOST_FIXTURE_TEST_CASE(a_tool_hears_its_inputs_and_their_digests, bench) {
  auto heard = asked({}, {"inputs"}, with_file(*this, "a", "eins"));
  BOOST_TEST(heard.text.find("a=" + digest_of("eins").hex()) == 0U, heard.text);
  BOOST_TEST(heard.text.find("tool.py=" + digest_of(persistent_tool_script).hex()) != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_decides_what_a_tool_does_makes_it_another_one, bench) {
  const auto first = pid_in(asked({}, {"pid"}).text);
  BOOST_TEST(pid_in(asked({}, {"pid"}).text) == first);
  tool other_content{std::string(persistent_tool_script) + "\n# changed\n"};
  tool other_argument{persistent_tool_script, {"--flag"}};
  tool other_property{persistent_tool_script, {}, {{"something", "else"}}};
  for (const auto& other : {other_content, other_argument, other_property}) {
    auto heard = asked(other, {"pid"});
    BOOST_TEST(heard.how == "started");
    BOOST_TEST(pid_in(heard.text) != first);
  }
  // What it is started with is its own, whatever its client has marked; and so is where links lead it.
  tool starts{persistent_tool_script, {"-", "plugin"}};
  BOOST_TEST(asked(starts, {"pid"}, with_file(*this, "plugin", "1")).how == "started");
  BOOST_TEST(asked(starts, {"pid"}, with_file(*this, "plugin", "1")).how == "reused");
  BOOST_TEST(asked(starts, {"pid"}, with_file(*this, "plugin", "2")).how == "started");
  v2::Directory linked;
  auto& link = *linked.add_symlinks();
  link.set_name("current");
  for (const char* to : {"one", "two"}) {
    link.set_target(to);
    BOOST_TEST(asked({}, {"pid"}, linked).how == "started");
  }
  auto elsewhere = request({}, {"pid"});
  elsewhere.instance = "another";
  BOOST_TEST(told(run(std::move(elsewhere))).how == "started");
}

BOOST_FIXTURE_TEST_CASE(what_is_no_call_of_a_tool_runs_as_it_stands, bench) {
  tool unmarked;
  unmarked.marked = false;
  tool nameless;
  nameless.key = "";
  tool foreign;
  foreign.properties = {{"persistentWorkerProtocol", "carrier pigeon"}};
  for (const auto& by : {unmarked, nameless, foreign}) {
    auto heard = asked(by, {"say:hello"});
    BOOST_TEST(heard.how == "");
    BOOST_TEST(heard.out == "alone hello\n");
  }
  // What cannot be said in a request.
  BOOST_TEST(asked({}, {"say:\xff"}).how == "");
  // A flag file that is none of its inputs.
  auto action = request({}, {"say:hello"});
  auto command = shell("echo \"$0\" \"$@\"");
  command.add_arguments("@nowhere");
  action.command = serialise(command);
  action.command_digest = put(command);
  BOOST_TEST(told(run(std::move(action))).out == "@nowhere\n");
}

BOOST_FIXTURE_TEST_CASE(flag_files_may_name_flag_files, bench) {
  auto root = with_file(*this, "more", "say:b\n\n@even_more\r\nsay:@@d\n");
  add_file(root, "even_more", "say:c");
  auto heard = asked({}, {"say:a", "@more", "say:e"}, root);
  BOOST_TEST(heard.text == "a\nb\nc\n@@d\ne");
  // Without an end: the command as it stands is the tool's own business.
  auto round = asked({}, {"say:a", "@loop"}, with_file(*this, "loop", "@loop"));
  BOOST_TEST(round.how == "");
  // Nor are a million of them read, though they are all empty.
  std::string hundred;
  for (int i = 0; i < 100; ++i) hundred += "@next\n";
  v2::Directory many;
  add_file(many, "first", hundred);
  add_file(many, "next", "");
  BOOST_TEST(asked({}, {"@first", "say:read"}, many).text == "read");
  many.Clear();
  add_file(many, "first",
           hundred + hundred + hundred + hundred + hundred + hundred + hundred + hundred + hundred + hundred);
  add_file(many, "next", "");
  BOOST_TEST(asked({}, {"@first"}, many).how == "");
}

BOOST_FIXTURE_TEST_CASE(an_exit_code_is_the_actions_and_the_tool_stays, bench) {
  auto outcome = run(request({}, {"pid", "exit:3"}));
  BOOST_TEST(outcome.exit_code == 3);
  const auto heard = told(outcome);
  BOOST_TEST(heard.result.exit_code() == 3);
  BOOST_TEST(pid_in(asked({}, {"pid"}).text) == pid_in(heard.text));
}

BOOST_FIXTURE_TEST_CASE(what_it_says_need_not_be_text, bench) {
  BOOST_TEST(asked({}, {"bytes"}).text == "\xff\xfe");
}

BOOST_FIXTURE_TEST_CASE(a_crash_costs_one_try, bench) {
  for (const char* order :
       {"crash:7", "uncalled:",
        "garbage:Compiling, compiling, compiling, compiling, compiling, compiling, compiling, compiling.",
        "stranger:", "deaf:"}) {
    const auto before = pid_in(asked({}, {"pid"}).text);
    auto action = request({}, {"say:done", order});
    auto outcome = run(action);
    BOOST_TEST(outcome.status.code() == errc::unavailable, outcome.status.to_string());
    BOOST_TEST((outcome.fault == fault_owner::elsewhere));
    if (order == std::string("crash:7"))
      BOOST_TEST(
          outcome.status.message().find(
              "exit code 7 and no answer; its standard error ends with: what a pity") != std::string::npos,
          outcome.status.message());
    wait_until_gone(before);
    // The second one is no request any more.
    auto again = request({}, {"say:done"});
    start(std::move(again), 2);
    auto second = told(master.next_finished().outcome);
    BOOST_TEST(second.out == "alone done\n");
    BOOST_TEST(asked({}, {"pid"}).how == "started");
  }
  fire();
}

BOOST_FIXTURE_TEST_CASE(one_that_never_was_a_persistent_worker_runs_as_it_stands_on_the_second_try, bench) {
  tool by{persistent_tool_script, {"--refuses"}};
  auto action = request(by, {"say:hello"});
  BOOST_TEST(run(action).status.code() == errc::unavailable);
  start(action, 2);
  BOOST_TEST(told(master.next_finished().outcome).out == "alone hello\n");
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_executed_is_told_as_ever, bench) {
  auto action = request({}, {});
  v2::Command command;
  for (const char* word : {"/nowhere/tool", "@zz.params"}) command.add_arguments(word);
  action.command = serialise(command);
  action.command_digest = put(command);
  auto outcome = run(std::move(action));
  BOOST_TEST((outcome.fault == fault_owner::action));
  BOOST_TEST(outcome.status.to_string().find("No such file") != std::string::npos,
             outcome.status.to_string());
}

BOOST_FIXTURE_TEST_CASE(one_that_is_too_slow_is_killed, bench) {
  const auto before = pid_in(asked({}, {"pid"}).text);
  auto action = request({}, {"hang"});
  action.timeout = 50ms;
  auto outcome = run(std::move(action));
  BOOST_TEST(outcome.status.code() == errc::deadline_exceeded, outcome.status.to_string());
  BOOST_TEST(!is_there(before));
  BOOST_TEST(asked({}, {"pid"}).how == "started");
}

BOOST_FIXTURE_TEST_CASE(one_that_nobody_wants_any_more_costs_the_tool_unless_that_can_be_told, bench) {
  for (const bool cancels : {false, true}) {
    tool by;
    if (cancels) by.properties = {{"supports-worker-cancellation", "1"}};
    const auto before = pid_in(asked(by, {"pid"}).text);
    auto name = start(request(by, {"hang"}));
    while (master.next_started().operation != name) {
    }
    caf::anon_send(worker, kill_action{name, 1, "changed my mind"});
    auto outcome = master.next_finished().outcome;
    BOOST_TEST(outcome.status.code() == errc::cancelled);
    BOOST_TEST(is_there(before) == cancels);
    auto after = asked(by, {"pid"});
    BOOST_TEST(after.how == (cancels ? "reused" : "started"));
    if (cancels) BOOST_TEST(pid_in(after.text) == before);
  }
}

BOOST_FIXTURE_TEST_CASE(several_requests_at_a_time_each_have_a_folder_of_their_own, bench) {
  tool by{persistent_tool_script, {}, multiplex()};
  // It has to be there before it can be shared.
  const auto pid = pid_in(asked(by, {"pid"}).text);
  start(request(by, {"meet:2", "pid", "cat:a", "write:out=x"}, with_file(*this, "a", "eins"), {"out"}));
  start(request(by, {"meet:2", "pid", "cat:a", "write:out=y"}, with_file(*this, "a", "zwei"), {"out"}));
  std::set<std::string> seen;
  std::set<std::string> left;
  for (int i = 0; i < 2; ++i) {
    auto heard = told(master.next_finished().outcome);
    BOOST_TEST(heard.how == "reused");
    BOOST_REQUIRE_MESSAGE(heard.text.starts_with("met 2\n"), heard.text);
    const auto rest = heard.text.substr(6);
    BOOST_TEST(pid_in(rest) == pid);
    seen.insert(rest.substr(rest.find('\n') + 1));
    BOOST_REQUIRE(heard.result.output_files_size() == 1);
    left.insert(get(heard.result.output_files(0).digest()));
  }
  BOOST_TEST(seen == (std::set<std::string>{"eins", "zwei"}));
  BOOST_TEST(left == (std::set<std::string>{"x", "y"}));
  BOOST_TEST(asked(by, {"ls"}).text == "tool.py zz.params");
}

BOOST_FIXTURE_TEST_CASE(a_crash_of_one_request_loses_its_neighbours_try_as_well, bench) {
  tool by{persistent_tool_script, {}, multiplex()};
  asked(by, {});
  start(request(by, {"meet:2", "hang"}));
  start(request(by, {"meet:2", "crash:1"}));
  for (int i = 0; i < 2; ++i) {
    auto outcome = master.next_finished().outcome;
    BOOST_TEST(outcome.status.code() == errc::unavailable);
    BOOST_TEST((outcome.fault == fault_owner::elsewhere));
  }
}

BOOST_FIXTURE_TEST_CASE(what_it_leaves_is_cleared_away_or_it_goes, bench) {
  const auto first = pid_in(asked({}, {"pid", "litter", "write:x=1"}).text);
  auto after = asked({}, {"pid", "ls"});
  BOOST_TEST(pid_in(after.text) == first);
  BOOST_TEST(after.text.ends_with("\ntool.py zz.params"));
  // Whoever cannot be entered is not to be met by the next.
  BOOST_TEST(asked({}, {"shut"}).how == "reused");
  BOOST_TEST(asked({}, {"pid"}).how == "started");
  // Without its own inputs it is not the tool any more.
  BOOST_TEST(asked({}, {"remove:tool.py"}).how == "reused");
  BOOST_TEST(asked({}, {"pid"}).how == "started");
  BOOST_TEST(!is_there(first));
}

// The client has done nothing wrong, and another try makes it good.
BOOST_FIXTURE_TEST_CASE(outputs_that_it_goes_on_writing_to_cost_a_try_at_most, bench) {
  for (int i = 0; i < 5; ++i) {
    auto outcome = run(request({}, {"rewrite:out"}, {}, {"out"}));
    if (outcome.status.ok()) {
      const auto result = told(outcome).result;
      BOOST_REQUIRE(result.output_files_size() == 1);
      BOOST_TEST(get(result.output_files(0).digest()).size() == 3000000U);
      continue;
    }
    BOOST_TEST(outcome.status.code() == errc::unavailable, outcome.status.to_string());
    BOOST_TEST((outcome.fault == fault_owner::elsewhere));
  }
}

BOOST_FIXTURE_TEST_CASE(nothing_of_it_is_left_when_the_worker_goes, bench) {
  const auto pid = pid_in(asked({}, {"pid", "child"}).text);
  const auto here = options.work_root;
  fire();
  wait_until_gone(pid);
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!leftovers().empty() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  BOOST_TEST(leftovers() == std::vector<std::string>{});
}

BOOST_FIXTURE_TEST_CASE(it_lives_in_a_sandbox_like_any_action, persistent_bench) {
  options.sandbox.level = sandbox_level::automatic;
  if (!start_working()) return;
  for (const auto& kind : {platform_properties{}, multiplex()}) {
    tool by{persistent_tool_script, {}, kind};
    auto first = asked(by, {"pid", "cat:/proc/1/comm", "cat:a", "write:out=1"}, with_file(*this, "a", "eins"),
                       {"out"});
    BOOST_TEST(first.how == "started");
    BOOST_TEST(pid_in(first.text) < 10);
    BOOST_TEST(facts_of(first.result).sandbox() == "namespaces");
    auto second = asked(by, {"pid", "ls", "cat:b", "write:out=2"}, with_file(*this, "b", "zwei"), {"out"});
    BOOST_TEST(second.how == "reused");
    BOOST_TEST(second.text.ends_with("\nb tool.py zz.params\nzwei"), second.text);
    BOOST_TEST(get(second.result.output_files(0).digest()) == "2");
  }
}

BOOST_FIXTURE_TEST_CASE(what_one_request_has_left_in_it_does_not_fail_the_next, persistent_bench) {
  options.sandbox.level = sandbox_level::automatic;
  options.sandbox.processes = 32;
  if (!start_working()) return;
  bool limited = false;
  for (const auto& line : log_lines())
    limited = limited || line.find("actions are limited by control groups") != std::string::npos;
  if (!limited) return;
  const std::vector<std::string> twenty(20, "child:");
  const auto first = asked({}, twenty);
  BOOST_TEST(first.how == "started");
  auto action = request({}, twenty);
  auto outcome = run(action);
  BOOST_TEST(outcome.status.code() == errc::unavailable, outcome.status.to_string());
  BOOST_TEST((outcome.fault == fault_owner::elsewhere));
  BOOST_TEST(outcome.status.message().find("32 processes") != std::string::npos, outcome.status.message());
  start(action, 2);
  BOOST_TEST(told(master.next_finished().outcome).out == "alone \n");
}

// It may have read what was damaged, and would go on saying so.
BOOST_FIXTURE_TEST_CASE(one_that_was_begun_before_a_file_was_found_damaged_is_not_asked_again,
                        persistent_bench) {
  options.sandbox.level = sandbox_level::automatic;
  if (!start_working()) return;
  // So large that the store has it nowhere but in its file.
  const tool by{persistent_tool_script + std::string(100'000, '#')};
  BOOST_TEST(asked(by, {"say:one"}).how == "started");
  BOOST_TEST(asked(by, {"say:two"}).how == "reused");
  overwrite_cached(by.script, std::string(by.script.size(), '#'));
  BOOST_TEST(!ask<blob_content>(system, cas, read_blob{digest_of(by.script)}).has_value());
  BOOST_TEST(asked(by, {"say:three"}).how == "started");
  BOOST_TEST(asked(by, {"say:four"}).how == "reused");
}

BOOST_FIXTURE_TEST_CASE(it_can_not_write_to_what_the_cache_has, persistent_bench) {
  options.sandbox.level = sandbox_level::automatic;
  if (!start_working()) return;
  // It does what it likes to its own inputs and to the request's.
  tool by{std::string(persistent_tool_script)};
  auto harm = asked(by, {"harm:a", "harm:tool.py"}, with_file(*this, "a", "eins"));
  BOOST_TEST(get(digest_of("eins")).value_or("") == "eins");
  BOOST_TEST(get(digest_of(by.script)).value_or("") == by.script);
  BOOST_TEST(asked(by, {"cat:a"}, with_file(*this, "a", "eins")).text == "eins");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test::persistent_workers
