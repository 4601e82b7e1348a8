#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "plugins/stores/filesystem/packs/pack_file.hpp"
#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(filesystem_unreadable)

namespace {

// Whatever is asked of this pack, or of its index, fails.
auto failing(std::uint64_t pack) {
  return [pack](disk_call, const std::string& path) {
    const bool named =
        path.ends_with(filesystem::pack_name(pack)) || path.ends_with(filesystem::pack_index_name(pack));
    return named && path.find("used") == std::string::npos ? EIO : 0;
  };
}

// Reads fail from the n-th on, up to as many.
auto failing_reads(std::size_t from, std::size_t count) {
  return [=, seen = std::size_t(0)](disk_call made, const std::string&) mutable {
    if (made != disk_call::read) return 0;
    ++seen;
    return seen >= from && seen < from + count ? EIO : 0;
  };
}

std::string read(filesystem_fixture& fixture, const digest& name) {
  auto found = fixture.read(name);
  return found ? *found : std::string(name_of(found.error().code()));
}

// A result of which an older record lies in an older pack.
struct twice_written {
  filesystem_fixture fixture{filesystem_fixture::files_only(), store_role::results};
  const digest name = digest_of("an action");
  const digest other = digest_of("another action");

  explicit twice_written(bool forgotten = false) {
    write(name, "old");
    write(other, "other");
    fixture.restart();
    write(digest_of("a third one"), "third");
    if (forgotten)
      BOOST_REQUIRE(fixture.ask(forget_blob{name}).has_value());
    else
      write(name, "new");
    fixture.close();
  }
  void write(const digest& what, const std::string& content) {
    BOOST_REQUIRE(fixture.write(what, content).has_value());
  }
  void open_with(std::function<int(disk_call, const std::string&)> fault) {
    fixture.disk.fault = std::move(fault);
    fixture.open();
    fixture.run();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(no_older_result_is_served_while_the_pack_with_the_newer_one_cannot_be_read) {
  twice_written with;
  auto& fixture = with.fixture;
  with.open_with(failing(2));
  BOOST_TEST(read(fixture, with.name) == "NOT_FOUND");
  BOOST_TEST(read(fixture, with.other) == "NOT_FOUND");
  BOOST_TEST(!fixture.has(with.name));
  BOOST_TEST(!fixture.ask(read_blobs{{with.name}})->results.at(0).has_value());
  BOOST_TEST((fixture.ask(lease_blobs{{with.name}})->missing == std::vector{with.name}));
  // What is written now is the truth.
  with.write(with.other, "newest");
  BOOST_TEST(read(fixture, with.other) == "newest");
  fixture.disk.fault = nullptr;
  fixture.restart();
  BOOST_TEST(read(fixture, with.name) == "new");
  BOOST_TEST(read(fixture, with.other) == "newest");
}

BOOST_AUTO_TEST_CASE(a_pack_that_could_not_be_read_is_tried_again_without_a_restart) {
  for (auto what : {store_role::results, store_role::content}) {
    filesystem_fixture fixture(filesystem_fixture::packing(), what);
    digest blob = fixture.put(noise(5000, 1));
    fixture.close();
    fixture.disk.fault = failing(1);
    fixture.open();
    fixture.run();
    BOOST_TEST(!fixture.has(blob));
    fixture.system.pass(3s);
    fixture.run();
    BOOST_TEST(!fixture.has(blob));
    fixture.disk.fault = nullptr;
    fixture.system.pass(20s);
    fixture.run();
    BOOST_TEST(fixture.has(blob));
    BOOST_TEST(read(fixture, blob) == noise(5000, 1));
    BOOST_TEST(fixture.stats().blobs == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_result_is_the_newest_once_its_pack_could_be_read) {
  twice_written with;
  with.open_with(failing(2));
  BOOST_TEST(read(with.fixture, with.name) == "NOT_FOUND");
  with.fixture.disk.fault = nullptr;
  with.fixture.system.pass(3s);
  with.fixture.run();
  BOOST_TEST(read(with.fixture, with.name) == "new");
  BOOST_TEST(read(with.fixture, with.other) == "other");
}

// Each of the reads of a start, and some of those that follow it, fails once or for good.
BOOST_AUTO_TEST_CASE(no_read_that_fails_at_a_start_brings_an_older_result_back) {
  for (std::size_t count : {1U, 2U, 5U, 1000U})
    for (std::size_t from = 1; from < 16; ++from) {
      twice_written with;
      try {
        with.open_with(failing_reads(from, count));
      } catch (const std::runtime_error&) {
        continue;  // it does not start at all
      }
      with.fixture.disk.fault = nullptr;
      const std::string found = read(with.fixture, with.name);
      BOOST_TEST((found == "new" || found == "NOT_FOUND"),
                 "reads " << from << " and " << count << ": " << found);
      with.fixture.system.pass(5s);
      with.fixture.run();
      BOOST_TEST(read(with.fixture, with.name) == "new");
      with.fixture.restart();
      BOOST_TEST(read(with.fixture, with.name) == "new");
    }
}

BOOST_AUTO_TEST_CASE(a_result_that_was_forgotten_does_not_come_back_with_a_pack_that_cannot_be_read) {
  twice_written with(true);
  with.open_with(failing(2));
  BOOST_TEST(read(with.fixture, with.name) == "NOT_FOUND");
  with.fixture.disk.fault = nullptr;
  with.fixture.restart();
  BOOST_TEST(read(with.fixture, with.name) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_while_its_pack_cannot_be_read_stays_forgotten) {
  for (bool restarted : {false, true}) {
    twice_written with;
    with.open_with(failing(2));
    BOOST_REQUIRE(with.fixture.ask(forget_blob{with.name}).has_value());
    with.fixture.disk.fault = nullptr;
    if (restarted) {
      with.fixture.restart();
    } else {
      with.fixture.system.pass(3s);
      with.fixture.run();
    }
    BOOST_TEST(read(with.fixture, with.name) == "NOT_FOUND");
    BOOST_TEST(read(with.fixture, with.other) == "other");
  }
}

// Or the next start would take what is in the older ones for the truth.
BOOST_AUTO_TEST_CASE(packs_leave_before_a_newer_one_that_cannot_be_read) {
  twice_written with;
  auto& fixture = with.fixture;
  with.open_with(failing(2));
  for (unsigned i = 0;
       i < 5000 && std::filesystem::exists(fixture.folder / "store/packs" / filesystem::pack_name(2)); ++i)
    with.write(digest_of(std::to_string(i)), noise(15'000, i));
  BOOST_TEST(!std::filesystem::exists(fixture.folder / "store/packs" / filesystem::pack_name(1)));
  fixture.disk.fault = nullptr;
  fixture.restart();
  BOOST_TEST(read(fixture, with.name) != "old");
}

BOOST_AUTO_TEST_SUITE_END()
