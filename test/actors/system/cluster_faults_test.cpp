#include "test/actors/system/cluster_calls.hpp"
#include "test/actors/system/played_node.hpp"

/// What clients see of a disk that fails and of processes that do what they like.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(cluster_faults)

const std::string faulty_yaml = R"(
stores:
  blobs: {type: filesystem, path: /kiln/blobs, capacity: 32MiB}
  results: {type: memory, capacity: 8MiB}
transports: {door: {type: direct, listen: [kiln]}}
serve: {content: blobs, results: results, execution: {default_timeout: 10s}}
worker: {cas: blobs, work_root: /kiln/run, slots: 1, kill_grace: 1s, action_users: none}
)";

struct faulty_node : played_node {
  faulty_node() { kiln.join(faulty_yaml); }

  /// What every process does from now on.
  void play(scripted_process script) {
    launcher->script = [script = std::move(script)](const process_plan&) { return script; };
  }
  v2::ExecuteResponse run(duration how_long) {
    auto call = execute_echo(kiln, "hello");
    kiln.pass(how_long);
    return response_of(*call);
  }
};

BOOST_FIXTURE_TEST_CASE(an_action_runs_with_neither_a_process_nor_a_disk, faulty_node) {
  scripted_process script;
  script.writes["out"] = "written";
  script.says = "said";
  script.complains = "complained";
  play(script);
  auto result = run(1s).result();
  BOOST_TEST(result.exit_code() == 0);
  BOOST_TEST_REQUIRE(result.output_files_size() == 1);
  for (const auto& [blob, content] :
       {std::pair(result.output_files(0).digest(), "written"), std::pair(result.stdout_digest(), "said"),
        std::pair(result.stderr_digest(), "complained")})
    BOOST_TEST((kiln.download(from_wire(blob, digest_function::sha256).value()) == content));
  BOOST_TEST(medium->files_below("/kiln/run/actions").size() == 2u);  // the emptied streams of a spare folder
}

BOOST_FIXTURE_TEST_CASE(a_process_that_dies_of_a_signal_ends_as_shells_say_it, faulty_node) {
  scripted_process script;
  script.signal = 11;
  play(script);
  BOOST_TEST(run(1s).result().exit_code() == 139);
}

BOOST_FIXTURE_TEST_CASE(a_process_that_never_ends_is_killed_when_its_time_is_over, faulty_node) {
  scripted_process script;
  script.never_ends = true;
  script.is_deaf = true;
  play(script);
  auto call = execute_echo(kiln, "hello");
  kiln.pass(9s);
  BOOST_TEST(launcher->running() == 1u);
  BOOST_TEST(!call->end().has_value());
  kiln.pass(3s);
  BOOST_TEST(response_of(*call).status().code() == static_cast<int>(errc::deadline_exceeded));
  BOOST_TEST(launcher->running() == 0u);
}

// Its own time counts from its start.
BOOST_FIXTURE_TEST_CASE(a_process_that_never_starts_is_given_up_and_tried_again, faulty_node) {
  launcher->script = [first = true](const process_plan&) mutable {
    scripted_process script;
    script.never_starts = std::exchange(first, false);
    return script;
  };
  auto call = execute_echo(kiln, "hello");
  kiln.pass(59s);
  BOOST_TEST(launcher->running() == 1u);
  BOOST_TEST(!call->end().has_value());
  kiln.pass(10s);
  BOOST_TEST(response_of(*call).status().code() == 0);
  BOOST_TEST(launcher->started() == 2u);
}

BOOST_FIXTURE_TEST_CASE(an_action_waits_out_a_worker_whose_disk_is_full, faulty_node) {
  files->fault = [](disk_call which, const std::string& path) {
    return which == disk_call::make_folder && path == "root" ? ENOSPC : 0;
  };
  auto call = execute_echo(kiln, "hello");
  kiln.pass(1s);
  BOOST_TEST(launcher->started() == 0u);
  BOOST_TEST(!call->end().has_value());
  files->fault = nullptr;
  kiln.pass(10s);
  BOOST_TEST(response_of(*call).status().code() == 0);
  BOOST_TEST(launcher->started() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_worker_whose_disk_stays_full_gives_the_action_back_with_the_reason, faulty_node) {
  files->fault = [](disk_call which, const std::string& path) {
    return which == disk_call::make_folder && path == "root" ? ENOSPC : 0;
  };
  auto response = run(1min);
  BOOST_TEST(response.status().code() == static_cast<int>(errc::internal));
  BOOST_TEST(response.status().message().find("No space left") != std::string::npos,
             response.status().message());
  BOOST_TEST(medium->files_below("/kiln/run/actions").empty());
}

BOOST_FIXTURE_TEST_CASE(an_output_that_cannot_be_read_is_no_output_of_the_action, faulty_node) {
  scripted_process script;
  script.writes["out"] = "written";
  play(script);
  bool broken = true;
  files->fault = [&](disk_call which, const std::string& path) {
    return broken && which == disk_call::open && path == "out" ? EIO : 0;
  };
  auto call = execute_echo(kiln, "hello");
  kiln.pass(1s);
  BOOST_TEST(!call->end().has_value());
  broken = false;
  kiln.pass(10s);
  BOOST_TEST(response_of(*call).result().output_files_size() == 1);
  BOOST_TEST(launcher->started() >= 2u);
}

BOOST_FIXTURE_TEST_CASE(what_was_acknowledged_outlives_a_power_cut, faulty_node) {
  auto chance = make_seeded_random(5);
  for (int round = 0; round < 10; ++round) {
    const std::string content = "blob " + std::to_string(round);
    auto small = kiln.put(content);
    auto large = kiln.upload(content + std::string(200'000, 'x'), 70'000);
    BOOST_TEST_REQUIRE((small && large));
    cut_the_power(*chance, faulty_yaml);
    BOOST_TEST((kiln.download(*small) == content));
    BOOST_TEST((kiln.download(*large) == content + std::string(200'000, 'x')));
  }
}

BOOST_FIXTURE_TEST_CASE(a_disk_that_lies_about_syncs_loses_blobs_and_gives_no_wrong_bytes, faulty_node) {
  auto chance = make_seeded_random(5);
  files->lies_about_syncs = true;
  int lost = 0;
  for (int round = 0; round < 20; ++round) {
    const auto content = std::to_string(round) + std::string(200'000, 'x');
    auto blob = kiln.upload(content, 70'000);
    BOOST_TEST_REQUIRE(blob.has_value());
    cut_the_power(*chance, faulty_yaml);
    auto found = kiln.download(*blob);
    if (found) BOOST_TEST((*found == content));
    lost += found ? 0 : 1;
  }
  BOOST_TEST(lost > 0);
}

BOOST_AUTO_TEST_SUITE_END()
