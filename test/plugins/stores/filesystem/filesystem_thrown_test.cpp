#include <boost/test/unit_test.hpp>
#include <new>
#include <optional>
#include <random>

#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_thrown)

namespace {

// The n-th call of the disk throws: `n` 0 is never.
struct thrower {
  std::size_t n = 0;
  bool memory = true;
  std::size_t made = 0;
  std::optional<disk_call> thrown{};

  int operator()(disk_call call) {
    if (++made != n) return 0;
    thrown = call;
    if (memory) throw std::bad_alloc();
    throw 7;
  }
};

template <class Answer>
void check_answered(const std::shared_ptr<std::optional<expected<Answer>>>& answer, const thrower& what,
                    const char* order) {
  BOOST_TEST(answer->has_value(), order << ": no answer when call " << what.n << " threw, of kind "
                                        << (what.thrown ? static_cast<int>(*what.thrown) : -1));
}

// Everything that a store can be asked for, at once.
void ask_for_everything(filesystem_fixture& fixture, const thrower& what, const digest& small,
                        const digest& large) {
  auto write = [&](std::size_t size) {
    return fixture.begin(write_blob{digest_of(noise(size, 9)), contract::deliver(noise(size, 9))});
  };
  auto one = write(2500);
  auto other = write(250'000);
  write_blobs several;
  for (std::size_t size : {100U, 3500U, 150'000U, 160'000U})
    several.entries.push_back({digest_of(noise(size, 8)), bytes::adopt(noise(size, 8))});
  auto batch = fixture.begin(std::move(several));
  auto whole = fixture.begin(read_blob{small});
  auto part = fixture.begin(read_blob{large, 1000, 5000});
  auto same = fixture.begin(read_blob{large, 2000, 5000});
  auto together = fixture.begin(read_blobs{{small, large}});
  auto lent = fixture.begin(lend_files{{small}});
  auto file = fixture.begin(lend_files{{large}});
  auto missing = fixture.begin(find_missing{{small, large, digest_of("absent")}});
  auto held = fixture.begin(lease_blobs{{small, large}});
  auto flushed = fixture.begin(flush_store{});
  fixture.run();
  auto gone = fixture.begin(forget_blob{digest_of(noise(2500, 9))});
  fixture.run();
  check_answered(one, what, "write_blob");
  check_answered(other, what, "write_blob of a large one");
  check_answered(batch, what, "write_blobs");
  check_answered(whole, what, "read_blob");
  check_answered(part, what, "read_blob of a part");
  check_answered(same, what, "read_blob of another part");
  check_answered(together, what, "read_blobs");
  check_answered(lent, what, "lend_files of a copy");
  check_answered(file, what, "lend_files");
  check_answered(missing, what, "find_missing");
  check_answered(held, what, "lease_blobs");
  check_answered(flushed, what, "flush_store");
  check_answered(gone, what, "forget_blob");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_job_that_throws_fails_who_asked_and_nothing_else) {
  for (bool memory : {true, false})
    // Most of the later calls look for folders that are not there, each in the same way.
    for (std::size_t n = 1;; n += n < 100 ? 1 : 211) {
      filesystem_fixture fixture(filesystem_fixture::packing());
      const digest small = fixture.put(noise(3000, 1)), large = fixture.put(noise(200'000, 2));
      fixture.close();
      fixture.open();
      thrower what{n, memory};
      fixture.disk.fault = [&](disk_call call, const std::string&) { return what(call); };
      ask_for_everything(fixture, what, small, large);
      fixture.disk.fault = nullptr;
      if (!what.thrown) break;
      // It works as if nothing had been.
      for (std::size_t size : {2600U, 260'000U}) {
        const digest fresh = fixture.put(noise(size, 7));
        BOOST_TEST((fixture.read(fresh) == noise(size, 7)));
        BOOST_TEST(fixture.lend(fresh).has_value());
      }
      fixture.run();
      BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "reserved") == 0.0,
                 "room is lost when call " << n << " throws, of kind " << static_cast<int>(*what.thrown));
      fixture.restart();
      BOOST_TEST((fixture.read(small) == noise(3000, 1)));
      BOOST_TEST((fixture.read(large) == noise(200'000, 2)));
      BOOST_TEST((fixture.read(digest_of(noise(2600, 7))) == noise(2600, 7)));
      BOOST_TEST((fixture.read(digest_of(noise(260'000, 7))) == noise(260'000, 7)));
    }
}

// Packs leave all the time, and what is used in them is moved.
BOOST_AUTO_TEST_CASE(every_result_is_answered_on_a_disk_that_throws_now_and_then) {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{1 << 20};
  filesystem_fixture fixture(options, store_role::results);
  std::mt19937_64 chance(1);
  fixture.disk.fault = [&](disk_call, const std::string&) {
    if (chance() % 40 == 0) throw std::bad_alloc();
    return 0;
  };
  for (unsigned i = 0; i < 600; ++i) {
    auto written =
        fixture.begin(write_blob{digest_of(std::to_string(i % 150)), contract::deliver(noise(9000, i))});
    auto read = fixture.begin(read_blob{digest_of(std::to_string(chance() % 150))});
    fixture.run();
    BOOST_REQUIRE(written->has_value());
    BOOST_REQUIRE(read->has_value());
  }
  fixture.disk.fault = nullptr;
  for (unsigned i = 0; i < 200; ++i)
    BOOST_REQUIRE(fixture.write(digest_of(std::to_string(i)), noise(9000, i)).has_value());
  BOOST_TEST((fixture.read(digest_of("199")) == noise(9000, 199)));
  BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "reserved") == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
