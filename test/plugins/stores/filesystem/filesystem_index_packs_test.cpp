#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/index_bench.hpp"

/// How packs leave, and what leaves beside them.
using namespace kiln;
using namespace kiln::filesystem;
using namespace kiln::filesystem::test;

BOOST_AUTO_TEST_SUITE(filesystem_index_packs)

BOOST_AUTO_TEST_CASE(drops_a_pack_as_a_whole_when_nothing_in_it_was_used_again) {
  blob_index index(room_for(4), 1);
  auto first = pack(1), second = pack(2);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(i), place(first, i), i);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(10 + i), place(second, i), 10 + i);
  evicted_blobs gone;
  BOOST_TEST((index.reserve(block, none_open, gone) == room::made));
  BOOST_TEST(gone.blobs.size() == 7U);
  BOOST_TEST((gone.packs == std::vector<std::uint64_t>{1}));
  BOOST_TEST(gone.files.empty());
  BOOST_TEST(index.find(blob(10)) != nullptr);
}

BOOST_AUTO_TEST_CASE(moves_on_what_was_used_since_its_pack_was_filled) {
  blob_index index(room_for(4), 1);
  auto first = pack(1), second = pack(2), third = pack(3);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(i), place(first, i), i);
  auto pinned = index.pin(*index.find(blob(5)));
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(10 + i), place(second, i), 10 + i);
  index.use(*index.find(blob(3)));
  evicted_blobs gone;
  BOOST_TEST((index.reserve(block, none_open, gone) == room::made));
  BOOST_TEST(gone.blobs.size() == 5U);
  BOOST_TEST(gone.packs.empty());
  BOOST_REQUIRE(gone.leaving.size() == 1);
  index.move(*index.find(blob(3)), place(third, 0));
  index.move(*index.find(blob(5)), place(third, 1));
  index.finish_leaving(*gone.leaving.front(), gone);
  BOOST_TEST((gone.packs == std::vector<std::uint64_t>{1}));
  BOOST_TEST(index.place_of(*index.find(blob(3))).in->number == 3U);
  index.unpin(blob(5), pinned);
  BOOST_TEST(index.pinned() == 0U);
}

// Else, after a kill in between, the older of two results would be back.
BOOST_AUTO_TEST_CASE(no_pack_leaves_before_an_older_one_with_a_record_that_it_replaced_has_left) {
  blob_index index(room_for(4), 1);
  auto first = pack(1), second = pack(2), third = pack(3);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(i), place(first, i), i);
  for (std::uint64_t i = 0; i < 7; ++i)
    index.insert_packed(blob(i == 0 ? 0 : 10 + i), place(second, i), 10 + i);
  auto pinned = index.pin(*index.find(blob(5)));
  evicted_blobs gone;
  BOOST_TEST((index.reserve(3 * block, none_open, gone) == room::later));
  BOOST_TEST(gone.packs.empty());
  BOOST_REQUIRE(gone.leaving.size() == 1);
  BOOST_TEST(gone.leaving.front()->file->number == 1U);
  BOOST_TEST(index.find(blob(0)) != nullptr);
  index.move(*index.find(blob(5)), place(third, 0));
  index.finish_leaving(*gone.leaving.front(), gone);
  BOOST_TEST((gone.packs == std::vector<std::uint64_t>{1}));
  BOOST_TEST((index.reserve(3 * block, 3, gone) == room::made));
  BOOST_TEST(gone.packs.size() == 2U);
  BOOST_TEST(index.find(blob(0)) == nullptr);
  index.unpin(blob(5), pinned);
}

// Others wait while blobs leave.
BOOST_AUTO_TEST_CASE(no_more_leave_in_one_turn_than_others_may_wait_for) {
  for (bool packed : {true, false}) {
    auto bounds = room_for(64);
    bounds.at_once = 3;
    blob_index index(bounds, 1);
    for (std::uint64_t n = 0; n < 8; ++n)
      for (std::uint64_t i = 0; i < 7; ++i)
        packed ? index.insert_packed(blob(10 * n + i), place(pack(n + 1), i), 10 * n + i)
               : index.insert_file(blob(10 * n + i), 1);
    std::size_t left = 0;
    room answer = room::soon;
    for (int turn = 0; answer == room::soon && turn < 100; ++turn) {
      evicted_blobs gone;
      answer = index.reserve(63 * block, none_open, gone);
      BOOST_TEST(gone.blobs.size() <= 3U);
      left += gone.blobs.size();
    }
    BOOST_TEST((answer == room::made));
    while (index.is_dropping()) {
      evicted_blobs gone;
      index.go_on_dropping(gone);
      left += gone.blobs.size();
    }
    BOOST_TEST(left + index.size() == 56U);
    BOOST_TEST(left >= 50U);
    BOOST_TEST(!index.is_leaving());
  }
}

