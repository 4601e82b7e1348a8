#include <google/rpc/error_details.pb.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "actors/tools/conform/rules/action_cache_rules.hpp"
#include "actors/tools/conform/rules/operations_rules.hpp"

// 10. Execute and WaitExecution: what is refused, and how failures are told. Rules about a server's inside:
// 166, 170 and 173; 179 and 184 kill parts of it, 186 may be kept by pings that we do not see.
namespace kiln::conform {
namespace {

using namespace std::chrono_literals;

void no_error(probe& ask, const answer<operation>& got) {
  for (const auto& one : got.messages)
    ask.check(!one.has_error(), "no operation with an error, for failures stand in its response");
}

void failures_in_the_response(probe& ask) {
  no_error(ask, execute(ask, ask.fresh()));
  auto nowhere = action_of(ask, "exit 0");
  *nowhere.mutable_input_root_digest() = ask.fresh().digest;
  no_error(ask, execute(ask, ask.store_message(nowhere)));
  if (!ask.server().has_worker) return;
  no_error(ask, execute(ask, stored_action(ask, "exit 3")));
  auto late = action_of(ask, "sleep 9");
  late.mutable_timeout()->set_nanos(200'000'000);
  no_error(ask, execute(ask, ask.store_message(late)));
}

// Completed, done and the stream's end are one.
void expect_one_end(probe& ask, const answer<operation>& got) {
  ask.expect(got, errc::ok);
  ask.check(!got.messages.empty(), "an operation");
  for (const auto& one : got.messages) {
    ask.equal("done", one.done(), &one == &got.messages.back());
    ask.equal("a stage that is COMPLETED", stage_of(ask, one) == v2::ExecutionStage::COMPLETED, one.done());
  }
}

void completed_when_done(probe& ask) {
  auto action = stored_action(ask, "sleep 0.1");
  expect_one_end(ask, execute(ask, action));
  expect_one_end(ask, execute(ask, action));
  expect_one_end(ask, execute(ask, stored_action(ask, "exit 3")));
}

void told_at_once(probe& ask) {
  auto action = stored_action(ask, "sleep 8");
  auto one = start(ask, action);
  auto first = first_of(ask, one);
  ask.check(!first.name().empty(), "an operation with a name");
  ask.check(!first.done(), "an operation that is not done, for it takes eight seconds");
  stage_of(ask, first);
}

void bad_requests(probe& ask) {
  auto good = stored_action(ask);
  auto shorter = good.digest, spelt = good.digest, negative = good.digest;
  shorter.mutable_hash()->pop_back();
  spelt.mutable_hash()->front() = 'x';
  negative.set_size_bytes(-1);
  for (const auto& bad : {shorter, spelt, negative, v2::Digest()}) {
    auto got = execute(ask, {{}, bad, good.function});
    ask.expect(got, errc::invalid_argument);
    ask.check(got.messages.empty(), "no operation before INVALID_ARGUMENT");
  }
  expect_ending(ask, execute(ask, ask.store_message(v2::Command())), {errc::invalid_argument});
}

// An input tree with `count` files, none of which is there.
v2::Digest hollow_tree(probe& ask, int count, std::vector<blob>& missing) {
  v2::Directory root;
  for (int i = 0; i < count; ++i) {
    missing.push_back(ask.fresh());
    auto* file = root.add_files();
    file->set_name(fmt::format("file{:05}", i));
    *file->mutable_digest() = missing.back().digest;
  }
  return ask.store_message(root).digest;
}

void missing_inputs(probe& ask) {
  expect_ending(ask, execute(ask, ask.fresh()), {errc::failed_precondition});
  auto no_command = action_of(ask, "exit 0"), no_root = no_command, no_directory = no_command,
       no_file = no_command;
  *no_command.mutable_command_digest() = ask.fresh().digest;
  *no_root.mutable_input_root_digest() = ask.fresh().digest;
  v2::Directory above;
  auto* below = above.add_directories();
  below->set_name("below");
  *below->mutable_digest() = ask.fresh().digest;
  *no_directory.mutable_input_root_digest() = ask.store_message(above).digest;
  std::vector<blob> files;
  *no_file.mutable_input_root_digest() = hollow_tree(ask, 1, files);
  for (const auto& action : {no_command, no_root, no_directory, no_file})
    expect_ending(ask, execute(ask, ask.store_message(action)), {errc::failed_precondition});
}

std::string subject_of(const blob& missing) {
  auto function = is_named_in_paths(missing.function) ? path_name(missing.function) + "/" : "";
  return fmt::format("blobs/{}{}/{}", function, missing.digest.hash(), missing.digest.size_bytes());
}

// What the refusal calls missing, and it speaks of nothing else.
std::set<std::string> told_missing(probe& ask, const answer<operation>& got) {
  expect_ending(ask, got, {errc::failed_precondition});
  const auto refusal = ending_of(ask, got);
  std::set<std::string> subjects;
  for (const auto& detail : refusal.details()) {
    google::rpc::PreconditionFailure failure;
    if (!detail.type_url.ends_with("/google.rpc.PreconditionFailure")) continue;
    ask.check(failure.ParseFromString(detail.value), "a PreconditionFailure that can be read");
    for (const auto& one : failure.violations()) {
      ask.check(one.type() == "MISSING", "only violations of the type MISSING");
      ask.check(subjects.insert(one.subject()).second, "one violation for each blob");
    }
  }
  return subjects;
}

void expect_missing_told(probe& ask, const answer<operation>& got, const std::vector<blob>& missing) {
  auto told = told_missing(ask, got);
  for (const auto& one : missing)
    ask.check(told.count(subject_of(one)) == 1, "a violation about \"" + subject_of(one) + "\"");
  ask.equal("violations", told.size(), missing.size());
}

void missing_told(probe& ask) {
  auto action = ask.fresh();
  expect_missing_told(ask, execute(ask, action), {action});
  auto without_command = action_of(ask, "exit 0");
  auto command = ask.fresh();
  *without_command.mutable_command_digest() = command.digest;
  expect_missing_told(ask, execute(ask, ask.store_message(without_command)), {command});
}

void missing_in_functions(probe& ask) {
  for (auto function : execution_functions(ask)) {
    auto action = ask.fresh(100, function);
    expect_missing_told(ask, start(ask, action).rest(), {action});
  }
}

void all_missing_at_once(probe& ask) {
  constexpr int some = 50, most = 1000;
  auto action = action_of(ask, "exit 0");
  std::vector<blob> missing{ask.fresh()};
  *action.mutable_command_digest() = missing.front().digest;
  *action.mutable_input_root_digest() = hollow_tree(ask, some, missing);
  expect_missing_told(ask, execute(ask, ask.store_message(action)), missing);
  *action.mutable_input_root_digest() = hollow_tree(ask, most + some, missing);
  auto told = told_missing(ask, execute(ask, ask.store_message(action)));
  ask.check(told.size() >= most, "a thousand violations at least, for more blobs than that are missing");
}

// ---- platforms

void add(v2::Platform& to, const std::string& name, const std::string& value) {
  auto* property = to.add_properties();
  property->set_name(name);
  property->set_value(value);
}

// What no worker offers. Properties are sorted by name.
v2::Platform impossible(probe& ask, const std::string& name) {
  auto all = ask.server().platform;
  std::erase_if(all, [&](const auto& one) { return one.first == name; });
  all.emplace_back(name, "conform-" + ask.fresh_uuid());
  std::sort(all.begin(), all.end());
  v2::Platform platform;
  for (const auto& [known, value] : all) add(platform, known, value);
  return platform;
}

blob stored_on(probe& ask, const v2::Platform& of_action, const v2::Platform& of_command) {
  v2::Command command;
  for (const char* word : {"/bin/sh", "-c", "exit 0"}) command.add_arguments(word);
  *command.mutable_platform() = of_command;
  auto action = action_of(ask, "exit 0");
  *action.mutable_command_digest() = ask.store_message(command).digest;
  *action.mutable_platform() = of_action;
  return ask.store_message(action);
}

// How it ends, if it does within that time.
std::optional<answer<operation>> ended_within(probe& ask, executing& one, duration patience) {
  auto until = ask.time().now() + patience;
  answer<operation> got;
  while (auto news = one.next(std::max<duration>(until - ask.time().now(), 0s))) {
    if (got.messages.empty()) cancel_afterwards(ask, news->name());
    got.messages.push_back(std::move(*news));
    if (got.messages.back().done()) break;
  }
  if (!got.messages.empty() && got.messages.back().done()) one.next(2s);
  if (!one.ended()) return std::nullopt;
  auto rest = one.rest();
  rest.messages.insert(rest.messages.begin(), got.messages.begin(), got.messages.end());
  return rest;
}

void not_for_ever(probe& ask, const std::string& property, std::initializer_list<errc> any_of) {
  auto platform = impossible(ask, property);
  auto one = start(ask, stored_on(ask, platform, platform));
  auto got = ended_within(ask, one, ask.scaled<duration>(100s, 1s));
  if (!got && ask.scaled(false, true)) ask.skip("it is refused later, if at all: not waited for in --quick");
  if (!got) ask.fail("a refusal within 100 s", "none");
  expect_ending(ask, *got, any_of);
}

void no_worker(probe& ask) {
  auto known = ask.server().platform.empty() ? "OSFamily" : ask.server().platform.front().first;
  not_for_ever(ask, known, {errc::failed_precondition, errc::unavailable, errc::invalid_argument});
}

void unknown_property(probe& ask) {
  not_for_ever(ask, "conform-property", {errc::failed_precondition, errc::invalid_argument});
}

void platform_of_the_action(probe& ask) {
  auto nowhere = impossible(ask, "conform-property");
  v2::Platform here;
  for (const auto& [name, value] : ask.server().platform) add(here, name, value);
  auto ran = [&](executing& one) {
    auto got = ended_within(ask, one, 500ms);
    return got && ending_of(ask, *got).ok();
  };
  auto by_both = start(ask, stored_on(ask, nowhere, nowhere));
  auto by_action = start(ask, stored_on(ask, nowhere, here));
  if (!ask.server().platform.empty()) success_of(ask, execute(ask, stored_on(ask, here, nowhere)));
  if (ran(by_both)) ask.skip("the server runs actions whatever their platform");
  if (ran(by_action)) ask.fail("no worker that takes the action, for its own platform counts", "a result");
}

// ---- timeouts

void too_long(probe& ask) {
  auto action = action_of(ask, "echo hello; sleep 9");
  action.mutable_timeout()->set_nanos(300'000'000);
  auto stored = ask.store_message(action);
  auto got = execute(ask, stored);
  auto response = response_of(ask, got);
  expect_ending(ask, got, {errc::deadline_exceeded});
  auto said = stdout_of(ask, response.result());
  ask.check(said.empty() || said == "hello\n", "what was written before the end, or nothing");
  expect_no_result(ask, stored);
}

void too_long_a_timeout(probe& ask) {
  auto action = action_of(ask, "exit 0");
  action.mutable_timeout()->set_seconds(std::int64_t{10} * 365 * 24 * 3600);
  auto got = execute(ask, ask.store_message(action));
  if (ending_of(ask, got).ok()) ask.skip("the server lets actions run for ten years");
  expect_ending(ask, got, {errc::invalid_argument});
}

}  // namespace

std::vector<rule> execution_rules() {
  constexpr auto runs = needs::cache | needs::execution;
  // Some servers look at an action only when a worker takes it.
  constexpr auto works = runs | needs::worker;
  std::vector<rule> all{
      {158, tag::must, "failures stand in the response of an operation, never in its error", runs,
       failures_in_the_response},
      {159, tag::must, "an operation is COMPLETED when it is done, and then the stream ends", works,
       completed_when_done},
      {160, tag::stated, "an operation is told at once, with its name and metadata", works, told_at_once},
      {161, tag::stated, "a bad request is INVALID_ARGUMENT before there is an operation", runs,
       bad_requests},
      {162, tag::stated, "an action of which anything is missing is FAILED_PRECONDITION", works,
       missing_inputs},
      {163, tag::should, "what is missing is told as a violation MISSING of \"blobs/HASH/SIZE\"", works,
       missing_told},
      {164, tag::must, "violations name only the functions that resource names name", works,
       missing_in_functions},
      {165, tag::choice, "all that is missing is told at once, and nothing else", works, all_missing_at_once},
      {167, tag::stated, "what no worker can run is FAILED_PRECONDITION or UNAVAILABLE in the end",
       works | needs::slow, no_worker},
      {168, tag::should, "an unknown platform property is refused, rather than queued for ever",
       works | needs::slow, unknown_property},
      {169, tag::should, "the platform of the action counts, rather than its command's", works,
       platform_of_the_action},
      {171, tag::stated, "an action that takes too long is DEADLINE_EXCEEDED, and not kept", works, too_long},
      {172, tag::must, "a timeout longer than is allowed is INVALID_ARGUMENT", works, too_long_a_timeout},
  };
  auto more = execution_stream_rules();
  std::move(more.begin(), more.end(), std::back_inserter(all));
  return all;
}

}  // namespace kiln::conform
