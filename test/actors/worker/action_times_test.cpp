#include <boost/test/unit_test.hpp>

#include "core/wire/times.hpp"
#include "test/actors/worker/sandbox_bench.hpp"

/// How long the parts of an action took, as its result tells.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(action_times)

BOOST_FIXTURE_TEST_CASE(a_result_tells_how_long_all_took_that_has_no_name_in_the_protocol, worker_bench) {
  v2::Directory root;
  add_file(root, "input", "content");
  auto command = shell("cat input > out");
  command.add_output_paths("out");
  auto result = result_of(run(command, root));
  auto facts = facts_of(result);
  BOOST_TEST(facts.has_obtaining_time());
  BOOST_TEST(facts.has_preparing_time());
  BOOST_TEST(facts.has_collecting_time());
  const auto& data = result.execution_metadata();
  auto span = [](const auto& from, const auto& to) {
    return lenient_from_wire(to) - lenient_from_wire(from);
  };
  const auto obtaining = lenient_from_wire(facts.obtaining_time());
  const auto preparing = lenient_from_wire(facts.preparing_time());
  const auto collecting = lenient_from_wire(facts.collecting_time());
  BOOST_TEST((obtaining + preparing ==
              span(data.input_fetch_start_timestamp(), data.input_fetch_completed_timestamp())));
  BOOST_TEST(
      (collecting == span(data.execution_completed_timestamp(), data.output_upload_start_timestamp())));
  BOOST_TEST((obtaining + preparing + collecting <=
              span(data.worker_start_timestamp(), data.worker_completed_timestamp())));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace kiln::test
