#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "core/base/descriptors.hpp"
#include "test/plugins/stores/filesystem/shared_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_shared_start)

namespace {

bool says(const error& why, std::string_view what) {
  return why.message().find(what) != std::string::npos;
}

double shown_mode(shared_fixture& on, const std::string& mode) {
  on.run();
  return on.system.metrics()
      .gauges("kiln_filesystem_lock_mode", "", {"store", "mode"})
      .with({"house", mode})
      .value();
}

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_folder_is_shared_or_is_not) {
  shared_fixture on(1);
  auto plain = on.options;
  plain.shared = false;
  auto busy = on.try_open(plain);
  BOOST_TEST(says(busy, "in use by another process"));
  on.close(0);
  auto refused = on.try_open(plain);
  BOOST_TEST(says(refused, "say shared: true"));
  on.open();
}

BOOST_AUTO_TEST_CASE(a_folder_that_one_has_alone_is_not_shared) {
  filesystem_fixture alone;
  auto with = shared_fixture::sharing();
  with.path = alone.options.path;
  auto spawn = [&] {
    store_context context{alone.system.actors(), alone.system.env(), "house", store_role::content, {}, {}};
    return filesystem::spawn_filesystem_store(with, context,
                                              {&alone.disk, std::make_shared<patient_pool>(), "a boot"});
  };
  auto busy = spawn();
  BOOST_REQUIRE(!busy);
  BOOST_TEST(says(busy.error(), "does not share it"));
  alone.close();
  auto refused = spawn();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(says(refused.error(), "leave out shared: true"));
}

BOOST_AUTO_TEST_CASE(content_is_not_taken_for_results) {
  shared_fixture on(1);
  store_context context{on.system.actors(), on.system.env(), "house", store_role::results, {}, {}};
  auto refused = filesystem::spawn_filesystem_store(
      on.options, context, {&on.disk(0), std::make_shared<patient_pool>(), "a boot"});
  BOOST_REQUIRE(!refused);
  BOOST_TEST(says(refused.error(), "holds content"));
}

BOOST_AUTO_TEST_CASE(all_of_them_are_as_durable) {
  shared_fixture on(1);
  auto relaxed = on.options;
  relaxed.keep = filesystem::durability::relaxed;
  BOOST_TEST(says(on.try_open(relaxed), "the same durability"));
  on.close(0);
  BOOST_TEST((on.try_open(relaxed).code() == errc::ok));
}

BOOST_AUTO_TEST_CASE(network_file_systems_are_refused_unless_told_otherwise) {
  for (std::uint64_t number :
       {0x6969U, 0xff534d42U, 0xfe534d42U, 0x01021997U, 0x65735546U, 0x00c36400U, 0x0bd00bd0U, 0x5346414fU}) {
    shared_fixture on(1);
    on.close(0);
    faulty_disk disk;
    disk.said_file_system = number;
    store_context context{on.system.actors(), on.system.env(), "house", store_role::content, {}, {}};
    auto spawn = [&](const filesystem::store_options& with) {
      return filesystem::spawn_filesystem_store(with, context,
                                                {&disk, std::make_shared<patient_pool>(), "a boot"});
    };
    auto refused = spawn(on.options);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(says(refused.error(), "network_folder: true"));
    auto told = on.options;
    told.network_folder = true;
    auto opened = spawn(told);
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().to_string()));
    on.system.end(*opened);
  }
}

BOOST_AUTO_TEST_CASE(without_fine_locks_there_is_a_coarse_one_and_one_warning) {
  for (int number : {EINVAL, ENOLCK}) {
    shared_fixture on(0);
    store_context context{on.system.actors(), on.system.env(), "house", store_role::content, {}, {}};
    faulty_disk disk;
    disk.fault = [&](disk_call which, const std::string&) {
      return which == disk_call::lock_range ? number : 0;
    };
    auto pool = std::make_shared<patient_pool>();
    auto opened = filesystem::spawn_filesystem_store(on.options, context, {&disk, pool, "a boot"});
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().to_string()));
    BOOST_TEST(shown_mode(on, "coarse") == 1);
    BOOST_TEST(shown_mode(on, "fine") == 0);
    BOOST_TEST(count_of(on.system.log_lines(), "one lock for all blobs") == 1U);
    on.system.end(*opened);
  }
}

BOOST_AUTO_TEST_CASE(all_of_them_lock_as_the_first) {
  auto coarse = shared_fixture::sharing();
  coarse.locks = filesystem::lock_choice::coarse;
  shared_fixture on(1, coarse);
  BOOST_TEST(shown_mode(on, "coarse") == 1);
  on.options.locks = filesystem::lock_choice::fine;
  on.open();
  digest blob = on.put(1, noise(100'000));
  auto lease = on.ask(1, lease_blobs{{blob}});
  BOOST_REQUIRE(lease);
  on.close(0);
  BOOST_TEST(count_of(on.system.log_lines(), "one lock for all blobs") == 1U);
  shared_fixture fine(1);
  BOOST_TEST(shown_mode(fine, "fine") == 1);
  BOOST_TEST(says(fine.try_open(coarse), "stop the others first"));
}

BOOST_AUTO_TEST_CASE(no_more_than_sixty_four_of_them) {
  auto coarse = shared_fixture::sharing();  // which takes few descriptors
  coarse.locks = filesystem::lock_choice::coarse;
  shared_fixture on(64, coarse);
  BOOST_TEST(says(on.try_open(on.options), "64 processes already"));
  on.close(7);
  BOOST_TEST((on.try_open(on.options).code() == errc::ok));
}

BOOST_AUTO_TEST_CASE(a_relaxed_folder_drops_after_a_power_cut_what_nobody_had_synced) {
  auto relaxed = shared_fixture::sharing();
  relaxed.keep = filesystem::durability::relaxed;
  shared_fixture on(1, relaxed);
  digest synced = on.put(0, noise(5000, 1));
  std::filesystem::last_write_time(on.file_of(synced),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::seconds(10));
  BOOST_REQUIRE(on.ask(0, flush_store{}));
  digest unsynced = on.put(0, noise(5000, 2));
  std::filesystem::last_write_time(on.file_of(unsynced),
                                   std::filesystem::file_time_type::clock::now() + std::chrono::seconds(10));
  on.kill(0);
  on.open();
  BOOST_TEST(on.has(1, unsynced));  // the machine has gone on
  on.kill(1);
  on.boot = "another boot";
  on.open();
  BOOST_TEST(on.has(2, synced));
  BOOST_TEST(!on.has(2, unsynced));
  on.put(2, noise(10, 3));
  BOOST_TEST(on.stats(2).blobs == 2U);
  BOOST_TEST(on.stats(2).bytes == 8192U + 4096U);
}

BOOST_AUTO_TEST_CASE(a_durable_folder_is_counted_anew_after_a_power_cut) {
  shared_fixture on(1);
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 20; ++i) blobs.push_back(on.put(0, noise(5000, i)));
  on.kill(0);
  std::filesystem::resize_file(on.folder / "store" / "locks" / "usage", 100);
  on.boot = "another boot";
  on.open();
  blobs.push_back(on.put(1, noise(5000, 99)));
  BOOST_TEST(on.ask(1, find_missing{blobs})->blobs.empty());
  BOOST_TEST(on.stats(1).blobs == 21U);
  BOOST_TEST(on.stats(1).bytes == 21U * 8192);
}

BOOST_AUTO_TEST_SUITE_END()
