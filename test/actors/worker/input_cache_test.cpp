#include "actors/worker/inputs/input_cache.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "core/digest/hasher.hpp"
#include "test/actors/worker/stalling_store.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/scarce_memory.hpp"
#include "test/harness/seen_orders.hpp"
#include "test/harness/temporary_folder.hpp"

namespace kiln::test {
namespace input_cache {

using namespace std::chrono_literals;

/// A input cache whose store has no files to lend, so that each input that is lent is a file of the input
/// cache's own.
struct input_cache_bench : deterministic_system {
  temporary_folder folder;
  std::shared_ptr<thread_pool> pool = env().pools->make("hands", 1);
  std::shared_ptr<work_root> root =
      work_root::open(system_disk(), folder.path() / "work", pool, nullptr).value();
  store_actor cas = own(spawn_store("{type: memory, capacity: 64MiB}"));
  input_cache_actor input_cache =
      own(spawn_input_cache(actors(), {env(), cas, store_actor(), root, pool, 1 << 20}));

  std::vector<digest> put(int count) {
    std::vector<digest> blobs;
    for (int i = 0; i < count; ++i) {
      auto text = "input " + std::to_string(i);
      blobs.push_back(digest_of(text));
      BOOST_TEST_REQUIRE(
          ask<receipt>(cas, write_blob{blobs.back(), source_of(bytes::copy_of(text))}).has_value());
    }
    return blobs;
  }
  std::vector<lent_input_ptr> borrow(const std::vector<digest>& blobs) {
    borrow_inputs order;
    for (const auto& blob : blobs) order.inputs.push_back({blob});
    return ask<borrowed_inputs>(input_cache, std::move(order)).value().inputs;
  }
  static std::vector<std::string> paths(const std::vector<lent_input_ptr>& inputs) {
    std::vector<std::string> all;
    for (const auto& one : inputs) all.push_back(one->path);
    return all;
  }
  std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(root->blobs_path()), {});
  }
};

}  // namespace input_cache

BOOST_FIXTURE_TEST_SUITE(input_cache, input_cache_bench)

BOOST_AUTO_TEST_CASE(inputs_stay_lent_for_the_next_action) {
  auto blobs = put(3);
  auto first = paths(borrow(blobs));
  pass(9min);
  BOOST_TEST(paths(borrow(blobs)) == first, boost::test_tools::per_element());
  BOOST_TEST(files() == 3);
}

// They cannot be evicted as long as they are lent.
BOOST_AUTO_TEST_CASE(inputs_that_nobody_wants_any_more_are_given_back_though_nothing_happens) {
  borrow(put(200));
  pass(8min);
  BOOST_TEST(files() == 200);
  pass(4min);
  BOOST_TEST(files() == 0);
}

BOOST_AUTO_TEST_CASE(an_input_that_an_action_holds_is_not_given_back) {
  auto held = borrow(put(1));
  pass(1h);
  BOOST_TEST(std::filesystem::exists(held.front()->path));
}

// The input cache is there for all actions: one of very many inputs must not end it for the others.
BOOST_AUTO_TEST_CASE(inputs_for_which_there_is_no_memory_are_refused_and_others_lent) {
  borrow_inputs order;
  for (const auto& blob : put(5000)) order.inputs.push_back({blob});
  for (std::size_t which = 1;; ++which) {
    auto again = order;
    bool felt = false;
    auto answer = [&] {
      scarce_memory scarce(64 << 10, which);
      auto result = ask<borrowed_inputs>(input_cache, std::move(again));
      felt = scarce.was_felt();
      return result;
    }();
    BOOST_TEST_CONTEXT("allocation " << which) {
      // It may have been the store's memory as well, which says so with INTERNAL.
      const auto code = answer ? errc::ok : answer.error().code();
      BOOST_TEST((code == errc::ok || (felt && (code == errc::resource_exhausted || code == errc::internal))),
                 (answer ? "" : answer.error().to_string()));
      BOOST_TEST(borrow(put(3)).size() == 3U);
    }
    BOOST_TEST_REQUIRE(which < 1000U);
    if (!felt) break;
  }
}

// Each is a round trip at least: over a long wire few at a time take for ever. Nor may they be too many.
BOOST_AUTO_TEST_CASE(large_inputs_are_fetched_in_a_window_of_128) {
  auto stalled = spawn_stalling_store(actors(), cas);
  stalled.hold<read_blob>();
  auto seen = std::make_shared<seen_orders>();
  auto far = own(kiln::spawn_store<watching_store>(actors(), env(), stalled.actor, seen));
  auto fetching = own(spawn_input_cache(actors(), {env(), far, store_actor(), root, pool, 1 << 20}));
  borrow_inputs order;
  for (int i = 0; i < 300; ++i) {
    order.inputs.push_back({digest_of("absent " + std::to_string(i))});
    order.inputs.back().blob.size = 2 << 20;
  }
  auto heard = begin<borrowed_inputs>(fetching, order);
  run();
  BOOST_TEST(seen->of<read_blob>() == 128U);
  stalled.let_through();
  run();
  BOOST_TEST(seen->of<read_blob>() == 300U);
  BOOST_REQUIRE(*heard);
  BOOST_REQUIRE(**heard);
  for (const auto& one : (**heard)->inputs) BOOST_TEST(!one);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
