#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fstream>

#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(filesystem_passing_faults)

namespace {

int unreadable(disk_call made, const std::string&) {
  return made == disk_call::read || made == disk_call::read_cached ? EIO : 0;
}

std::uint64_t inode_of(const std::filesystem::path& file) {
  struct stat facts {};
  return ::stat(file.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

template <class T>
std::string failure_of(const expected<T>& answer) {
  return answer ? std::string() : answer.error().to_string();
}

// From when the thread pool took nothing until it does again.
void let_the_pool_work_again(filesystem_fixture& fixture) {
  fixture.run();
  fixture.limit_pool(std::numeric_limits<std::size_t>::max());
  fixture.system.pass(100ms);
  fixture.run();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_that_the_disk_could_not_read_is_there_again_once_it_can) {
  for (std::size_t size : {3000U, 700'000U, 3'000'000U})
    for (bool restarted : {false, true}) {
      filesystem_fixture fixture;
      const digest blob = fixture.put(noise(size));
      fixture.disk.fault = unreadable;
      BOOST_TEST(!fixture.read(blob).has_value());
      // Whoever has it may bring it.
      BOOST_TEST(!fixture.has(blob));
      BOOST_TEST((fixture.ask(lease_blobs{{blob}})->missing == std::vector{blob}));
      fixture.disk.fault = nullptr;
      BOOST_TEST(std::filesystem::exists(fixture.file_of(blob)));
      if (restarted) fixture.restart();
      BOOST_TEST((fixture.read(blob) == noise(size)));
      BOOST_TEST(fixture.has(blob));
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_ends_in_an_error_on_the_way_is_kept) {
  filesystem_fixture fixture;
  const digest blob = fixture.put(noise(5'000'000));
  fixture.disk.fault = [seen = 0](disk_call made, const std::string&) mutable {
    return made == disk_call::read && ++seen == 3 ? EIO : 0;
  };
  BOOST_TEST(!fixture.read(blob).has_value());
  fixture.disk.fault = nullptr;
  BOOST_TEST((fixture.read(blob) == noise(5'000'000)));
  BOOST_TEST(fixture.has(blob));
}

BOOST_AUTO_TEST_CASE(what_is_brought_anew_takes_the_place_of_a_file_that_cannot_be_read) {
  for (std::size_t size : {3000U, 700'000U})
    for (bool in_a_batch : {false, true}) {
      filesystem_fixture fixture;
      const digest blob = fixture.put(noise(size));
      const auto before = inode_of(fixture.file_of(blob));
      fixture.disk.fault = unreadable;
      BOOST_TEST(!fixture.read(blob).has_value());
      if (in_a_batch)
        BOOST_TEST(fixture.ask(write_blobs{{{blob, bytes::adopt(noise(size))}}})->results.at(0).has_value());
      else
        fixture.put(noise(size));
      fixture.disk.fault = nullptr;
      BOOST_TEST(fixture.has(blob));
      BOOST_TEST(inode_of(fixture.file_of(blob)) != before);
      BOOST_TEST((fixture.read(blob) == noise(size)));
      BOOST_TEST(fixture.stats().blobs == 1U);
    }
}

BOOST_AUTO_TEST_CASE(a_write_waits_for_the_room_that_a_full_pool_has_still_to_make) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()}) {
    filesystem_fixture fixture(options);
    for (unsigned i = 0; i < 3; ++i) fixture.put(noise(200'000, i));
    fixture.run();
    // Full until something has been removed.
    bool full = false, removed = false;
    fixture.disk.fault = [&](disk_call made, const std::string& path) {
      removed = removed || (made == disk_call::remove && path.find('/') != std::string::npos);
      if (made != disk_call::write || removed) return 0;
      full = true;
      return ENOSPC;
    };
    auto answer = fixture.begin(write_blob{digest_of(noise(5000, 9)), contract::deliver(noise(5000, 9))});
    for (int i = 0; i < 20 && !full; ++i) fixture.run_jobs(1);
    BOOST_REQUIRE(full);
    fixture.limit_pool(0);
    let_the_pool_work_again(fixture);
    BOOST_REQUIRE(answer->has_value());
    BOOST_TEST(failure_of(**answer) == "");
  }
}

BOOST_AUTO_TEST_CASE(no_copy_is_left_of_what_was_forgotten_while_the_pool_was_full) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  const digest blob = fixture.put(noise(3000));
  fixture.run();
  auto lent = fixture.begin(lend_files{{blob}});
  fixture.run_jobs(1);
  auto gone = fixture.begin(forget_blob{blob});
  fixture.system.run();
  fixture.limit_pool(0);
  let_the_pool_work_again(fixture);
  BOOST_TEST(lent->has_value());
  BOOST_TEST(gone->has_value());
  BOOST_TEST(fixture.files_in("lent").empty());
}

// What was used lately and cannot be moved, for the disk cannot read it, keeps nobody else out.
BOOST_AUTO_TEST_CASE(what_cannot_be_read_leaves_when_room_is_wanted) {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{1 << 20};
  filesystem_fixture fixture(options, store_role::results);
  auto name = [](unsigned i) { return digest_of(std::to_string(i)); };
  for (unsigned i = 0; i < 50; ++i) BOOST_REQUIRE(fixture.write(name(i), noise(3000, i)));
  for (unsigned i = 0; i < 50; i += 5) BOOST_REQUIRE(fixture.write(name(i), noise(3000, 100 + i)));  // stale
  fixture.disk.fault = unreadable;
  for (unsigned i = 100; i < 1000; ++i) {
    (void)fixture.ask(find_missing{{name(1), name(2), name(3), name(11), name(12)}});
    auto written = fixture.write(name(i), noise(3000, i));
    BOOST_REQUIRE_MESSAGE(written.has_value(), i << ": " << failure_of(written));
  }
}

BOOST_AUTO_TEST_SUITE_END()