BOOST_AUTO_TEST_CASE(what_is_wanted_while_the_blobs_of_its_pack_leave_stays) {
  auto bounds = room_for(4);
  bounds.at_once = 2;
  blob_index index(bounds, 1);
  auto first = pack(1), second = pack(2);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(i), place(first, i), i);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(10 + i), place(second, i), 10 + i);
  auto reserve = [&] {
    evicted_blobs gone;
    const room answer = index.reserve(2 * block, none_open, gone);
    return std::pair(answer, std::move(gone));
  };
  BOOST_TEST((reserve().first == room::soon));
  BOOST_TEST(index.is_dropping());
  BOOST_TEST(index.find(blob(1)) == nullptr);
  const auto pinned = index.pin(*index.find(blob(2)));
  evicted_blobs forgotten;
  index.erase(*index.find(blob(4)), forgotten);
  BOOST_TEST(forgotten.packs.empty());
  std::vector<held_pack*> leaving;
  for (int turn = 0; index.is_dropping() && turn < 10; ++turn) {
    auto [answer, gone] = reserve();
    if (answer == room::made) index.release(2 * block);
    leaving.insert(leaving.end(), gone.leaving.begin(), gone.leaving.end());
  }
  BOOST_REQUIRE(leaving.size() == 1U);
  BOOST_TEST(leaving.front()->file->number == 1U);
  BOOST_TEST(index.blobs_in(*leaving.front()).size() == 1U);
  BOOST_REQUIRE(index.find(blob(2)) != nullptr);
  index.move(*index.find(blob(2)), place(pack(3), 0));
  evicted_blobs gone;
  index.finish_leaving(*leaving.front(), gone);
  BOOST_TEST((gone.packs == std::vector<std::uint64_t>{1}));
  index.unpin(blob(2), pinned);
}

// The disk may take it by now.
BOOST_AUTO_TEST_CASE(what_could_not_be_moved_after_all_were_served_is_tried_again_for_the_next) {
  blob_index index(room_for(4), 1);
  auto first = pack(1), second = pack(2);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(i), place(first, i), i);
  for (std::uint64_t i = 0; i < 7; ++i)
    index.insert_packed(blob(i == 0 ? 0 : 10 + i), place(second, i), 10 + i);
  const auto pinned = index.pin(*index.find(blob(5)));
  auto leaves = [&](std::uint64_t weight, room expected) {
    evicted_blobs gone;
    BOOST_TEST((index.reserve(weight, none_open, gone) == expected));
    BOOST_REQUIRE(gone.leaving.size() == 1U);
    BOOST_TEST(gone.leaving.front()->file->number == 1U);
    return gone.leaving.front();
  };
  evicted_blobs gone;
  auto* leaving = leaves(block, room::made);
  index.release(block);
  index.finish_leaving(*leaving, gone);  // not moved, and nobody waits for it
  leaving = leaves(3 * block, room::later);
  index.finish_leaving(*leaving, gone);  // nor for this one
  BOOST_TEST((index.reserve(3 * block, none_open, gone) == room::none));
  leaving = leaves(3 * block, room::later);
  index.move(*index.find(blob(5)), place(pack(3), 0));
  index.finish_leaving(*leaving, gone);
  BOOST_TEST((gone.packs == std::vector<std::uint64_t>{1}));
  BOOST_TEST((index.reserve(block, none_open, gone) == room::made));
  index.unpin(blob(5), pinned);
}

BOOST_AUTO_TEST_CASE(never_drops_the_pack_that_is_being_written) {
  blob_index index(room_for(4), 1);
  auto open = pack(7);
  for (std::uint64_t i = 0; i < 14; ++i) index.insert_packed(blob(i), place(open, i), i);
  evicted_blobs gone;
  BOOST_TEST((index.reserve(2 * block, 7, gone) == room::none));
  BOOST_TEST((index.reserve(2 * block, 8, gone) == room::made));
}

BOOST_AUTO_TEST_CASE(lets_go_of_the_older_end_whether_file_or_pack) {
  blob_index index(room_for(8), 1);
  auto first = pack(1), second = pack(2);
  index.insert_file(blob(100), 1);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(i), place(first, i), i);
  index.insert_file(blob(101), 1);
  for (std::uint64_t i = 0; i < 7; ++i) index.insert_packed(blob(10 + i), place(second, i), 10 + i);
  BOOST_TEST((evict(index, 3 * block) == std::vector{blob(100)}));
  BOOST_TEST(evict(index, 4 * block).size() == 7U);
  BOOST_TEST((evict(index, 6 * block) == std::vector{blob(101)}));
}

