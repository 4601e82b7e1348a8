#include <boost/test/unit_test.hpp>
#include <string>

#include "actors/worker/fault_owners.hpp"
#include "core/contract/action.hpp"
#include "core/wire/message_limits.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

/// What a worker makes itself it holds to the limits by which others take it. What is too much is the
/// action's fault, is said once, and takes nothing away from what the command said.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(own_limits)

namespace {

v2::Command saying(const std::string& script, std::vector<std::string> outputs) {
  auto command = worker_bench::shell("echo said; echo complained >&2; " + script);
  for (auto& output : outputs) command.add_output_paths(std::move(output));
  return command;
}

/// `count` links in `folder`, each with a target of 4000 bytes.
std::string make_links(const std::string& folder, int count) {
  return "mkdir -p " + folder + "; python3 -c \"import os\nfor i in range(" + std::to_string(count) +
         "): os.symlink('" + folder + "' + 'x' * (4000 - len('" + folder + "')), '" + folder +
         "/%d' % i)\"; ";
}

bool tells(const action_outcome& outcome, const std::string& what) {
  return outcome.status.message().find(what) != std::string::npos;
}

void check_end(worker_bench& bench, const action_outcome& outcome) {
  BOOST_TEST(outcome.status.code() == errc::failed_precondition, outcome.status.to_string());
  BOOST_TEST((owner_of(outcome) == fault_owner::action));
  BOOST_TEST(bench.out_of(outcome) == "said\n");
  auto result = bench.result_of(outcome);
  BOOST_TEST(bench.get(result.stderr_digest()) == "complained\n");
  BOOST_TEST(outcome.result.size() <= std::size_t(largest::result.bytes));
}

}  // namespace

BOOST_AUTO_TEST_CASE(
    an_output_that_the_cache_can_never_hold_is_not_read_and_told_with_its_name_and_both_sizes) {
  worker_bench bench;  // its cache holds 256 MiB
  auto outcome = bench.run(saying("truncate -s 300M big", {"big"}));
  check_end(bench, outcome);
  BOOST_TEST(tells(outcome, "\"big\""), outcome.status.message());
  BOOST_TEST(tells(outcome, "314572800"), outcome.status.message());
  BOOST_TEST(tells(outcome, "268435456"), outcome.status.message());
}

BOOST_AUTO_TEST_CASE(outputs_that_the_cache_can_not_hold_together_are_refused_but_equal_ones_are_one) {
  worker_bench bench;
  auto equal = bench.run(saying("mkdir d; for i in 1 2 3; do truncate -s 100M d/$i; done", {"d"}));
  BOOST_TEST(equal.status.ok(), equal.status.to_string());
  auto different =
      bench.run(saying("mkdir d; for i in 1 2 3; do truncate -s 100M d/$i; echo $i >> d/$i; done", {"d"}));
  check_end(bench, different);
}

BOOST_AUTO_TEST_CASE(what_the_cache_refuses_as_too_large_ends_the_action_with_what_it_said) {
  worker_bench bench;
  // Below the capacity, and above what the cache takes: it needs a little for its bookkeeping.
  auto outcome = bench.run(saying("echo x > small; truncate -s 268435400 big", {"small", "big"}));
  check_end(bench, outcome);
  BOOST_TEST(tells(outcome, "\"big\" has 268435400 bytes, and the cache takes 268435200 at most"),
             outcome.status.message());
  BOOST_TEST(bench.result_of(outcome).output_files_size() == 0);
  // From now on this is known without a try.
  outcome = bench.run(saying("truncate -s 268435400 big", {"big"}));
  check_end(bench, outcome);
  BOOST_TEST(tells(outcome, "the cache holds 268435200 bytes"), outcome.status.message());
}

BOOST_AUTO_TEST_CASE(no_result_is_made_that_is_larger_than_clients_take) {
  worker_bench bench;
  std::vector<std::string> outputs;
  for (int i = 0; i < 1100; ++i) outputs.push_back("l/" + std::to_string(i));
  auto outcome = bench.run(saying(make_links("l", 1100), outputs));
  check_end(bench, outcome);
  BOOST_TEST(tells(outcome, "too many outputs"), outcome.status.message());
}

BOOST_AUTO_TEST_CASE(no_directory_is_made_that_is_larger_than_others_read) {
  worker_bench bench;
  auto outcome = bench.run(saying(make_links("d/sub", 4300), {"d"}));
  check_end(bench, outcome);
  BOOST_TEST(tells(outcome, "\"d/sub\""), outcome.status.message());
  BOOST_TEST(tells(outcome, std::to_string(largest::directory.bytes)), outcome.status.message());
}

BOOST_AUTO_TEST_CASE(no_tree_is_made_that_is_larger_than_others_read) {
  worker_bench bench;
  std::string script;
  for (int i = 0; i < 5; ++i) script += make_links("d/" + std::to_string(i), 4000);
  auto outcome = bench.run(saying(script, {"d"}));
  check_end(bench, outcome);
  BOOST_TEST(tells(outcome, "\"d\""), outcome.status.message());
  BOOST_TEST(tells(outcome, std::to_string(largest::tree.bytes)), outcome.status.message());
}

BOOST_AUTO_TEST_CASE(a_standard_stream_is_cut_where_its_limit_is) {
  worker_bench bench([](worker_options& options) { options.max_stream_size = {1000}; });
  auto outcome = bench.run(worker_bench::shell("head -c 5000 /dev/zero; echo complained >&2"));
  BOOST_TEST(outcome.status.code() == errc::failed_precondition);
  BOOST_TEST((owner_of(outcome) == fault_owner::action));
  BOOST_TEST(bench.out_of(outcome) == std::string(1000, '\0'));
  BOOST_TEST(bench.get(bench.result_of(outcome).stderr_digest()) == "complained\n");
}

BOOST_AUTO_TEST_CASE(more_outputs_than_are_allowed_take_nothing_from_what_was_said) {
  worker_bench bench([](worker_options& options) { options.max_output_entries = 10; });
  auto outcome = bench.run(saying("mkdir d; touch d/1 d/2 d/3 d/4 d/5 d/6 d/7 d/8 d/9 d/a d/b", {"d"}));
  check_end(bench, outcome);
  BOOST_TEST(tells(outcome, "more than 10 entries"), outcome.status.message());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
