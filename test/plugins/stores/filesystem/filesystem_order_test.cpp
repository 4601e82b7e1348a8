#include <malloc.h>

#include <boost/test/unit_test.hpp>
#include <random>
#include <set>

#include "test/plugins/stores/filesystem/index_model.hpp"

using namespace kiln;
using namespace kiln::filesystem;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(filesystem_order)

namespace {

constexpr std::uint64_t room_for_all = 32 << 20;
constexpr std::uint32_t small = 2000;
constexpr std::uint64_t bursts = std::uint64_t{1} << 40;  // numbers that no client uses

struct rates {
  double ours = 0;
  double plain = 0;
  double carried = 0;  // bytes moved for one that was written
};

enum class burst_of { files, packed };

// Two clients: one draws from more than there is room for, and brings what is missing; then the other begins
// to upload what nobody will ever ask for. How many of the first one's questions find something, meanwhile.
rates measure(double capacities, burst_of kind) {
  constexpr std::size_t keys = 2 * room_for_all / small;
  constexpr std::size_t asked_per_capacity = 100'000;
  constexpr std::uint64_t file = room_for_all / 100;
  std::mt19937_64 random(7);
  zipf draw(keys);
  modelled_store ours(room_for_all);
  plain_lru plain(room_for_all);
  std::uint64_t written = 0;
  std::uint64_t found = 0, found_plain = 0, asked = 0;
  auto ask = [&] {
    const digest blob = numbered(draw(std::generate_canonical<double, 53>(random)));
    ++asked;
    if (ours.use(blob)) {
      ++found;
    } else {
      BOOST_REQUIRE(ours.put_small(blob, small));
      written += record_size(small);
    }
    if (plain.use(blob))
      ++found_plain;
    else
      plain.put(blob, record_size(small));
  };
  for (std::size_t i = 0; i < 3 * asked_per_capacity; ++i) ask();
  found = found_plain = asked = written = 0;
  const std::uint64_t carried_before = ours.carried();
  const auto pieces = static_cast<std::uint64_t>(100 * capacities);
  for (std::uint64_t i = 0; i < pieces; ++i) {
    if (kind == burst_of::files) {
      BOOST_REQUIRE(ours.put_file(numbered(bursts + i), file));
      plain.put(numbered(bursts + i), blob_index::file_weight(file));
    } else {
      for (std::uint64_t j = 0; j < file / record_size(small); ++j) {
        BOOST_REQUIRE(ours.put_small(numbered(bursts + i * 1000 + j), small));
        plain.put(numbered(bursts + i * 1000 + j), record_size(small));
      }
    }
    written += file;
    for (std::size_t j = 0; j < asked_per_capacity / 100; ++j) ask();
  }
  BOOST_TEST(ours.max_on_disk() <= room_for_all);
  auto share = [](std::uint64_t part, std::uint64_t all) {
    return static_cast<double>(part) / static_cast<double>(all);
  };
  return {share(found, asked), share(found_plain, asked), share(ours.carried() - carried_before, written)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_client_finds_nearly_as_much_as_with_plain_lru_while_another_one_uploads) {
  for (auto kind : {burst_of::files, burst_of::packed})
    for (double capacities : {0.5, 1.0, 2.0}) {
      auto [ours, plain, carried] = measure(capacities, kind);
      BOOST_TEST_MESSAGE((kind == burst_of::files ? "files, " : "small ones, ")
                         << capacities << " capacities: found " << ours << ", with plain LRU " << plain
                         << "; moved for each byte written: " << carried);
      BOOST_TEST(plain > 0.3);
      BOOST_TEST(ours > plain - 0.05);
      BOOST_TEST(carried < 3);
    }
}

BOOST_AUTO_TEST_CASE(what_was_just_used_outlives_a_burst_of_half_the_capacity) {
  for (std::size_t at_once : {16U, 4096U}) {
    modelled_store store(room_for_all, SIZE_MAX, at_once);
    const std::uint64_t fits = room_for_all / record_size(small);
    for (std::uint64_t i = 0; i < 2 * fits; ++i) BOOST_REQUIRE(store.put_small(numbered(i), small));
    std::vector<digest> used;
    for (std::uint64_t i = fits; i < 2 * fits; i += 20)
      if (store.use(numbered(i))) used.push_back(numbered(i));
    BOOST_TEST(used.size() > fits / 20 / 10 * 9);
    for (std::uint64_t i = 0; i < 50; ++i)
      BOOST_REQUIRE(store.put_file(numbered(bursts + i), room_for_all / 100));
    std::size_t lost = 0;
    for (const auto& blob : used) lost += store.index.find(blob) == nullptr;
    BOOST_TEST(lost == 0U);
  }
}

// The bound is their number, and all of them together are a tenth of the bytes that there is room for.
BOOST_AUTO_TEST_CASE(what_is_in_use_outlives_others_where_their_number_is_the_bound) {
  constexpr std::uint64_t bound = 30'000;
  for (bool packed : {true, false}) {
    modelled_store store(packed ? room_for_all : 40 * room_for_all, bound);
    const auto put = [&](std::uint64_t number) {
      return packed ? store.put_small(numbered(number), 100) : store.put_file(numbered(number), 100);
    };
    for (std::uint64_t i = 0; i < bound; ++i) BOOST_REQUIRE(put(i));
    std::vector<digest> used;
    for (std::uint64_t i = bound / 2; used.size() < 200; ++i)
      if (store.use(numbered(i))) used.push_back(numbered(i));
    std::size_t lost = 0;
    for (std::uint64_t i = 0; i < 4 * bound; ++i) {
      BOOST_REQUIRE(put(bursts + i));
      lost += !store.use(used[i % used.size()]);
    }
    BOOST_TEST(lost == 0U);
    BOOST_TEST(store.index.size() <= bound + 1);
  }
}

BOOST_AUTO_TEST_CASE(a_few_pins_cost_no_more_room_than_they_hold) {
  modelled_store store(room_for_all);
  const std::uint64_t fits = room_for_all / record_size(small);
  for (std::uint64_t i = 0; i < fits / 10 * 9; ++i) BOOST_REQUIRE(store.put_small(numbered(i), small));
  std::vector<std::pair<digest, std::uint64_t>> held;
  for (std::uint64_t i = 0; i < fits / 10 * 9; i += 100)
    held.emplace_back(numbered(i), store.index.pin(*store.index.find(numbered(i))));
  // All but what is pinned, what is spare, and the pack that is being written to.
  const std::uint64_t large = store.index.space() - store.index.pinned() - 2 * store.pack_size();
  BOOST_TEST(store.put_file(numbered(bursts), large));
  for (const auto& [blob, serial] : held) {
    BOOST_REQUIRE(store.index.find(blob) != nullptr);
    BOOST_TEST(store.index.find(blob)->serial == serial);
    store.index.unpin(blob, serial);
  }
  BOOST_TEST(store.index.pinned() == 0U);
  BOOST_TEST(store.max_on_disk() <= room_for_all);
  BOOST_TEST(store.put_file(numbered(bursts + 1), large));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_moved_stays_and_is_tried_again_after_the_others) {
  modelled_store store(room_for_all);
  const std::uint64_t fits = room_for_all / record_size(small);
  for (std::uint64_t i = 0; i < fits / 10 * 9; ++i) BOOST_REQUIRE(store.put_small(numbered(i), small));
  for (std::uint64_t i = 0; i < fits / 10 * 9; i += 10) BOOST_REQUIRE(store.use(numbered(i)));
  const auto before = store.index.weight();
  std::set<std::uint64_t> tried;
  for (int reservations = 0; reservations < 10; ++reservations) {
    for (;;) {
      evicted_blobs gone;
      room answer = store.index.reserve(store.index.space(), store.open(), gone);
      if (answer == room::none) break;
      BOOST_REQUIRE((answer == room::soon || (answer == room::later && !gone.leaving.empty())));
      for (auto* pack : gone.leaving) {
        tried.insert(pack->file->number);
        evicted_blobs none;
        store.index.finish_leaving(*pack, none);
        BOOST_TEST(none.packs.empty());
      }
    }
  }
  BOOST_TEST(tried.size() > 10U);
  BOOST_TEST(store.index.weight() == before);  // the disk has it all
  for (std::uint64_t i = 0; i < fits / 10 * 9; i += 10) BOOST_REQUIRE(store.use(numbered(i)));
  BOOST_TEST(store.put_file(numbered(bursts), room_for_all / 2));
}

BOOST_AUTO_TEST_CASE(a_blob_takes_no_more_memory_than_is_told) {
  constexpr std::uint64_t count = 1'000'000;
  constexpr std::uint64_t records = 32'768;
  // What is mapped by itself is counted with all of its alignment, of which no page is ever touched.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  auto held = [] {
    const auto now = ::mallinfo2();
    return now.uordblks + now.hblkhd;
  };
  const std::size_t before = held();
  blob_index index({std::uint64_t{1} << 45}, 1);
  pack_ptr pack;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i % records == 0) pack = std::make_shared<pack_file>(pack_file{i / records + 1, {}});
    index.insert_packed(numbered(i), {pack, i % records * 1200 + 120, 1000, 0}, i);
  }
  const auto each = static_cast<double>(held() - before) / count;
  BOOST_TEST_MESSAGE("a blob takes " << each << " bytes of memory");
  BOOST_TEST(each <= blob_index::memory_of_blob);
}

