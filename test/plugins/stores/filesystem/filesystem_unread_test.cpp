#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "plugins/stores/filesystem/packs/pack_file.hpp"
#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/filesystem_house.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;
using namespace std::chrono_literals;

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

std::string read(filesystem_house& house, const digest& name) {
  auto found = house.read(name);
  return found ? *found : std::string(name_of(found.error().code()));
}

// A result of which an older record lies in an older pack.
struct twice_written {
  filesystem_house house{filesystem_house::files_only(), holds::results};
  const digest name = digest_of("an action");
  const digest other = digest_of("another action");

  explicit twice_written(bool forgotten = false) {
    write(name, "old");
    write(other, "other");
    house.restart();
    write(digest_of("a third one"), "third");
    if (forgotten)
      BOOST_REQUIRE(house.ask(forget_blob{name}).has_value());
    else
      write(name, "new");
    house.close();
  }
  void write(const digest& what, const std::string& content) {
    BOOST_REQUIRE(house.write(what, content).has_value());
  }
  void open_with(std::function<int(disk_call, const std::string&)> fault) {
    house.disk.fault = std::move(fault);
    house.open();
    house.run();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(filesystem_unread)

BOOST_AUTO_TEST_CASE(no_older_result_is_served_while_the_pack_with_the_newer_one_cannot_be_read) {
  twice_written with;
  auto& house = with.house;
  with.open_with(failing(2));
  BOOST_TEST(read(house, with.name) == "NOT_FOUND");
  BOOST_TEST(read(house, with.other) == "NOT_FOUND");
  BOOST_TEST(!house.has(with.name));
  BOOST_TEST(!house.ask(read_blobs{{with.name}})->results.at(0).has_value());
  BOOST_TEST((house.ask(lease_blobs{{with.name}})->missing == std::vector{with.name}));
  // What is written now is the truth.
  with.write(with.other, "newest");
  BOOST_TEST(read(house, with.other) == "newest");
  house.disk.fault = nullptr;
  house.restart();
  BOOST_TEST(read(house, with.name) == "new");
  BOOST_TEST(read(house, with.other) == "newest");
}

BOOST_AUTO_TEST_CASE(a_pack_that_could_not_be_read_is_tried_again_without_a_restart) {
  for (auto what : {holds::results, holds::content}) {
    filesystem_house house(filesystem_house::packing(), what);
    digest blob = house.put(noise(5000, 1));
    house.close();
    house.disk.fault = failing(1);
    house.open();
    house.run();
    BOOST_TEST(!house.has(blob));
    house.system.pass(3s);
    house.run();
    BOOST_TEST(!house.has(blob));
    house.disk.fault = nullptr;
    house.system.pass(20s);
    house.run();
    BOOST_TEST(house.has(blob));
    BOOST_TEST(read(house, blob) == noise(5000, 1));
    BOOST_TEST(house.figures().blobs == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_result_is_the_newest_once_its_pack_could_be_read) {
  twice_written with;
  with.open_with(failing(2));
  BOOST_TEST(read(with.house, with.name) == "NOT_FOUND");
  with.house.disk.fault = nullptr;
  with.house.system.pass(3s);
  with.house.run();
  BOOST_TEST(read(with.house, with.name) == "new");
  BOOST_TEST(read(with.house, with.other) == "other");
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
      with.house.disk.fault = nullptr;
      const std::string found = read(with.house, with.name);
      BOOST_TEST((found == "new" || found == "NOT_FOUND"),
                 "reads " << from << " and " << count << ": " << found);
      with.house.system.pass(5s);
      with.house.run();
      BOOST_TEST(read(with.house, with.name) == "new");
      with.house.restart();
      BOOST_TEST(read(with.house, with.name) == "new");
    }
}

BOOST_AUTO_TEST_CASE(a_result_that_was_forgotten_does_not_come_back_with_a_pack_that_cannot_be_read) {
  twice_written with(true);
  with.open_with(failing(2));
  BOOST_TEST(read(with.house, with.name) == "NOT_FOUND");
  with.house.disk.fault = nullptr;
  with.house.restart();
  BOOST_TEST(read(with.house, with.name) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_while_its_pack_cannot_be_read_stays_forgotten) {
  for (bool restarted : {false, true}) {
    twice_written with;
    with.open_with(failing(2));
    BOOST_REQUIRE(with.house.ask(forget_blob{with.name}).has_value());
    with.house.disk.fault = nullptr;
    if (restarted) {
      with.house.restart();
    } else {
      with.house.system.pass(3s);
      with.house.run();
    }
    BOOST_TEST(read(with.house, with.name) == "NOT_FOUND");
    BOOST_TEST(read(with.house, with.other) == "other");
  }
}

// Or the next start would take what is in the older ones for the truth.
BOOST_AUTO_TEST_CASE(packs_leave_before_a_newer_one_that_cannot_be_read) {
  twice_written with;
  auto& house = with.house;
  with.open_with(failing(2));
  for (unsigned i = 0;
       i < 5000 && std::filesystem::exists(house.folder / "store/packs" / filesystem::pack_name(2)); ++i)
    with.write(digest_of(std::to_string(i)), noise(15'000, i));
  BOOST_TEST(!std::filesystem::exists(house.folder / "store/packs" / filesystem::pack_name(1)));
  house.disk.fault = nullptr;
  house.restart();
  BOOST_TEST(read(house, with.name) != "old");
}

BOOST_AUTO_TEST_SUITE_END()
