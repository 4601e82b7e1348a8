#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/kit/chaos.hpp"
#include "test/plugins/stores/mirror/mirror_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(mirror_model)

using namespace kiln::test::mirror_tests;

const error broken(errc::unavailable, "it is broken");

// One store at a time is away or full: a mirror of two bears that. (Asked what is missing, it takes the word
// of the one that answers: what that has forgotten is then written again.)
static std::string run_mirror_chaos(store_role role, std::uint64_t seed, int steps) {
  mirrored on(mirror_writes::all, role, seed, pick::by_seed);
  chaos<mirrored> all(on, seed * 104729);
  for (int i = 0; i < 30; ++i) {
    const auto content = "content " + std::to_string(i);
    const auto name = digest_of(content);
    all.set_content(name, content);
    all.know(name, i % 2);
    if (i % 2 == 1)
      for (const auto* side : {"near", "far"}) on.plant(side, name, all.content_of(name, 1));
  }
  all.run(steps, [&](std::mt19937_64& random) {
    auto& faulty = random() % 2 == 0 ? on.near() : on.far();
    for (auto* one : {&on.near(), &on.far()})
      if (!one->how->faults.empty()) return one->how->faults.clear();
    auto& faults = *faulty.how;
    switch (random() % 3) {
      case 0:
        faults.fail_with<write_blob>(broken);
        return faults.fail_with<write_blobs>(broken);
      case 1:
        faults.fail_with<write_blobs>({errc::resource_exhausted, "full"});
        return faults.fail_with<write_blob>({errc::resource_exhausted, "full"});
      default:
        faults.fail_with<read_blob>(broken);
        return faults.fail_with<read_blobs>(broken);
    }
  });
  return all.fault;
}

BOOST_AUTO_TEST_CASE(what_a_mirror_acknowledged_is_read_whichever_store_fails) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto fault = run_mirror_chaos(store_role::content, seed, 400);
    BOOST_REQUIRE_MESSAGE(fault.empty(), "seed " << seed << ": " << fault);
  }
}

BOOST_AUTO_TEST_CASE(no_older_result_answers_once_a_mirror_acknowledged_a_newer_one) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto fault = run_mirror_chaos(store_role::results, seed, 400);
    BOOST_REQUIRE_MESSAGE(fault.empty(), "seed " << seed << ": " << fault);
  }
}

// Writers of one result that overlap leave the same in both stores, whatever the order was here and there.
BOOST_AUTO_TEST_CASE(two_stores_agree_once_all_writers_of_a_result_have_ended) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    mirrored_results on(seed, pick::by_seed);
    std::mt19937_64 random(seed);
    bool is_over = false;
    for (auto* one : {&on.near(), &on.far()})
      one->how->is_slow = [&] { return !is_over && random() % 2 == 0; };
    std::vector<std::shared_ptr<std::optional<expected<receipt>>>> writers;
    for (int i = 0; i < 6; ++i) {
      writers.push_back(on.begin(write_blob{on.action, contract::deliver(std::to_string(i))}));
      on.system.run_some(random() % 30);
      auto& waiting = (random() % 2 == 0 ? on.near() : on.far()).how->waiting;
      if (!waiting.empty() && random() % 3 != 0) {
        waiting.back()();
        waiting.pop_back();
      }
    }
    is_over = true;
    while (!on.near().how->waiting.empty() || !on.far().how->waiting.empty()) {
      auto& waiting = on.far().how->waiting.empty() ? on.near().how->waiting : on.far().how->waiting;
      waiting.back()();
      waiting.pop_back();
      on.system.run();
    }
    on.system.run();
    for (const auto& one : writers) BOOST_REQUIRE(said(one) == "OK");
    // The second store may have been told to forget the last one, too: then it is mended when somebody asks.
    BOOST_REQUIRE(!on.is_missing(on.action));
    BOOST_REQUIRE_MESSAGE(on.now_in("near") == on.now_in("far"), "seed " << seed);
    BOOST_REQUIRE(on.now_in("near") != "none");
  }
}

BOOST_AUTO_TEST_SUITE_END()