BOOST_AUTO_TEST_CASE(finds_the_same_together_as_one_by_one) {
  modelled_store store(room_for_all);
  for (std::uint64_t i = 0; i < 3000; i += 3) BOOST_REQUIRE(store.put_small(numbered(i), small));
  evicted_blobs gone;
  for (std::uint64_t i = 0; i < 3000; i += 9) store.index.erase(*store.index.find(numbered(i)), gone);
  std::vector<digest> asked;
  for (std::uint64_t i = 0; i < 3000; ++i) asked.push_back(numbered(i));
  std::size_t next = 0;
  store.index.find_all(asked, [&](std::size_t place, std::uint64_t hash, blob_index::slot* found) {
    BOOST_REQUIRE(place == next++);
    BOOST_REQUIRE(hash == std::hash<digest>{}(asked[place]));
    BOOST_REQUIRE((found != nullptr) == (place % 3 == 0 && place % 9 != 0));
    BOOST_REQUIRE(found == store.index.find(asked[place]));
    if (found) BOOST_REQUIRE((store.index.name_of(*found) == asked[place]));
  });
  BOOST_TEST(next == asked.size());
}

BOOST_AUTO_TEST_CASE(tells_long_hashes_apart_that_begin_alike) {
  blob_index index({1 << 30}, 1);
  digest one = numbered(1);
  one.function = digest_function::sha512;
  one.hash.back() = 1;
  digest other = one;
  other.hash.back() = 2;
  index.insert_file(one, 10);
  BOOST_TEST(index.find(other) == nullptr);
  index.insert_file(other, 20);
  BOOST_TEST(index.find(one)->size() == 10U);
  BOOST_TEST(index.find(other)->size() == 20U);
  BOOST_TEST((index.name_of(*index.find(other)) == other));
}

BOOST_AUTO_TEST_CASE(holds_no_more_blobs_than_it_may_and_lets_the_oldest_go) {
  modelled_store store(room_for_all, 30'000);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    BOOST_REQUIRE(store.put_small(numbered(i), 100));
    BOOST_REQUIRE(store.use(numbered(0)));
  }
  BOOST_TEST(store.index.size() <= 30'001U);
  BOOST_TEST(store.index.size() > 20'000U);
  BOOST_TEST(store.use(numbered(99'999)));
}

BOOST_AUTO_TEST_SUITE_END()
