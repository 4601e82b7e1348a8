#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/kit/chaos.hpp"
#include "test/plugins/stores/shard/shard_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(shard_model)

using namespace kiln::test::shard_tests;

const error broken(errc::unavailable, "it is broken");

// Three parts of which one is new: some move, to one of two old homes' loss, and some stay.
struct growing_shards : shards {
  growing_shards(store_role role, std::uint64_t seed) : shards(seed, pick::by_seed) {
    what = role;
    open_over({named("a"), named("b", 2), named("new", 4)}, {named("a"), named("b", 2)});
  }
  std::string old_home_of(const digest& name) const {
    return shard::rendezvous({{"a", 1}, {"b", 2}}).home_of(name) == 0 ? "a" : "b";
  }
};

static std::string run_chaos(store_role role, std::uint64_t seed, int steps, std::uint64_t& moved) {
  growing_shards on(role, seed);
  chaos<growing_shards> all(on, seed * 7919);
  for (int i = 0; i < 40; ++i) {
    const auto content = "content " + std::to_string(i);
    const auto name = digest_of(content);
    all.set_content(name, content);
    const bool was_there = i % 2 == 0;
    all.know(name, was_there ? 1 : 0);
    if (was_there) on.plant(on.old_home_of(name), name, all.content_of(name, 1));
  }
  all.run(steps, [&](std::mt19937_64& random) {
    auto& one = std::next(on.all().begin(), static_cast<std::ptrdiff_t>(random() % 3))->second;
    auto& faults = *one.how;
    if (!faults.faults.empty()) return faults.faults.clear();
    switch (random() % 4) {
      case 0:
        return faults.fail_with<write_blob>(broken);
      case 1:
        return faults.fail_with<forget_blob>(broken);
      case 2:
        return faults.fail_with<write_blobs>({errc::resource_exhausted, "full"});
      default:
        return faults.fail_with<read_blob>(broken);
    }
  });
  moved += on.moved();
  return all.fault;
}

BOOST_AUTO_TEST_CASE(no_acknowledged_blob_is_lost_and_none_comes_back_while_blobs_move) {
  std::uint64_t moved = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto fault = run_chaos(store_role::content, seed, 400, moved);
    BOOST_REQUIRE_MESSAGE(fault.empty(), "seed " << seed << ": " << fault);
  }
  BOOST_TEST(moved > 100U);
}

BOOST_AUTO_TEST_CASE(no_older_result_answers_once_a_newer_one_was_acknowledged_while_results_move) {
  std::uint64_t moved = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto fault = run_chaos(store_role::results, seed, 400, moved);
    BOOST_REQUIRE_MESSAGE(fault.empty(), "seed " << seed << ": " << fault);
  }
  BOOST_TEST(moved > 100U);
}

BOOST_AUTO_TEST_SUITE_END()
