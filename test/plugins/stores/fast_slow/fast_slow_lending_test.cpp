#include "test/harness/memory_disk.hpp"
#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(fast_slow_lending)

using namespace kiln::test::fast_slow_tests;
using contract::noise;

// A disk before memory, as a worker has a disk before a cache that is elsewhere.
struct disk_before_memory : both_stores {
  disk_before_memory() {
    system.use(std::make_shared<memory_disk>(system.time()));
    fast.promised.lends_files = true;
  }
  void open_disk(const std::string& capacity = "64MiB") {
    open("{type: filesystem, path: /fast, capacity: " + capacity + ", hot_memory: 0B}");
  }
};

BOOST_FIXTURE_TEST_CASE(files_are_lent_by_the_fast_store_once_it_has_been_filled, disk_before_memory) {
  open_disk();
  std::vector<digest> asked;
  for (std::uint64_t i = 0; i < 30; ++i) asked.push_back(put(slow, noise(2000 + i, i)));
  asked.push_back(put(slow, noise(3 << 20, 100)));
  asked.push_back(digest_of("absent"));
  auto lent = ask(lend_files{asked});
  BOOST_REQUIRE((lent && lent->results.size() == asked.size()));
  for (std::size_t i = 0; i + 1 < asked.size(); ++i) {
    BOOST_REQUIRE(lent->results[i].has_value());
    BOOST_TEST(has(fast, asked[i]));
  }
  BOOST_TEST((lent->results.back().error().code() == errc::not_found));
  // Small ones come in a batch, a large one by itself; the fast store is asked before and after.
  BOOST_TEST(slow.seen->of<read_blobs>() == 1U);
  BOOST_TEST(slow.seen->of<read_blob>() == 1U);
  BOOST_TEST(fast.seen->of<write_blobs>() == 1U);
  BOOST_TEST(fast.seen->of<lend_files>() == 2U);
  BOOST_TEST(slow.seen->of<lend_files>() == 0U);
}

BOOST_FIXTURE_TEST_CASE(what_the_fast_store_has_is_lent_without_the_slow_one, disk_before_memory) {
  open_disk();
  auto blob = put(fast, noise(2000));
  BOOST_TEST(ask(lend_files{{blob}})->results.at(0).has_value());
  BOOST_TEST(slow.seen->counts.empty());
}

BOOST_FIXTURE_TEST_CASE(what_is_filled_to_be_lent_does_not_push_out_what_was_before, disk_before_memory) {
  open_disk("2MiB");
  std::vector<digest> asked;
  for (std::uint64_t i = 0; i < 12; ++i) asked.push_back(put(slow, noise(100'000, i)));
  auto lent = ask(lend_files{asked});
  BOOST_REQUIRE(lent);
  for (const auto& one : lent->results) BOOST_TEST(one.has_value());
}

BOOST_FIXTURE_TEST_CASE(what_fits_no_more_into_the_fast_store_is_left_to_the_slow_one, disk_before_memory) {
  open_disk();
  fast.how->writes = error(errc::resource_exhausted, "the disk is full");
  auto small = put(slow, noise(2000)), large = put(slow, noise(3 << 20));
  auto lent = ask(lend_files{{small, large}});
  BOOST_REQUIRE(lent);
  for (const auto& one : lent->results) BOOST_TEST((one.error().code() == errc::unimplemented));
  BOOST_TEST(slow.seen->of<lend_files>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(few_blobs_are_fetched_at_once_however_many_are_to_be_lent, disk_before_memory) {
  open_disk();
  slow.how->hangs = true;
  lend_files order;
  for (std::uint64_t i = 0; i < 40; ++i) order.blobs.push_back(digest_of(noise((1 << 20) + 1 + i, i)));
  auto lent = begin(order);
  system.run();
  BOOST_TEST(slow.seen->of<read_blob>() == 16U);
  slow.how->hangs = false;
  slow.how->let_go();
  system.run();
  BOOST_TEST(lent->has_value());
}

BOOST_FIXTURE_TEST_CASE(a_blob_that_is_being_read_already_is_waited_for_and_not_fetched_again,
                        disk_before_memory) {
  open_disk();
  fed_slowly from(slow);
  const auto content = noise(2 << 20);
  auto reading = ask(read_blob{digest_of(content)});
  auto lent = begin(lend_files{{digest_of(content)}});
  from.feed(*this, content);
  BOOST_TEST(!lent->has_value());
  from.end(*this);
  BOOST_REQUIRE(lent->has_value());
  BOOST_TEST((**lent)->results.at(0).has_value());
  BOOST_TEST(slow.seen->of<read_blob>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_without_files_leaves_lending_to_the_slow_one, both_stores) {
  open();
  auto blob = put(slow, "abc");
  auto lent = ask(lend_files{{blob}});
  BOOST_TEST((!lent && lent.error().code() == errc::unimplemented));
  BOOST_TEST(fast.seen->counts.empty());
}

BOOST_FIXTURE_TEST_CASE(files_are_not_filled_where_reads_fill_nothing, disk_before_memory) {
  options.fast_direction = fill_direction::put;
  open_disk();
  auto blob = put(slow, "abc");
  BOOST_TEST((ask(lend_files{{blob}})->results.at(0).error().code() == errc::unimplemented));
  BOOST_TEST(!has(fast, blob));
}

BOOST_AUTO_TEST_SUITE_END()
