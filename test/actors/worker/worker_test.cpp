#include <boost/test/unit_test.hpp>

#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {

BOOST_AUTO_TEST_SUITE(worker)

BOOST_AUTO_TEST_CASE(runs_a_command_and_reports_what_it_wrote) {
  worker_bench bench;
  auto command = bench.shell("echo hello; echo oops >&2; printf made > out.txt; exit 3");
  command.add_output_paths("out.txt");
  auto outcome = bench.run(command);
  BOOST_TEST(outcome.status.to_string() == "OK: ");
  BOOST_TEST(outcome.exit_code == 3);
  auto result = bench.result_of(outcome);
  BOOST_TEST(result.exit_code() == 3);
  BOOST_TEST(bench.get(result.stdout_digest()) == "hello\n");
  BOOST_TEST(bench.get(result.stderr_digest()) == "oops\n");
  BOOST_REQUIRE(result.output_files_size() == 1);
  BOOST_TEST(result.output_files(0).path() == "out.txt");
  BOOST_TEST(bench.get(result.output_files(0).digest()) == "made");
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
