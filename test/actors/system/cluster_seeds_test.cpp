#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>

#include "core/digest/hasher.hpp"
#include "test/actors/system/simulation.hpp"
#include "test/harness/temporary_folder.hpp"

/// A whole node under seeds: disks that fail, processes that do what they like, clients that vanish, power
/// cuts; and whatever happens, no wrong bytes, no lost blob, no call without an end, nothing left behind.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(cluster_seeds)

namespace {

constexpr int steps = 40;

/// KILN_SEEDS says how many seeds, KILN_SEED which one alone.
std::uint64_t number_in(const char* variable, std::uint64_t otherwise) {
  const char* said = std::getenv(variable);
  return said == nullptr ? otherwise : std::strtoull(said, nullptr, 10);
}

std::string trace_of(std::uint64_t seed) {
  simulation life(seed);
  life.live(steps);
  auto done = life.done();
  return fmt::format("{} turns, {:016x}, log {}", done.steps, done.fingerprint, digest_of(life.log_lines()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_happens_no_blob_is_wrong_or_lost_and_everything_ends) {
  const auto alone = number_in("KILN_SEED", 0);
  const auto first = alone != 0 ? alone : 1;
  const auto last = alone != 0 ? alone : number_in("KILN_SEEDS", 1000);
  std::map<std::string, int> counts;
  for (auto seed = first; seed <= last; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed << ": KILN_SEED=" << seed << " repeats it") {
      simulation life(seed);
      life.live(steps);
      BOOST_TEST(life.breaches().empty());
      for (const auto& breach : life.breaches()) BOOST_ERROR(breach);
      if (alone != 0) BOOST_TEST_MESSAGE(life.log_lines());
      for (const auto& [what, count] : life.counts()) counts[what] += count;
    }
  }
  for (const auto& [what, count] : counts) BOOST_TEST_MESSAGE(what << ": " << count);
}

// Addresses differ from process to process: nothing may be ordered by them.
BOOST_AUTO_TEST_CASE(a_seed_does_the_same_in_another_process) {
  if (const char* there = std::getenv("KILN_TRACE_TO")) {
    std::ofstream(there) << trace_of(11) << trace_of(12);
    return;
  }
  temporary_folder folder;
  std::vector<std::string> traces;
  for (const char* name : {"one", "two"}) {
    const auto there = (folder / name).string();
    const auto command = "KILN_TRACE_TO='" + there +
                         "' /proc/self/exe --run_test=cluster_seeds/a_seed_does_the_same_in_another_process";
    // The shell is another program: it is told who we are.
    const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
    auto whole = command;
    whole.replace(whole.find("/proc/self/exe"), 14, "'" + self + "'");
    BOOST_TEST_REQUIRE(std::system((whole + " > /dev/null").c_str()) == 0);
    std::ifstream from(there);
    traces.emplace_back(std::istreambuf_iterator<char>(from), std::istreambuf_iterator<char>());
  }
  BOOST_TEST(!traces[0].empty());
  BOOST_TEST(traces[0] == traces[1]);
  BOOST_TEST(traces[0] == trace_of(11) + trace_of(12));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
