#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/index_bench.hpp"

using namespace kiln;
using namespace kiln::filesystem;
using namespace kiln::filesystem::test;

BOOST_AUTO_TEST_SUITE(filesystem_index)

BOOST_AUTO_TEST_CASE(lets_go_in_the_order_of_use) {
  blob_index index(room_for(4), 1);
  for (std::uint64_t i = 0; i < 4; ++i) index.insert_file(blob(i), 1);
  index.use(*index.find(blob(0)));
  BOOST_TEST((evict(index, 2 * block) == std::vector{blob(1), blob(2)}));
  BOOST_TEST(index.find(blob(0)) != nullptr);
}

BOOST_AUTO_TEST_CASE(counts_a_file_with_its_blocks) {
  BOOST_TEST(blob_index::file_weight(0) == block);
  BOOST_TEST(blob_index::file_weight(1) == block);
  BOOST_TEST(blob_index::file_weight(block) == block);
  BOOST_TEST(blob_index::file_weight(block + 1) == 2 * block);
  blob_index index(room_for(10), 1);
  index.insert_file(blob(0), block + 1);
  BOOST_TEST(index.weight() == 2 * block);
  evicted_blobs gone;
  index.erase(*index.find(blob(0)), gone);
  BOOST_TEST(index.weight() == 0U);
  BOOST_TEST((gone.files == std::vector{blob(0)}));
}

BOOST_AUTO_TEST_CASE(reserves_nothing_that_pinned_blobs_and_other_writers_hold) {
  blob_index index(room_for(4), 1);
  index.insert_file(blob(0), 1);
  index.insert_file(blob(1), 1);
  auto serial = index.pin(*index.find(blob(0)));
  evicted_blobs gone;
  BOOST_TEST((index.reserve(2 * block, none_open, gone) == room::made));
  BOOST_TEST((index.reserve(2 * block, none_open, gone) == room::none));
  BOOST_TEST(gone.blobs.empty());
  BOOST_TEST((index.reserve(block, none_open, gone) == room::made));
  BOOST_TEST((gone.blobs == std::vector{blob(1)}));
  index.unpin(blob(0), serial);
  BOOST_TEST((index.reserve(block, none_open, gone) == room::made));
  BOOST_TEST(index.size() == 0U);
  BOOST_TEST(index.reserved() == 4 * block);
}

BOOST_AUTO_TEST_CASE(nothing_leaves_for_a_promise_and_nobody_else_gets_its_room) {
  blob_index index(room_for(4), 1);
  for (std::uint64_t i = 0; i < 4; ++i) index.insert_file(blob(i), 1);
  evicted_blobs gone;
  BOOST_TEST(index.promise(3 * block));
  BOOST_TEST(index.size() == 4U);
  BOOST_TEST(!index.promise(2 * block));
  BOOST_TEST((index.reserve(2 * block, none_open, gone) == room::none));
  BOOST_TEST((index.redeem(block, none_open, gone) == room::made));
  BOOST_TEST((gone.blobs == std::vector{blob(0)}));
  BOOST_TEST(index.reserved() == block);
  BOOST_TEST(index.promised() == 2 * block);
  index.take_back(2 * block);
  BOOST_TEST(index.promise(3 * block));
}

BOOST_AUTO_TEST_CASE(a_promise_is_not_kept_with_what_was_pinned_since) {
  blob_index index(room_for(2), 1);
  index.insert_file(blob(0), 1);
  BOOST_TEST(index.promise(2 * block));
  index.pin(*index.find(blob(0)));
  evicted_blobs gone;
  BOOST_TEST((index.redeem(block, none_open, gone) == room::made));
  BOOST_TEST((index.redeem(block, none_open, gone) == room::none));
  BOOST_TEST(index.find(blob(0)) != nullptr);
}

BOOST_AUTO_TEST_CASE(counts_pins_and_uses_what_the_last_one_released) {
  blob_index index(room_for(2), 1);
  index.insert_file(blob(0), 1);
  auto serial = index.pin(*index.find(blob(0)));
  index.pin(*index.find(blob(0)));
  index.insert_file(blob(1), 1);
  index.unpin(blob(0), serial);
  BOOST_TEST((evict(index, block) == std::vector{blob(1)}));
  index.insert_file(blob(2), 1);
  index.unpin(blob(0), serial);
  BOOST_TEST((evict(index, block) == std::vector{blob(2)}));
}

BOOST_AUTO_TEST_CASE(does_not_unpin_a_blob_that_came_anew) {
  blob_index index(room_for(2), 1);
  auto old_serial = index.pin(index.insert_file(blob(0), 1));
  evicted_blobs gone;
  index.erase(*index.find(blob(0)), gone);
  BOOST_TEST(index.pinned() == 0U);
  index.pin(index.insert_file(blob(0), 1));
  index.unpin(blob(0), old_serial);
  BOOST_TEST((index.reserve(2 * block, none_open, gone) == room::none));
  BOOST_TEST(index.find(blob(0)) != nullptr);
}

BOOST_AUTO_TEST_CASE(lets_go_first_of_what_was_not_used_since_the_start_and_of_that_the_oldest) {
  blob_index index(room_for(4), 1);
  index.insert_file(blob(0), 1);
  index.insert_old_file(blob(1), 1, index.hours_before(5));
  index.insert_old_file(blob(2), 1, index.hours_before(1'000'000));
  index.insert_old_file(blob(3), 1, index.hours_before(300));
  BOOST_TEST((evict(index, 2 * block) == std::vector{blob(2), blob(3)}));
  index.use(*index.find(blob(1)));
  BOOST_TEST((evict(index, 3 * block) == std::vector{blob(0)}));
}

BOOST_AUTO_TEST_CASE(keeps_hot_bytes_within_their_bound_and_drops_them_with_the_blob) {
  blob_index::limits bounds = room_for(1000);
  bounds.hot_memory = 3 * (1000 + hot_blobs::overhead);
  blob_index index(bounds, 1);
  for (std::uint64_t i = 0; i < 4; ++i)
    index.warm(index.insert_file(blob(i), 1000), bytes::adopt(std::string(1000, 'x')));
  BOOST_TEST(index.hot_weight() == bounds.hot_memory);
  BOOST_TEST((index.find(blob(0))->hot == 0));
  BOOST_TEST(index.hot(*index.find(blob(1))).size() == 1000U);
  index.warm(index.insert_file(blob(4), 1000), bytes::adopt(std::string(1000, 'x')));
  BOOST_TEST((index.find(blob(1))->hot != 0));
  evicted_blobs gone;
  for (std::uint64_t i = 0; i < 5; ++i) index.erase(*index.find(blob(i)), gone);
  BOOST_TEST(index.hot_weight() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