BOOST_AUTO_TEST_CASE(drops_lent_copies_before_any_blob) {
  blob_index index(room_for(3), 1);
  auto first = pack(1);
  for (std::uint64_t i = 0; i < 3; ++i) index.insert_packed(blob(i), place(first, i), i);
  index.add_copy(*index.find(blob(0)));
  index.add_copy(*index.find(blob(1)));
  auto pinned = index.pin(*index.find(blob(1)));
  const auto before = index.weight();
  evicted_blobs gone;
  BOOST_TEST((index.reserve(block, none_open, gone) == room::made));
  BOOST_TEST((gone.copies == std::vector{blob(0)}));
  BOOST_TEST(gone.blobs.empty());
  BOOST_TEST(index.weight() == before - block);
  index.unpin(blob(1), pinned);
}

BOOST_AUTO_TEST_CASE(counts_records_that_are_no_blobs_and_lets_go_of_packs_of_nothing_else) {
  blob_index index(room_for(2), 1);
  index.count_record(place(pack(1), 0));
  BOOST_TEST(index.weight() == place(nullptr, 0).offset + 1000);
  index.count_record(place(pack(1), 0));
  BOOST_TEST(index.weight() == place(nullptr, 0).offset + 1000);
  evicted_blobs gone;
  BOOST_TEST((index.reserve(2 * block, none_open, gone) == room::made));
  BOOST_TEST((gone.packs == std::vector<std::uint64_t>{1}));
  BOOST_TEST(index.weight() == 0U);
}

BOOST_AUTO_TEST_CASE(counts_the_newest_record_of_a_result_in_whatever_order_packs_are_loaded) {
  auto load = [](bool newest_first) {
    auto index = std::make_unique<blob_index>(room_for(100), 10);
    held_pack& old = index->insert_old_pack(pack(1), 4000, index->hours_before(5));
    held_pack& young = index->insert_old_pack(pack(2), 4000, index->hours_before(1));
    record first{blob(0), 5, 0, 10, record_kind::blob, 80}, second{blob(0), 9, 0, 20, record_kind::blob, 80};
    record erased{blob(1), 7, 0, 0, record_kind::tombstone, 200},
        before{blob(1), 6, 0, 30, record_kind::blob, 300};
    record after{blob(2), 8, 0, 40, record_kind::blob, 400},
        earlier{blob(2), 7, 0, 0, record_kind::tombstone, 500};
    auto load_old = [&] {
      for (const auto& one : {first, before, earlier}) index->insert_old_packed(old, one);
    };
    auto load_young = [&] {
      for (const auto& one : {second, erased, after}) index->insert_old_packed(young, one);
    };
    newest_first ? (load_young(), load_old()) : (load_old(), load_young());
    return index;
  };
  for (bool newest_first : {true, false}) {
    auto index = load(newest_first);
    BOOST_REQUIRE(index->find(blob(0)) != nullptr);
    BOOST_TEST(index->find(blob(0))->size() == 20U);
    BOOST_TEST(index->find(blob(1)) == nullptr);
    BOOST_TEST(index->find(blob(2)) != nullptr);
    BOOST_TEST(index->next_sequence() > 9U);
  }
}

// Its records must leave before what replaced one of them, but they were used no less lately for that.
BOOST_AUTO_TEST_CASE(what_is_used_in_a_pack_stays_when_that_was_passed_over_and_became_stale) {
  constexpr std::uint64_t packs = 10, in_each = 20;
  blob_index index(room_for(60), 1);
  for (std::uint64_t number = 1; number <= packs; ++number) {
    auto file = pack(number);
    for (std::uint64_t n = 0; n < in_each; ++n)
      index.insert_packed(blob(number * 100 + n), place(file, n), index.next_sequence());
  }
  for (std::uint64_t n = 0; n < in_each; ++n) index.use(*index.find(blob(100 + n)));
  const std::uint64_t free = index.space() - index.weight();
  evicted_blobs gone;
  BOOST_TEST((index.reserve(free + 1, none_open, gone) == room::made));
  BOOST_TEST(!index.find_pack(2));  // the first was passed over
  BOOST_REQUIRE(index.find_pack(1));
  index.release(free + 1);
  index.insert_packed(blob(100), place(pack(packs + 1), 0), index.next_sequence());
  const std::uint64_t still_free = index.space() - index.weight();
  gone = {};
  (void)index.reserve(still_free + 1, none_open, gone);
  BOOST_TEST(gone.leaving.size() == 1U);
  for (std::uint64_t n = 0; n < in_each; ++n) BOOST_TEST(index.find(blob(100 + n)) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
