#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <utility>

#include "actors/tools/conform/rules/action_cache_rules.hpp"
#include "actors/tools/conform/rules/worker_rules.hpp"

// 11. What a worker does: how actions run and end.
namespace kiln::conform {
namespace {

// Of the moments that are told, each is not before those told ahead of it.
void moments(probe& ask) {
  auto got = succeeded(ask, action_with(ask, shell("sleep 0.3")));
  const auto& told = got.execution_metadata();
  ask.check(told.has_execution_start_timestamp() && told.has_execution_completed_timestamp(),
            "execution_metadata with start and end of the execution");
  auto nanoseconds = [](const google::protobuf::Timestamp& at) {
    return at.seconds() * 1'000'000'000 + at.nanos();
  };
  auto ran_for =
      nanoseconds(told.execution_completed_timestamp()) - nanoseconds(told.execution_start_timestamp());
  // Not all of its sleep: a busy machine may note the start late.
  ask.check(ran_for >= 100'000'000, "an execution of a tenth of a second at least");
  const google::protobuf::Timestamp* before = nullptr;
  auto follows = [&](bool is_told, const google::protobuf::Timestamp& at, const char* name) {
    if (!is_told) return;
    ask.check(!before || nanoseconds(*before) <= nanoseconds(at),
              fmt::format("{} not before what comes ahead of it", name));
    before = &at;
  };
  follows(told.has_queued_timestamp(), told.queued_timestamp(), "queued_timestamp");
  follows(told.has_worker_start_timestamp(), told.worker_start_timestamp(), "worker_start_timestamp");
  follows(told.has_input_fetch_start_timestamp(), told.input_fetch_start_timestamp(),
          "input_fetch_start_timestamp");
  follows(told.has_input_fetch_completed_timestamp(), told.input_fetch_completed_timestamp(),
          "input_fetch_completed_timestamp");
  follows(true, told.execution_start_timestamp(), "execution_start_timestamp");
  follows(true, told.execution_completed_timestamp(), "execution_completed_timestamp");
  follows(told.has_output_upload_start_timestamp(), told.output_upload_start_timestamp(),
          "output_upload_start_timestamp");
  follows(told.has_output_upload_completed_timestamp(), told.output_upload_completed_timestamp(),
          "output_upload_completed_timestamp");
  follows(told.has_worker_completed_timestamp(), told.worker_completed_timestamp(),
          "worker_completed_timestamp");
}

void failure(probe& ask) {
  auto command = shell("echo made > file; echo said; exit 3");
  command.add_output_paths("file");
  auto action = action_with(ask, command);
  auto got = ran(ask, action);
  ask.equal("exit_code", got.exit_code(), 3);
  ask.equal("output_files", got.output_files_size(), 1);
  ask.equal("standard output", said_by(ask, got), std::string("said\n"));
  expect_no_result(ask, action);
}

void killed(probe& ask) {
  for (int signal : {9, 15}) {
    auto action = action_with(ask, shell(fmt::format("kill -{} $$", signal)));
    auto response = response_of(ask, execute(ask, action));
    ask.equal("status", response.status().code(), 0);
    ask.equal("exit_code", response.result().exit_code(), 128 + signal);
    ask.check(!response.message().empty() || !response.status().message().empty(),
              "a message that says what ended it");
    expect_no_result(ask, action);
  }
}

void survivors(probe& ask) {
  auto word = "conform" + ask.fresh_uuid();
  // In a session of its own where there is a way to one; deaf to what usually ends processes.
  auto first =
      shell(fmt::format("s=$(command -v setsid)\n"
                        "( $s /bin/sh -c 'trap \"\" HUP INT TERM; touch up; sleep 20; : {}' "
                        "</dev/null >/dev/null 2>&1 & )\n"
                        "until test -e up; do sleep 0.01; done",
                        word));
  succeeded(ask, action_with(ask, first));
  // The pattern does not find itself.
  auto pattern = word.substr(0, word.size() - 1) + "[" + word.back() + "]";
  auto second = shell(fmt::format("grep -las '{}' /proc/[0-9]*/cmdline; true", pattern));
  ask.equal("processes that nothrow_handler their action",
            said_by(ask, succeeded(ask, action_with(ask, second))), std::string());
}

void expect_uploaded(probe& ask, const v2::ActionResult& result) {
  std::vector<v2::Digest> needed;
  ask.equal("output_files", result.output_files_size(), 1);
  needed.push_back(result.output_files(0).digest());
  auto tree = tree_of(ask, result);
  needed.push_back(result.output_directories(0).tree_digest());
  for (const auto& file : tree.root().files()) needed.push_back(file.digest());
  if (result.has_stdout_digest()) needed.push_back(result.stdout_digest());
  if (result.has_stderr_digest()) needed.push_back(result.stderr_digest());
  auto missing = ask.ok(ask.find_missing(needed));
  ask.equal("blobs of the result that are missing", missing.missing_blob_digests_size(), 0);
}

void uploaded_first(probe& ask) {
  auto salt = ask.fresh_uuid();
  auto command =
      shell(fmt::format("echo {0}; head -c 300000 /dev/zero > file; echo {0} >> file; mkdir folder\n"
                        "for i in 1 2 3 4 5 6 7 8; do echo {0} $i > folder/$i; done",
                        salt));
  command.add_output_paths("file");
  command.add_output_paths("folder");
  auto action = action_with(ask, command);
  using operation = google::longrunning::Operation;
  auto call = ask.open<v2::ExecuteRequest, operation>(probe::reapi("Execution/Execute"));
  auto request = ask.request<v2::ExecuteRequest>();
  *request.mutable_action_digest() = action.digest;
  call.send(request);
  call.half_close();
  // The moment that the entry is seen, which need not be after the answer.
  for (auto end = ask.time().now() + std::chrono::seconds(5);;) {
    auto entry = ask.get_result(action.digest);
    ask.expect(entry, {errc::ok, errc::not_found});
    if (entry.ok()) {
      expect_uploaded(ask, entry.message());
      break;
    }
    ask.check(ask.time().now() < end, "an entry in the action cache");
  }
  auto response = response_of(ask, call.rest());
  ask.equal("status", response.status().code(), 0);
  expect_uploaded(ask, response.result());
  ask.ok(ask.get_result(action.digest));
}

}  // namespace

std::vector<rule> worker_life_rules() {
  constexpr auto worker = needs::cache | needs::worker;
  return {
      {205, tag::should, "the moments of an action are told in their order", worker, moments},
      {206, tag::choice, "an exit code that is not 0 is a result, and not cached", worker, failure},
      {207, tag::choice, "death by signal n is exit code 128+n, and a message", worker, killed},
      {209, tag::choice, "no process outlives its action", worker, survivors},
      {210, tag::should, "the outputs are there before the entry, and before the answer", worker,
       uploaded_first},
  };
}

}  // namespace kiln::conform
