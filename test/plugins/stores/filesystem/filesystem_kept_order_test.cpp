#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <chrono>
#include <set>

#include "plugins/stores/filesystem/index/use_marks.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"
#include "test/plugins/stores/filesystem/filesystem_packs.hpp"

using namespace kiln;
using namespace kiln::filesystem;
using namespace kiln::test;

namespace {

enum class before { nothing, restart, crash };

// Thousands of blobs come, and nothing here is about the disk's syncs.
store_options quick(store_options options) {
  options.keep = durability::relaxed;
  options.sync_every = std::chrono::minutes(1);
  return options;
}
store_options quick_files() {
  return quick(filesystem_fixture::files_only());
}
store_options quick_packs() {
  return quick(filesystem_fixture::packing());
}

std::string content_of(std::size_t number, std::size_t size) {
  std::string text = "blob " + std::to_string(number) + " ";
  text.resize(size, 'x');
  return text;
}

void leave(filesystem_fixture& fixture, before how) {
  if (how == before::restart) fixture.restart();
  if (how == before::crash) {
    fixture.system.pass(std::chrono::minutes(5));
    fixture.run();
    fixture.crash();
  }
}

// Which of them are still there after so many others came. Every third was used in one way or another.
std::set<std::size_t> survivors(filesystem_fixture& fixture, std::size_t size, std::size_t others,
                                before how) {
  constexpr std::size_t count = 600;
  std::vector<digest> blobs;
  for (std::size_t i = 0; i < count; ++i) blobs.push_back(fixture.put(content_of(i, size)));
  for (std::size_t i = 0; i < count; i += 12) {
    BOOST_REQUIRE(fixture.ask(find_missing{{blobs[i]}}).value().blobs.empty());
    BOOST_REQUIRE(fixture.read(blobs[i + 3]).has_value());
    BOOST_REQUIRE(fixture.ask(lease_blobs{{blobs[i + 6]}}).value().missing.empty());
    BOOST_REQUIRE(fixture.lend(blobs[i + 9]).has_value());
  }
  fixture.run();
  leave(fixture, how);
  for (std::size_t i = 0; i < others; ++i) fixture.put(content_of(1'000'000 + i, size));
  std::set<std::size_t> there;
  for (std::size_t i = 0; i < count; ++i)
    if (fixture.has(blobs[i])) there.insert(i);
  return there;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(filesystem_kept_order)

BOOST_AUTO_TEST_CASE(after_a_restart_the_same_files_leave_first_as_without_it) {
  constexpr std::size_t size = 40 << 10;  // 32 MiB hold 819
  std::set<std::size_t> expected_ones;
  for (auto how : {before::nothing, before::restart, before::crash}) {
    filesystem_fixture fixture(quick_files());
    auto there = survivors(fixture, size, 500, how);
    if (how == before::nothing) {
      expected_ones = there;
      BOOST_TEST(there.size() > 200U);
      BOOST_TEST(there.size() < 400U);
    }
    // In which order those of one generation leave, of 17 files, is not kept.
    std::size_t differ = 0;
    for (std::size_t i = 0; i < 600; ++i) differ += there.contains(i) != expected_ones.contains(i);
    BOOST_TEST(differ <= 34U);
    for (std::size_t i = 0; i < 600; i += 3) BOOST_TEST(there.contains(i));
  }
}

BOOST_AUTO_TEST_CASE(after_a_restart_the_same_packed_blobs_leave_first_as_without_it) {
  constexpr std::size_t size = 60'000;  // 64 MiB hold 1,118
  std::set<std::size_t> expected_ones;
  for (auto how : {before::nothing, before::restart, before::crash}) {
    filesystem_fixture fixture(quick_packs());
    auto there = survivors(fixture, size, 700, how);
    if (how == before::nothing) {
      expected_ones = there;
      BOOST_TEST(there.size() > 200U);
      BOOST_TEST(there.size() < 500U);
    }
    // The pack that was being written ends with the process, so one more or less may leave.
    std::size_t differ = 0;
    for (std::size_t i = 0; i < 600; ++i) differ += there.contains(i) != expected_ones.contains(i);
    BOOST_TEST(differ <= 36U);
    for (std::size_t i = 0; i < 600; i += 3) BOOST_TEST(there.contains(i));
  }
}

BOOST_AUTO_TEST_CASE(marks_that_are_damaged_are_as_good_as_none_and_cost_no_blob) {
  filesystem_fixture fixture(quick_packs());
  std::vector<digest> blobs;
  for (std::size_t i = 0; i < 100; ++i) blobs.push_back(fixture.put(content_of(i, 60'000)));
  fixture.close();
  auto marks = fixture.files_in("used");
  BOOST_TEST(marks.size() > 3U);
  for (const auto& file : marks) damage(file, 9);
  fixture.open();
  fixture.run();
  for (const auto& blob : blobs) BOOST_TEST(fixture.has(blob));
}

BOOST_AUTO_TEST_CASE(notices_any_bit_that_changed_in_marks) {
  use_marks some{7, 6, 5, {{1, 2}, {3, 4}}};
  std::string text = encode_marks(some);
  auto back = decode_marks(text);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(back->now == 7U);
  BOOST_TEST(back->filled == 6U);
  BOOST_TEST(back->turn == 5U);
  BOOST_TEST(back->find(3).value() == 4U);
  BOOST_TEST(!back->find(2).has_value());
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    BOOST_TEST(!decode_marks(changed).has_value());
  }
  for (std::size_t size = 0; size < text.size(); ++size) BOOST_TEST(!decode_marks(text.substr(0, size)));
}

BOOST_AUTO_TEST_CASE(a_pack_takes_its_marks_with_it) {
  filesystem_fixture fixture(quick_packs());
  for (std::size_t i = 0; i < 300; ++i) fixture.put(content_of(i, 60'000));
  fixture.restart();
  for (std::size_t i = 300; i < 1600; ++i) fixture.put(content_of(i, 60'000));
  fixture.restart();
  const auto marks = fixture.files_in("used").size();
  BOOST_TEST(marks > 10U);
  BOOST_TEST(marks < 80U);  // 64 packs fit
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(filesystem_burst)

BOOST_AUTO_TEST_CASE(tells_at_its_start_how_many_blobs_fit) {
  auto options = filesystem_fixture::files_only();
  options.index_memory = byte_size{120'000'000};
  filesystem_fixture fixture(options);
  fixture.run();
  BOOST_TEST(fixture.system.log_lines().find("max_blobs=1000000") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_was_just_found_outlives_a_large_upload) {
  filesystem_fixture fixture(quick_packs());
  std::vector<digest> used;
  for (std::size_t i = 0; i < 1000; ++i) {
    const digest blob = fixture.put(content_of(i, 60'000));
    if (i % 4 == 0) used.push_back(blob);
  }
  BOOST_TEST(fixture.ask(find_missing{used}).value().blobs.empty());
  fixture.put(content_of(1'000'000, 30 << 20));
  BOOST_TEST(fixture.ask(find_missing{used}).value().blobs.empty());
}

BOOST_AUTO_TEST_CASE(what_was_just_found_stays_when_it_cannot_be_moved) {
  filesystem_fixture fixture(quick_packs());
  std::vector<digest> used;
  for (std::size_t i = 0; i < 1000; ++i) {
    const digest blob = fixture.put(content_of(i, 60'000));
    if (i % 4 == 0) used.push_back(blob);
  }
  auto held = fixture.ask(lease_blobs{{used.front()}});
  BOOST_TEST(fixture.ask(find_missing{used}).value().blobs.empty());
  fixture.disk.fault = [](disk_call call, const std::string& path) {
    return call == disk_call::open && path.find(".pack") != std::string::npos ? EIO : 0;
  };
  const std::string large = content_of(1'000'000, 40 << 20);
  auto written = fixture.write(digest_of(large), large);
  fixture.disk.fault = nullptr;
  BOOST_TEST(fixture.ask(find_missing{used}).value().blobs.empty());
  for (const auto& blob : used) BOOST_REQUIRE(fixture.read(blob).has_value());
  auto again = fixture.write(digest_of(large), large);
  BOOST_TEST(again.has_value());
}

BOOST_AUTO_TEST_CASE(a_few_leases_do_not_close_the_store) {
  filesystem_fixture fixture(quick_packs());
  std::vector<digest> blobs;
  for (std::size_t i = 0; i < 1000; ++i) blobs.push_back(fixture.put(content_of(i, 60'000)));
  std::vector<digest> leased_ones;
  for (std::size_t i = 0; i < 1000; i += 50)
    if (fixture.has(blobs[i])) leased_ones.push_back(blobs[i]);
  auto held = fixture.ask(lease_blobs{leased_ones});
  BOOST_REQUIRE(held.value().missing.empty());
  const std::string large = content_of(1'000'000, 50 << 20);
  BOOST_TEST(fixture.write(digest_of(large), large).has_value());
  for (const auto& blob : leased_ones) BOOST_TEST(fixture.read(blob).has_value());
}

// Or what is used from then on would count as older than what nobody used for long.
BOOST_AUTO_TEST_CASE(an_order_that_lost_its_time_goes_on_behind_all_that_it_tells_of) {
  for (bool of_files : {false, true}) {
    pack_folder made(store_role::results);
    store_folder& folder = *made.engine().folder;
    const std::string name = of_files ? marks_of_files(0) : marks_of_pack(3);
    const std::pair<std::string, use_marks> marks[] = {{name, use_marks{150, 140, 3, {}}}};
    write_marks(folder, marks);
    const std::uint64_t packs[] = {3};
    BOOST_TEST(read_order(folder, packs).now == 151U);
    std::filesystem::remove(made.folder / "used/now");
    BOOST_TEST(read_order(folder, packs).now == 151U);
    write_marks(folder, marks);
    made.disk.fault = [seen = 0](disk_call call, const std::string& path) mutable {
      return call == disk_call::open && (path == "now" || (path == "used" && ++seen < 3)) ? EIO : 0;
    };
    BOOST_TEST(read_order(folder, packs).now == 151U);
    made.disk.fault = nullptr;
  }
}

BOOST_AUTO_TEST_SUITE_END()
