#include <set>

#include "test/actors/scheduler/scripted_worker.hpp"
#include "test/actors/system/cluster_calls.hpp"

/// A whole Kiln at work, in every order that the seeds think of.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(clusters)

namespace {

const std::string get_result = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult";
const std::string update_result = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult";
const std::string wait_execution = "/build.bazel.remote.execution.v2.Execution/WaitExecution";
constexpr std::uint64_t seeds = 20;

std::string noise(std::size_t size) {
  auto random = make_seeded_random(size);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random->next());
  return text;
}

v2::ActionResult result_with(const digest& output) {
  v2::ActionResult result;
  auto* file = result.add_output_files();
  file->set_path("out");
  *file->mutable_digest() = wire(output);
  return result;
}

errc update_at(cluster& kiln, const digest& action, const v2::ActionResult& result) {
  v2::UpdateActionResultRequest request;
  *request.mutable_action_digest() = wire(action);
  *request.mutable_action_result() = result;
  return kiln.call(update_result, request)->end()->code();
}

errc find_result_of(cluster& kiln, const digest& action) {
  v2::GetActionResultRequest request;
  *request.mutable_action_digest() = wire(action);
  return kiln.call(get_result, request)->end()->code();
}

/// A day in the life of a cache, with clients at the same time.
std::vector<std::string> a_day(cluster& kiln) {
  std::vector<std::string> told;
  auto small = kiln.put("small").value();
  auto large = kiln.upload(noise(600'000), 100'000).value();
  std::vector<std::shared_ptr<direct_call>> readers;
  for (const auto& blob : {small, large, digest_of("not there")}) {
    v2::BatchReadBlobsRequest request;
    *request.add_digests() = wire(blob);
    readers.push_back(
        kiln.begin("/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs", request));
  }
  told.push_back(std::to_string(static_cast<int>(update_at(kiln, digest_of("action"), result_with(large)))));
  for (const auto& reader : readers) told.push_back(digest_of(reader->messages().at(0).view()).hex());
  return told;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_was_written_is_found_and_read_in_every_order) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    cluster kiln(cache_node, seed);
    BOOST_TEST_CONTEXT("seed " << seed) {
      auto content = noise(2'500'000);
      BOOST_TEST(!kiln.has(digest_of("small")));
      auto small = kiln.put("small");
      auto large = kiln.upload(content, 300'000);
      BOOST_TEST_REQUIRE(small.has_value());
      BOOST_TEST_REQUIRE(large.has_value());
      BOOST_TEST(kiln.has(*small));
      BOOST_TEST(kiln.has(*large));
      BOOST_TEST((kiln.download(*small) == "small"));
      BOOST_TEST((kiln.download(*large) == content));
      BOOST_TEST(kiln.download(digest_of("not there")).error().code() == errc::not_found);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_was_written_is_there_for_the_next_process) {
  cluster kiln(cache_node);
  auto blob = kiln.upload(noise(100'000)).value();
  kiln.end(0);
  kiln.join(cache_node);
  BOOST_TEST(kiln.has(blob));
  BOOST_TEST((kiln.download(blob) == noise(100'000)));
}

BOOST_AUTO_TEST_CASE(a_result_is_found_as_long_as_its_output_is_there) {
  cluster kiln(R"(
stores: {blobs: {type: memory, capacity: 1MiB}, results: {type: memory, capacity: 1MiB}}
transports: {door: {type: direct, listen: [kiln]}}
serve: {content: blobs, results: results}
)");
  auto action = digest_of("an action");
  auto output = kiln.put("object").value();
  BOOST_TEST(find_result_of(kiln, action) == errc::not_found);
  BOOST_TEST(update_at(kiln, action, result_with(output)) == errc::ok);
  BOOST_TEST(find_result_of(kiln, action) == errc::ok);
  // Used again, all of them: what is used once does not drive out what was used twice.
  for (std::size_t size = 100'000; size < 100'064; ++size)
    BOOST_TEST_REQUIRE(kiln.has(kiln.put(noise(size)).value()));
  BOOST_TEST_REQUIRE(!kiln.has(output));
  BOOST_TEST(find_result_of(kiln, action) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(an_action_is_executed_by_the_worker_of_the_same_process) {
  cluster kiln(execution_node + local_worker_section);
  auto call = execute_echo(kiln, "hello");
  kiln.system().run_until([&] { return call->end().has_value(); });
  auto response = response_of(*call);
  BOOST_TEST(response.status().code() == 0, response.status().message());
  BOOST_TEST(response.result().exit_code() == 0);
  BOOST_TEST_REQUIRE(response.result().output_files_size() == 1);
  auto out = from_wire(response.result().output_files(0).digest(), digest_function::sha256).value();
  BOOST_TEST((kiln.download(out) == "hello"));
  auto again = execute_echo(kiln, "hello");
  kiln.run();
  BOOST_TEST(response_of(*again).cached_result());
}

BOOST_AUTO_TEST_CASE(an_action_is_executed_by_the_worker_of_another_node) {
  cluster kiln(execution_node);
  kiln.join(worker_node);
  auto call = execute_echo(kiln, "hello");
  kiln.system().run_until([&] { return call->end().has_value(); });
  auto response = response_of(*call);
  BOOST_TEST(response.status().code() == 0, response.status().message());
  BOOST_TEST(response.result().execution_metadata().worker() == "elsewhere");
  auto out = from_wire(response.result().output_files(0).digest(), digest_function::sha256).value();
  BOOST_TEST((kiln.download(out) == "hello"));
}

BOOST_AUTO_TEST_CASE(an_action_whose_worker_is_gone_is_given_to_another_one) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    cluster kiln(execution_node, seed);
    scripted_worker first(kiln.system(), kiln.scheduler(), {"first", {}, 1, 1});
    BOOST_TEST_REQUIRE(first.join().has_value());
    auto call = execute_echo(kiln, "hello");
    kiln.run();
    BOOST_TEST_REQUIRE(first.starts().size() == 1u);
    scripted_worker second(kiln.system(), kiln.scheduler(), {"second", {}, 1, 2});
    BOOST_TEST_REQUIRE(second.join().has_value());
    first.die();
    kiln.pass(1s);
    BOOST_TEST_REQUIRE(second.starts().size() == 1u);
    v2::ActionResult result;
    result.set_exit_code(3);
    second.finish(second.starts().front(), {{}, serialise(result), 3, false});
    BOOST_TEST(response_of(*call).result().exit_code() == 3);
  }
}

// Rule 184.
BOOST_AUTO_TEST_CASE(the_name_of_an_operation_is_not_found_by_the_next_process) {
  cluster kiln(execution_node);
  auto call = execute_echo(kiln, "hello");
  kiln.run();
  auto named = parse<google::longrunning::Operation>(byte_chain(call->messages().back())).value();
  v2::WaitExecutionRequest request;
  request.set_name(named.name());
  auto waiting = kiln.begin(wait_execution, request);
  kiln.run();
  BOOST_TEST(waiting->messages().size() == 1u);
  BOOST_TEST(!waiting->end().has_value());
  kiln.end(0);
  BOOST_TEST(waiting->end().has_value());
  kiln.join(execution_node);
  BOOST_TEST(kiln.call(wait_execution, request)->end()->code() == errc::not_found);
}

// A worker that lost one of these would take actions and never end them.
BOOST_AUTO_TEST_CASE(whatever_a_node_cannot_be_without_is_watched_over) {
  auto names = [](const assembly& node) {
    std::set<std::string> all;
    for (const auto& each : node.guarded()) all.insert(each.name);
    return all;
  };
  cluster kiln(execution_node + local_worker_section);
  kiln.join(worker_node);
  for (const auto* name : {"store blobs", "scheduler", "execution", "worker", "input_cache"})
    BOOST_TEST(names(kiln.node(0)).contains(name), name);
  BOOST_TEST((names(kiln.node(1)) == std::set<std::string>{"store upstream", "health", "worker",
                                                           "input_cache", "session with the scheduler"}));
}

BOOST_AUTO_TEST_CASE(the_same_seed_does_the_same_and_another_one_something_else) {
  auto live = [](std::uint64_t seed) {
    cluster kiln(cache_node, seed);
    auto told = a_day(kiln);
    return std::pair(told, kiln.done());
  };
  auto once = live(7);
  auto twice = live(7);
  auto other = live(8);
  BOOST_TEST((once.second == twice.second));
  BOOST_TEST(once.first == twice.first);
  BOOST_TEST(once.first == other.first);
  BOOST_TEST((once.second != other.second));
}

BOOST_AUTO_TEST_CASE(a_method_that_nobody_serves_is_unimplemented) {
  cluster kiln(cache_node);
  BOOST_TEST(kiln.call(execute, v2::ExecuteRequest())->end()->code() == errc::unimplemented);
}

BOOST_AUTO_TEST_SUITE_END()
