#include <boost/test/unit_test.hpp>
#include <fstream>

#include "plugins/stores/filesystem/files/inspect.hpp"
#include "plugins/stores/filesystem/files/name_lane.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"
#include "test/plugins/stores/filesystem/filesystem_packs.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;
using whole = filesystem_fixture::whole;

BOOST_AUTO_TEST_SUITE(filesystem_start)

namespace {

filesystem::store_options relaxed_files() {
  auto options = filesystem_fixture::files_only();
  options.keep = filesystem::durability::relaxed;
  options.sync_every = std::chrono::minutes(1);
  return options;
}

std::vector<digest> put_many(filesystem_fixture& fixture, std::uint64_t count) {
  std::vector<digest> blobs;
  write_blobs batch;
  while (blobs.size() < count) {
    auto content = "blob " + std::to_string(blobs.size());
    blobs.push_back(digest_of(content));
    batch.entries.push_back({blobs.back(), bytes::adopt(std::move(content))});
    if (batch.entries.size() < 1000 && blobs.size() < count) continue;
    auto kept = fixture.ask(std::exchange(batch, {}));
    for (const auto& one : kept->results) BOOST_REQUIRE(one.has_value());
  }
  return blobs;
}

double blobs_in_index(filesystem_fixture& fixture) {
  return fixture.system.metrics().gauges("kiln_filesystem_blobs", "", {"store"}).with({"house"}).value();
}

// As a power cut may leave it: the length is right, the bytes are not, and no time says so.
void zero(const std::filesystem::path& file) {
  auto written = std::filesystem::last_write_time(file);
  std::filesystem::permissions(file, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).write("\0\0\0\0\0\0\0\0", 8);
  std::filesystem::last_write_time(file, written);
}

}  // namespace

BOOST_AUTO_TEST_CASE(answers_from_the_packs_before_their_records_are_in_the_index) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  auto blobs = put_many(fixture, 10'000);
  fixture.restart();  // their index is written
  fixture.close();
  fixture.open();
  auto asked = blobs;
  asked.push_back(digest_of("never written"));
  auto missing = fixture.begin(find_missing{asked});
  auto read = fixture.begin(read_blob{blobs[7777]});
  while (!*missing || !*read) BOOST_REQUIRE(fixture.run_jobs(1));
  BOOST_TEST(((*missing)->value().blobs == std::vector{digest_of("never written")}));
  BOOST_TEST(((*read)->value().head.flatten().view() == "blob 7777"));
  auto few = fixture.begin(find_missing{{blobs[1], digest_of("nor this")}});
  fixture.run();
  BOOST_TEST(((*few)->value().blobs == std::vector{digest_of("nor this")}));
  BOOST_TEST(fixture.stats().blobs == 10'000U);
}

BOOST_AUTO_TEST_CASE(many_are_looked_for_in_several_turns_and_named_once_in_their_order) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  const auto blobs = put_many(fixture, 5000);
  std::vector<digest> asked, absent;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    asked.push_back(blobs[i % blobs.size()]);
    asked.push_back(digest_of("absent " + std::to_string(i % 7000)));
    if (i < 7000) absent.push_back(asked.back());
  }
  BOOST_TEST((fixture.ask(find_missing{asked})->blobs == absent));
}

