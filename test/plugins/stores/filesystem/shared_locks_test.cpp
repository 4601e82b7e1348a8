#include <stdlib.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "plugins/stores/filesystem/shared/usage_file.hpp"
#include "test/contract/scratch.hpp"
#include "test/harness/faulty_disk.hpp"
#include "test/plugins/stores/filesystem/lock_order.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace kiln::filesystem;

BOOST_AUTO_TEST_SUITE(filesystem_shared_locks)

namespace {

struct lock_folder {
  lock_folder() {
    std::string name = (contract::scratch_place() / "kiln-locks-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
    folder = std::move(*disk.open_folder(path));
  }
  ~lock_folder() { std::filesystem::remove_all(path); }

  std::unique_ptr<lock_table> table(lock_mode mode = lock_mode::fine, lock_watcher* watcher = nullptr) {
    auto files = lock_files::open(disk, folder, mode, tables++);
    BOOST_REQUIRE(files);
    return std::make_unique<lock_table>(std::move(*files), watcher);
  }
  /// Of an empty folder, once somebody has counted it.
  usage_file usage(unsigned slot, lock_mode mode = lock_mode::fine) {
    auto file = usage_file::open(disk, folder, mode, slot);
    BOOST_REQUIRE(file);
    const auto doubted = file->read()->in_doubt;
    for (unsigned part : doubted)
      BOOST_REQUIRE(
          file->settle_doubt(part, [](unsigned) -> disk_result<part_usage> { return part_usage{}; }));
    return std::move(*file);
  }

  faulty_disk disk;
  std::string path;
  descriptor folder;
  unsigned tables = 0;
};

bool takes(lock_table& by, lock_owner who, const lock_name& which, lock_kind kind) {
  auto taken = by.try_lock(who, which, kind);
  BOOST_REQUIRE(taken);
  return *taken;
}

const digest one = digest_of("one"), two = digest_of("two");
constexpr auto shared = lock_kind::shared;
constexpr auto alone = lock_kind::exclusive;

usage_file::recount counted(std::uint64_t bytes, std::uint64_t blobs, int* calls = nullptr) {
  return [=](unsigned) -> disk_result<part_usage> {
    if (calls) ++*calls;
    return part_usage{bytes, blobs};
  };
}

std::string text_of_usage(const lock_folder& in) {
  std::ifstream file(in.path + "/usage", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// In place, for others have it open.
void put_usage(const lock_folder& in, const std::string& text) {
  std::fstream file(in.path + "/usage", std::ios::binary | std::ios::in | std::ios::out);
  file << text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_lock_of_one_process_keeps_the_others_out_and_no_other_lock) {
  lock_folder in;
  auto a = in.table(), b = in.table();
  BOOST_TEST(takes(*a, 1, presence_of(one), alone));
  BOOST_TEST(!takes(*b, 1, presence_of(one), alone));
  BOOST_TEST(!takes(*b, 1, presence_of(one), shared));
  BOOST_TEST(takes(*b, 1, construction_of(one), alone));
  BOOST_TEST(takes(*b, 1, presence_of(two), alone));
  a->unlock(1, presence_of(one));
  BOOST_TEST(takes(*b, 2, presence_of(one), alone));
}

BOOST_AUTO_TEST_CASE(shared_locks_bear_one_another_and_nothing_else) {
  lock_folder in;
  auto a = in.table(), b = in.table();
  BOOST_TEST(takes(*a, 1, presence_of(one), shared));
  BOOST_TEST(takes(*a, 2, presence_of(one), shared));
  BOOST_TEST(takes(*b, 1, presence_of(one), shared));
  BOOST_TEST(!takes(*a, 3, presence_of(one), alone));
  BOOST_TEST(!takes(*b, 2, presence_of(one), alone));
  a->unlock(1, presence_of(one));
  b->unlock(1, presence_of(one));
  BOOST_TEST(!takes(*b, 2, presence_of(one), alone));
  a->unlock(2, presence_of(one));
  BOOST_TEST(takes(*b, 2, presence_of(one), alone));
}

// The kernel gives a lock to whoever has the file open: only the table keeps its own process in order.
BOOST_AUTO_TEST_CASE(a_process_is_kept_out_by_its_own_locks) {
  lock_folder in;
  auto a = in.table();
  BOOST_TEST(takes(*a, 1, construction_of(one), alone));
  BOOST_TEST(!takes(*a, 2, construction_of(one), alone));
  BOOST_TEST(!takes(*a, 2, construction_of(one), shared));
  a->unlock(1, construction_of(one));
  BOOST_TEST(takes(*a, 2, construction_of(one), alone));
}

BOOST_AUTO_TEST_CASE(locks_vanish_with_who_held_them) {
  lock_folder in;
  auto a = in.table(), b = in.table();
  BOOST_TEST(takes(*a, 1, presence_of(one), alone));
  BOOST_TEST(takes(*a, 1, eviction_lease(), alone));
  a.reset();
  BOOST_TEST(takes(*b, 1, presence_of(one), alone));
  BOOST_TEST(takes(*b, 1, eviction_lease(), alone));
}

BOOST_AUTO_TEST_CASE(the_lease_is_one_process_s_in_either_mode) {
  for (auto mode : {lock_mode::fine, lock_mode::coarse}) {
    lock_folder in;
    auto a = in.table(mode), b = in.table(mode);
    BOOST_TEST(takes(*a, 1, eviction_lease(), alone));
    BOOST_TEST(!takes(*b, 1, eviction_lease(), alone));
    a->unlock(1, eviction_lease());
    BOOST_TEST(takes(*b, 1, eviction_lease(), alone));
  }
}

BOOST_AUTO_TEST_CASE(coarse_locks_are_one_for_all_blobs_of_a_process) {
  lock_folder in;
  auto a = in.table(lock_mode::coarse), b = in.table(lock_mode::coarse);
  BOOST_TEST(takes(*a, 1, presence_of(one), shared));
  BOOST_TEST(!takes(*b, 2, presence_of(two), alone));
  // It knows which of its own have to stay.
  BOOST_TEST(!takes(*a, 2, presence_of(one), alone));
  BOOST_TEST(takes(*a, 2, presence_of(two), alone));
  BOOST_TEST(!takes(*b, 1, presence_of(one), shared));
  a->unlock(2, presence_of(two));
  BOOST_TEST(takes(*b, 1, presence_of(one), shared));
  BOOST_TEST(!takes(*a, 2, presence_of(two), alone));
  b->unlock(1, presence_of(one));
  a->unlock(1, presence_of(one));
  BOOST_TEST(takes(*b, 2, presence_of(two), alone));
  BOOST_TEST(!takes(*a, 3, presence_of(one), shared));
  b.reset();
  BOOST_TEST(takes(*a, 3, presence_of(one), shared));
}

BOOST_AUTO_TEST_CASE(ten_thousand_locks_cost_no_more_descriptors_than_one) {
  lock_folder in;
  auto a = in.table(), b = in.table();
  const auto before = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  std::vector<digest> blobs;
  for (int i = 0; i < 10'000; ++i) blobs.push_back(digest_of(std::to_string(i)));
  for (const auto& blob : blobs) BOOST_REQUIRE(takes(*a, 1, presence_of(blob), shared));
  BOOST_TEST(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}) == before);
  BOOST_TEST(a->held() == blobs.size());
  for (const auto& blob : blobs) BOOST_REQUIRE(!takes(*b, 1, presence_of(blob), alone));
  for (const auto& blob : blobs) a->unlock(1, presence_of(blob));
  for (const auto& blob : blobs) BOOST_REQUIRE(takes(*b, 1, presence_of(blob), alone));
}

BOOST_AUTO_TEST_CASE(a_wait_against_the_order_of_locks_is_noticed) {
  lock_folder in;
  lock_order order;
  auto a = in.table(lock_mode::fine, &order);
  takes(*a, 1, construction_of(one), alone);
  a->will_wait(1, eviction_lease());
  BOOST_TEST(order.breaches().empty());
  takes(*a, 2, presence_of(one), shared);
  a->will_wait(2, construction_of(two));
  BOOST_TEST(order.breaches().size() == 1U);
  a->unlock(1, construction_of(one));
  a->unlock(2, presence_of(one));
  BOOST_TEST(order.held() == 0U);
}

BOOST_AUTO_TEST_CASE(what_one_process_takes_another_sees_taken) {
  for (auto mode : {lock_mode::fine, lock_mode::coarse}) {
    lock_folder in;
    auto a = in.usage(0, mode), b = in.usage(1, mode);
    BOOST_TEST((a.admit({{600, 600}, {500, 500}}, 1000)->granted == std::vector{true, false}));
    BOOST_TEST((b.admit({{500, 500}}, 1000)->granted == std::vector{false}));
    BOOST_TEST((b.admit({{400, 400}}, 1000)->granted == std::vector{true}));
    BOOST_REQUIRE(a.release({600, 600}));
    BOOST_TEST(b.read()->reserved == 400U);
    BOOST_TEST((a.admit({{600, 700}}, 1000)->granted == std::vector{false}));
    BOOST_TEST((a.admit({{600, 600}}, 1000)->granted == std::vector{true}));
  }
}

BOOST_AUTO_TEST_CASE(what_is_settled_counts_and_its_room_is_given_back) {
  lock_folder in;
  auto a = in.usage(0), b = in.usage(1);
  BOOST_REQUIRE(a.admit({{600, 800}}, 1000));
  {
    auto change = a.begin(7, counted(0, 0));
    BOOST_REQUIRE(change);
    BOOST_REQUIRE(change->settle({600, 1}, {}, {600, 800}));
  }
  auto now = b.read();
  BOOST_TEST(now->bytes == 600U);
  BOOST_TEST(now->blobs == 1U);
  BOOST_TEST(now->reserved == 0U);
  BOOST_TEST(now->promised == 0U);
}

BOOST_AUTO_TEST_CASE(a_part_that_somebody_died_with_is_counted_anew) {
  lock_folder in;
  auto b = in.usage(1);
  {
    auto a = in.usage(0);
    BOOST_REQUIRE(a.begin(7, counted(0, 0)));  // and never settled
  }
  BOOST_TEST((b.read()->in_change == std::vector{7U}));
  int calls = 0;
  BOOST_REQUIRE(b.settle_doubt(7, counted(123, 4, &calls)));
  BOOST_TEST(calls == 1);
  BOOST_TEST(b.read()->in_change.empty());
  BOOST_TEST(b.read()->bytes == 123U);
  BOOST_REQUIRE(b.settle_doubt(7, counted(5, 5, &calls)));
  BOOST_TEST(calls == 1);
  BOOST_TEST(b.read()->blobs == 4U);
}

BOOST_AUTO_TEST_CASE(after_a_power_cut_every_part_is_counted_anew) {
  lock_folder in;
  auto a = in.usage(0);
  BOOST_REQUIRE(a.doubt_all());
  BOOST_TEST(a.read()->in_doubt.size() == usage_file::parts);
  for (unsigned part = 0; part < usage_file::parts; ++part)
    BOOST_REQUIRE(a.settle_doubt(part, counted(10, 1)));
  BOOST_TEST(a.read()->in_doubt.empty());
  BOOST_TEST(a.read()->bytes == 2560U);
}

// Bits of the whole file in turn: what is in it is counted anew or was not needed, and nobody is told a wrong
// sum.
BOOST_AUTO_TEST_CASE(a_flipped_bit_is_counted_anew_and_never_believed) {
  lock_folder in;
  auto a = in.usage(0);
  BOOST_REQUIRE(a.admit({{100, 300}}, 1000));
  for (unsigned part : {0U, 7U, 255U}) {
    auto change = a.begin(part, counted(0, 0));
    BOOST_REQUIRE(change);
    BOOST_REQUIRE(change->settle({40, 2}, {}, {}));
  }
  const std::string whole = text_of_usage(in);
  std::size_t counted_anew = 0;
  constexpr std::size_t every = 7;
  for (std::size_t bit = 0; bit < 8 * whole.size(); bit += every) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    put_usage(in, damaged);
    auto asked = a.admit({{1, 1}}, 1000);
    BOOST_REQUIRE(asked);
    for (unsigned part : asked->in_doubt) {
      ++counted_anew;
      BOOST_REQUIRE(a.settle_doubt(part, [](unsigned which) -> disk_result<part_usage> {
        return which == 0 || which == 7 || which == 255 ? part_usage{40, 2} : part_usage{};
      }));
    }
    auto now = a.read();
    BOOST_REQUIRE(now);
    BOOST_TEST_REQUIRE(now->in_doubt.empty());
    BOOST_TEST_REQUIRE((now->reserved == 100U || now->reserved == 101U || now->reserved <= 1U));
    BOOST_TEST_REQUIRE(now->bytes == 120U);
    put_usage(in, whole);
  }
  BOOST_TEST(counted_anew >= usage_file::parts * 256 / every);
}

BOOST_AUTO_TEST_CASE(what_was_cut_off_the_file_is_counted_anew_by_all_who_have_it_open) {
  lock_folder in;
  auto a = in.usage(0), b = in.usage(1);
  BOOST_REQUIRE(a.admit({{100, 300}}, 1000));
  for (std::uintmax_t size : {std::uintmax_t{3000}, std::uintmax_t{0}}) {
    std::filesystem::resize_file(in.path + "/usage", size);
    auto asked = b.admit({{1, 1}}, 1000);
    BOOST_REQUIRE(asked);
    BOOST_TEST(!asked->in_doubt.empty());
    for (unsigned part : asked->in_doubt)
      BOOST_REQUIRE(b.settle_doubt(part, [](unsigned) -> disk_result<part_usage> {
        return part_usage{2, 1};
      }));
    BOOST_TEST((a.admit({{1, 1}}, 1000)->granted == std::vector{true}));
    BOOST_TEST(a.read()->bytes == 2U * asked->in_doubt.size());
    for (unsigned part = 0; part < usage_file::parts; ++part) {
      auto change = a.begin(part, counted(0, 0));
      BOOST_REQUIRE(change);
      BOOST_REQUIRE(change->settle({}, {2, 1}, {}));
    }
  }
}

// Who is at work on a part when its place is damaged settles nothing that it did not see.
BOOST_AUTO_TEST_CASE(a_part_damaged_while_it_changes_is_counted_anew) {
  lock_folder in;
  auto a = in.usage(0);
  {
    auto change = a.begin(7, counted(0, 0));
    BOOST_REQUIRE(change);
    std::string text = text_of_usage(in);
    for (auto& c : text) c = static_cast<char>(c ^ 0x10);
    put_usage(in, text);
    BOOST_REQUIRE(change->settle({40, 2}, {}, {}));
  }
  BOOST_TEST(a.read()->bytes == 0U);
  const auto doubted = a.read()->in_doubt;
  BOOST_TEST((std::find(doubted.begin(), doubted.end(), 7U) != doubted.end()));
}

BOOST_AUTO_TEST_CASE(a_usage_file_that_cannot_be_written_is_an_error_and_no_wrong_count) {
  lock_folder in;
  auto a = in.usage(0);
  BOOST_REQUIRE(a.admit({{100, 100}}, 1000));
  in.disk.fault = [](disk_call which, const std::string&) { return which == disk_call::write ? EIO : 0; };
  BOOST_TEST(!a.admit({{100, 100}}, 1000));
  BOOST_TEST(!a.begin(3, counted(0, 0)));
  in.disk.fault = nullptr;
  BOOST_TEST(a.read()->reserved == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