BOOST_AUTO_TEST_CASE(enters_some_records_at_a_time_and_answers_in_between) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  auto blobs = put_many(fixture, 10'000);
  fixture.restart();
  fixture.close();
  fixture.open();
  double before = 0;
  std::size_t steps = 0;
  for (; fixture.run_jobs(1); ++steps) {
    BOOST_TEST(blobs_in_index(fixture) - before <= 2048);
    before = blobs_in_index(fixture);
  }
  BOOST_TEST(before == 10'000);
  BOOST_TEST(steps > 5U);
}

BOOST_AUTO_TEST_CASE(forgets_while_it_loads_what_it_was_told_to_forget) {
  for (auto what : {store_role::content, store_role::results}) {
    filesystem_fixture fixture(filesystem_fixture::packing(), what);
    auto blobs = put_many(fixture, 5000);
    fixture.restart();
    fixture.close();
    fixture.open();
    auto gone = fixture.begin(forget_blob{blobs[4000]});
    fixture.run();
    BOOST_TEST((*gone)->value().was_present);
    BOOST_TEST(!fixture.has(blobs[4000]));
    BOOST_TEST(fixture.stats().blobs == 4999U);
    fixture.crash();
    BOOST_TEST(!fixture.has(blobs[4000]));
  }
}

BOOST_AUTO_TEST_CASE(tells_the_newest_result_while_it_loads) {
  filesystem_fixture fixture(filesystem_fixture::packing(), store_role::results);
  put_many(fixture, 5000);
  digest action = digest_of("action");
  for (std::uint64_t i = 0; i < 3; ++i) {
    BOOST_REQUIRE(fixture.write(action, noise(100, i)));
    fixture.restart();
  }
  fixture.close();
  fixture.open();
  BOOST_TEST((fixture.read(action) == noise(100, 2)));
}

BOOST_AUTO_TEST_CASE(waits_for_a_pool_that_is_full_and_misses_nothing) {
  for (auto options : {filesystem_fixture::packing(), filesystem_fixture::files_only()}) {
    filesystem_fixture fixture(options);
    digest blob = fixture.put(noise(3000));
    fixture.close();
    fixture.pool_limit = 0;
    fixture.open();
    auto missing = fixture.begin(find_missing{{blob}});
    fixture.run();
    BOOST_TEST(!missing->has_value());
    fixture.limit_pool(1);
    fixture.system.pass(std::chrono::seconds(1));
    for (int i = 0; i < 2000 && !*missing; ++i) {
      fixture.run();
      fixture.system.pass(std::chrono::milliseconds(50));
    }
    BOOST_REQUIRE(missing->has_value());
    BOOST_TEST((*missing)->value().blobs.empty());
    BOOST_TEST((fixture.read(blob) == noise(3000)));
  }
}

BOOST_AUTO_TEST_CASE(tries_a_pack_again_that_could_not_be_opened_and_keeps_it_if_it_cannot_be) {
  for (std::size_t failures : {1U, 1000U}) {
    filesystem_fixture fixture(filesystem_fixture::packing());
    digest blob = fixture.put(noise(3000));
    auto pack = fixture.files_in("packs").front();
    fixture.close();
    fixture.disk.fault = [=, seen = std::size_t(0)](disk_call made, const std::string& path) mutable {
      return made == disk_call::open && path.ends_with(".pack") && ++seen <= failures ? EMFILE : 0;
    };
    fixture.open();
    fixture.run();
    BOOST_TEST(fixture.has(blob) == (failures == 1));
    BOOST_TEST(fixture.stats().bytes >= 3000U);
    fixture.disk.fault = nullptr;
    BOOST_TEST(std::filesystem::exists(pack));
    fixture.restart();
    BOOST_TEST((fixture.read(blob) == noise(3000)));
  }
}

// The first process after a power cut may end before it has looked at anything.
BOOST_AUTO_TEST_CASE(doubts_until_it_has_proven_in_whatever_process) {
  filesystem_fixture fixture(relaxed_files());
  digest hurt = fixture.put(noise(50'000, 1)), right = fixture.put(noise(50'000, 2));
  zero(fixture.file_of(hurt));
  fixture.crash(whole::machine, filesystem_fixture::then::look_at_nothing);
  fixture.crash(whole::process, filesystem_fixture::then::look_at_nothing);
  fixture.crash(whole::process);
  BOOST_TEST(!fixture.has(hurt));
  BOOST_TEST((fixture.read(right) == noise(50'000, 2)));
  BOOST_TEST(content_of(fixture.folder / "store/kiln-store").find("doubted") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(doubts_on_what_it_could_not_read_and_removes_nothing_for_that) {
  filesystem_fixture fixture(relaxed_files());
  digest blob = fixture.put(noise(50'000, 1));
  fixture.crash(whole::machine, filesystem_fixture::then::look_at_nothing);
  fixture.disk.fault = [](disk_call made, const std::string&) { return made == disk_call::read ? EIO : 0; };
  fixture.run();
  BOOST_TEST(!fixture.has(blob));
  fixture.disk.fault = nullptr;
  fixture.crash(whole::process);
  BOOST_TEST((fixture.read(blob) == noise(50'000, 1)));
  BOOST_TEST(content_of(fixture.folder / "store/kiln-store").find("doubted") == std::string::npos);
}

// Neither what could not be opened nor what could not be listed to its end has been proven.
BOOST_AUTO_TEST_CASE(doubts_on_what_lies_in_a_folder_that_it_could_not_list) {
  for (auto failing : {disk_call::open, disk_call::list}) {
    filesystem_fixture fixture(relaxed_files());
    const digest hurt = fixture.put(noise(50'000, 1));
    const std::string two = hurt.hex().substr(0, 2);
    zero(fixture.file_of(hurt));
    fixture.crash(whole::machine, filesystem_fixture::then::look_at_nothing);
    fixture.disk.fault = [&](disk_call made, const std::string& path) {
      return made == failing && (made == disk_call::list || path == two) ? EIO : 0;
    };
    fixture.run();
    fixture.disk.fault = nullptr;
    fixture.crash(whole::process);
    BOOST_TEST(!fixture.has(hurt));
  }
}

// Whoever mends or copies a pack may leave a hole behind it, of any size.
BOOST_AUTO_TEST_CASE(a_hole_behind_a_pack_costs_neither_time_nor_room) {
  constexpr std::uintmax_t hole = std::uintmax_t{16} << 30;
  for (auto what : {store_role::content, store_role::results})
    for (bool with_index : {true, false}) {
      filesystem_fixture fixture(filesystem_fixture::packing(), what);
      auto blobs = put_many(fixture, 1000);
      fixture.restart();
      const auto before = fixture.stats();
      fixture.close();
      for (const auto& file : fixture.files_in("packs"))
        if (with_index || file.extension() == ".pack") {
          std::filesystem::permissions(file, std::filesystem::perms::owner_write,
                                       std::filesystem::perm_options::add);
          std::filesystem::resize_file(file, hole);
        } else {
          std::filesystem::remove(file);
        }
      fixture.disk.calls.clear();
      fixture.open();
      fixture.run();
      // Each read takes up to 4 MiB.
      BOOST_TEST(fixture.disk.count(disk_call::read) < 200U);
      const auto now = fixture.stats();
      BOOST_TEST(now.blobs == before.blobs);
      BOOST_TEST(now.bytes <= before.bytes + 4096);
      BOOST_TEST(now.evictions == 0U);
      BOOST_TEST((fixture.read(blobs[500]) == "blob 500"));
      const digest fresh = fixture.put(noise(3000));
      BOOST_TEST((fixture.read(fresh) == noise(3000)));
      BOOST_TEST((fixture.read(blobs[999]) == "blob 999"));
    }
}

BOOST_AUTO_TEST_CASE(a_durable_store_doubts_what_a_relaxed_one_left_there) {
  filesystem_fixture fixture(relaxed_files());
  digest hurt = fixture.put(noise(50'000, 1));
  zero(fixture.file_of(hurt));
  fixture.options.keep = filesystem::durability::durable;
  fixture.crash(whole::process, filesystem_fixture::then::look_at_nothing);
  fixture.crash(whole::machine);
  BOOST_TEST(!fixture.has(hurt));
}

BOOST_AUTO_TEST_CASE(a_relaxed_store_syncs_what_it_wrote_before_long_and_only_then) {
  for (auto options : {relaxed_files(), filesystem_fixture::packing()}) {
    options.keep = filesystem::durability::relaxed;
    options.sync_every = std::chrono::minutes(1);
    filesystem_fixture fixture(options);
    fixture.run();
    auto pass = [&] {
      fixture.system.pass(std::chrono::minutes(2));
      fixture.run();
      return fixture.disk.count(disk_call::sync_all);
    };
    auto before = pass();
    BOOST_TEST(pass() == before);
    fixture.put(noise(3000, 1));
    fixture.put(noise(3000, 2));
    BOOST_TEST(fixture.disk.count(disk_call::sync_all) == before);
    BOOST_TEST(pass() == before + 1);
    BOOST_TEST(pass() == before + 1);
  }
}

// The scan sees the name of what is published before the writer is told of it. If it entered that as an old
// file, the first who needs room would send it away again.
BOOST_AUTO_TEST_CASE(lets_nothing_go_that_is_being_published_while_it_scans) {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{1 << 20};
  filesystem_fixture fixture(options);
  fixture.make_places();
  fixture.close();
  fixture.open();
  const std::string other = noise(600'000, 2);
  std::shared_ptr<std::optional<expected<receipt>>> pressed;
  bool named = false;
  fixture.disk.fault = [&](disk_call made, const std::string&) {
    if (made != disk_call::sync || std::exchange(named, true)) return 0;
    fixture.run();
    pressed = fixture.begin(write_blob{digest_of(other), contract::deliver(other)});
    fixture.run();
    return 0;
  };
  digest blob = fixture.put(noise(300'000, 1));
  fixture.disk.fault = nullptr;
  fixture.run();
  BOOST_REQUIRE((pressed && *pressed));
  BOOST_TEST((*pressed)->has_value());
  BOOST_TEST((fixture.read(blob) == noise(300'000, 1)));
  fixture.crash();
  BOOST_TEST((fixture.read(blob) == noise(300'000, 1)));
}

BOOST_AUTO_TEST_CASE(an_older_file_stays_when_the_names_of_its_folder_cannot_be_synced) {
  pack_folder folder(store_role::content, filesystem::durability::durable);
  std::vector<filesystem::name_lane::outcome> heard;
  auto with = folder.shared_engine();
  auto lane = std::make_shared<filesystem::name_lane>(with, [&](auto outcomes) { heard = outcomes; });
  const digest blob = digest_of(noise(5000));
  auto publish = [&] {
    auto made = filesystem::temp_file::create(with);
    BOOST_REQUIRE(made.has_value());
    auto file = std::make_shared<filesystem::temp_file>(std::move(*made));
    BOOST_REQUIRE(file->append(bytes::copy_of(noise(5000))).has_value());
    auto heard_of = [](const disk_result<void>&) {};
    BOOST_REQUIRE(lane->submit({{blob, filesystem::blob_tree::content, file, heard_of}}).has_value());
    return heard.at(0).result.has_value();
  };
  BOOST_TEST(publish());
  folder.disk.fault = [](disk_call made, const std::string&) { return made == disk_call::sync ? EIO : 0; };
  BOOST_TEST(!publish());
  folder.disk.fault = nullptr;
  BOOST_TEST(filesystem::open_blob(*with, filesystem::blob_tree::content, blob).has_value());
}

BOOST_AUTO_TEST_CASE(says_of_no_name_that_a_killed_process_left_that_it_is_there_before_it_is_synced) {
  filesystem_fixture fixture;
  digest blob = fixture.put(noise(5000));
  fixture.disk.fault = [&fixture](disk_call made, const std::string&) {
    // Of the folder whose files were just looked at.
    const auto& calls = fixture.disk.calls;
    return made == disk_call::sync && calls.size() > 1 && calls[calls.size() - 2] == disk_call::facts ? EIO
                                                                                                      : 0;
  };
  fixture.crash();
  BOOST_TEST(!fixture.has(blob));
  fixture.disk.fault = nullptr;
  fixture.crash();
  BOOST_TEST((fixture.read(blob) == noise(5000)));
  fixture.restart();
  fixture.disk.calls.clear();
  fixture.restart();  // one that was closed in order has nothing to sync but its own few files
  BOOST_TEST(fixture.disk.count(disk_call::sync) < 10U);
}

BOOST_AUTO_TEST_SUITE_END()
