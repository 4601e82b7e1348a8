#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <optional>

#include "core/observe/log.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_faults)

namespace {

template <class T>
std::string code_of(const expected<T>& answer) {
  return std::string(name_of(answer ? errc::ok : answer.error().code()));
}

// The n-th of these calls fails, and those after it as well if the fault stays.
auto nth(disk_call which, std::size_t n, int number, bool stays = false) {
  return [=, seen = std::size_t(0)](disk_call made, const std::string&) mutable {
    if (made != which) return 0;
    ++seen;
    return seen == n || (stays && seen > n) ? number : 0;
  };
}

// Nothing of an upload is left, on the disk or in the books.
void check_no_trace(filesystem_fixture& fixture) {
  BOOST_TEST(fixture.files_in("temp").empty());
  BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "reserved") == 0.0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(makes_room_and_goes_on_when_the_disk_is_full_once) {
  for (auto call : {disk_call::open, disk_call::write, disk_call::rename}) {
    filesystem_fixture fixture;
    digest old = fixture.put(noise(200'000, 1));
    fixture.run();
    fixture.disk.fault = nth(call, 1, ENOSPC);
    BOOST_TEST(code_of(fixture.write(digest_of(noise(150'000, 2)), noise(150'000, 2))) == "OK");
    fixture.disk.fault = nullptr;
    BOOST_TEST((fixture.read(digest_of(noise(150'000, 2))) == noise(150'000, 2)));
    BOOST_TEST(!fixture.has(old));
    check_no_trace(fixture);
  }
}

BOOST_AUTO_TEST_CASE(memory_that_is_not_there_fails_one_call_and_no_other) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()})
    for (std::size_t size : {5000U, 3'000'000U}) {
      filesystem_fixture fixture(options);
      const auto content = noise(size, 1);
      digest blob = fixture.put(content);
      fixture.run();
      bool thrown = false;
      auto once = [&](disk_call made, const std::string&) {
        if (thrown || (made != disk_call::read && made != disk_call::read_cached)) return 0;
        thrown = true;
        throw std::bad_alloc();
      };
      fixture.disk.fault = once;
      auto failed = fixture.read(blob);
      if (thrown) BOOST_TEST(code_of(failed) != "OK");
      fixture.disk.fault = nullptr;
      BOOST_TEST((fixture.read(blob) == content));
      BOOST_TEST(fixture.has(blob));
    }
}

BOOST_AUTO_TEST_CASE(no_blob_leaves_for_want_of_descriptors_or_memory) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()})
    for (int number : {EMFILE, ENFILE, ENOMEM}) {
      filesystem_fixture fixture(options);
      std::vector<digest> kept;
      for (unsigned i = 0; i < 20; ++i) kept.push_back(fixture.put(noise(20'000, i)));
      fixture.disk.fault = [number](disk_call made, const std::string&) {
        return made == disk_call::open || made == disk_call::write ? number : 0;
      };
      for (std::size_t size : {5000U, 300'000U}) {
        BOOST_TEST(code_of(fixture.write(digest_of(noise(size, 92)), noise(size, 92))) != "OK");
        write_blobs batch{{{digest_of(noise(size, 93)), bytes::adopt(noise(size, 93))}}};
        BOOST_TEST(code_of(fixture.ask(batch)->results.at(0)) == "UNAVAILABLE");
      }
      fixture.disk.fault = nullptr;
      for (const auto& blob : kept) BOOST_TEST(fixture.has(blob));
    }
}

// Rules 34 and 108.
BOOST_AUTO_TEST_CASE(refuses_and_goes_on_reading_when_the_disk_stays_full) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()}) {
    filesystem_fixture fixture(options);
    digest old = fixture.put(noise(200'000, 1));
    auto lease = fixture.ask(lease_blobs{{old}});
    fixture.run();
    fixture.disk.fault = nth(disk_call::write, 1, ENOSPC, true);
    for (std::size_t size : {5000U, 300'000U}) {
      BOOST_TEST(code_of(fixture.write(digest_of(noise(size, 2)), noise(size, 2))) == "RESOURCE_EXHAUSTED");
      write_blobs batch{{{digest_of(noise(size, 3)), bytes::adopt(noise(size, 3))}}};
      BOOST_TEST(code_of(fixture.ask(batch)->results.at(0)) == "RESOURCE_EXHAUSTED");
    }
    BOOST_TEST((fixture.read(old) == noise(200'000, 1)));
    check_no_trace(fixture);
    fixture.disk.fault = nullptr;
    BOOST_TEST(code_of(fixture.write(digest_of(noise(5000, 2)), noise(5000, 2))) == "OK");
    check_no_trace(fixture);
  }
}

BOOST_AUTO_TEST_CASE(survives_any_one_call_that_fails_during_writes) {
  for (auto options :
       {filesystem_fixture::files_only(), filesystem_fixture::packing(), filesystem_fixture::direct()}) {
    for (int number : {EIO, ENOSPC, EMFILE}) {
      for (std::size_t n = 1;; ++n) {
        filesystem_fixture fixture(options);
        fixture.run();
        std::size_t made = 0;
        std::optional<disk_call> failed;
        fixture.disk.fault = [&](disk_call call, const std::string&) {
          if (++made != n) return 0;
          failed = call;
          return number;
        };
        std::string large = noise(1'200'000), small = noise(3000);
        auto first = fixture.write(digest_of(large), large);
        auto second = fixture.write(digest_of(small), small);
        fixture.disk.fault = nullptr;
        if (!failed) break;
        BOOST_TEST((first || !fixture.has(digest_of(large))));
        BOOST_TEST((second || !fixture.has(digest_of(small))));
        BOOST_TEST((fixture.write(digest_of(large), large) && fixture.read(digest_of(large)) == large));
        BOOST_TEST((fixture.write(digest_of(small), small) && fixture.read(digest_of(small)) == small));
        if (*failed != disk_call::remove) check_no_trace(fixture);
        fixture.restart();
        BOOST_TEST((fixture.read(digest_of(large)) == large));
        BOOST_TEST((fixture.read(digest_of(small)) == small));
      }
    }
  }
}

// Rule 117.
BOOST_AUTO_TEST_CASE(never_acknowledges_what_could_not_be_synced) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()}) {
    for (std::size_t size : {3000U, 1'200'000U}) {
      for (auto call : {disk_call::sync_data, disk_call::sync, disk_call::sync_all}) {
        filesystem_fixture fixture(options);
        fixture.run();
        bool hit = false;
        fixture.disk.fault = [&](disk_call made, const std::string&) {
          hit = hit || made == call;
          return made == call ? EIO : 0;
        };
        digest blob = digest_of(noise(size));
        auto written = fixture.write(blob, noise(size));
        if (hit) {
          BOOST_TEST(code_of(written) == "INTERNAL");
          BOOST_TEST(!fixture.has(blob));
        }
        fixture.disk.fault = nullptr;
        BOOST_TEST(code_of(fixture.write(blob, noise(size))) == "OK");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(finishes_short_writes) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()}) {
    filesystem_fixture fixture(options);
    fixture.disk.longest_write = 777;
    digest large = fixture.put(noise(100'000));
    digest small = fixture.put(noise(5000));
    fixture.restart();
    BOOST_TEST((fixture.read(large) == noise(100'000)));
    BOOST_TEST((fixture.read(small) == noise(5000)));
  }
}

BOOST_AUTO_TEST_CASE(drops_a_blob_that_the_disk_cannot_read) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()}) {
    for (std::size_t size : {5000U, 700'000U}) {
      filesystem_fixture fixture(options);
      digest blob = fixture.put(noise(size));
      fixture.disk.fault = [](disk_call made, const std::string&) {
        return made == disk_call::read || made == disk_call::read_cached ? EIO : 0;
      };
      BOOST_TEST(code_of(fixture.read(blob)) == "NOT_FOUND");
      fixture.disk.fault = nullptr;
      BOOST_TEST(!fixture.has(blob));
      fixture.put(noise(size));
      BOOST_TEST((fixture.read(blob) == noise(size)));
    }
  }
}

BOOST_AUTO_TEST_CASE(keeps_a_blob_that_could_not_be_opened_for_want_of_descriptors) {
  filesystem_fixture fixture;
  digest blob = fixture.put(noise(700'000));
  fixture.disk.fault = nth(disk_call::open, 1, EMFILE, true);
  BOOST_TEST(code_of(fixture.read(blob)) == "RESOURCE_EXHAUSTED");
  fixture.disk.fault = nullptr;
  BOOST_TEST((fixture.read(blob) == noise(700'000)));
}

BOOST_AUTO_TEST_CASE(serves_what_it_has_from_a_disk_that_became_read_only) {
  filesystem_fixture fixture;
  digest blob = fixture.put(noise(50'000));
  fixture.disk.fault = [](disk_call made, const std::string& path) {
    bool writes = made == disk_call::write || made == disk_call::rename || made == disk_call::remove ||
                  (made == disk_call::open && path.find('/') == std::string::npos);
    return writes ? EROFS : 0;
  };
  BOOST_TEST(code_of(fixture.write(digest_of(noise(60'000)), noise(60'000))) == "UNAVAILABLE");
  BOOST_TEST((fixture.read(blob) == noise(50'000)));
}

// The record of a write that was refused may be on the disk all the same, where it could not be wiped.
BOOST_AUTO_TEST_CASE(what_was_forgotten_does_not_come_back_from_a_write_that_failed) {
  filesystem_fixture fixture(filesystem_fixture::files_only(), store_role::results);
  const digest name = digest_of("an action");
  BOOST_REQUIRE(fixture.write(name, "first").has_value());
  bool written = false;
  fixture.disk.fault = [&](disk_call made, const std::string&) {
    if (made == disk_call::write && !std::exchange(written, true)) return 0;
    return made == disk_call::write || made == disk_call::sync_data ? EIO : 0;
  };
  BOOST_TEST(!fixture.write(name, "second").has_value());
  fixture.disk.fault = nullptr;
  BOOST_TEST(fixture.ask(forget_blob{name})->was_present);
  BOOST_TEST(!fixture.has(name));
  fixture.crash();
  BOOST_TEST(!fixture.has(name));
}

BOOST_AUTO_TEST_CASE(what_is_written_while_it_is_forgotten_is_there_at_the_next_start) {
  filesystem_fixture fixture(filesystem_fixture::files_only(), store_role::results);
  const digest name = digest_of("an action");
  auto source = std::make_shared<contract::hand_fed>();
  auto slow = fixture.begin(write_blob{name, source});
  fixture.run();
  BOOST_REQUIRE(fixture.write(name, "quick").has_value());
  BOOST_TEST(fixture.ask(forget_blob{name})->was_present);
  source->feed("slow");
  fixture.run();
  source->end();
  fixture.run();
  BOOST_REQUIRE((*slow && (**slow).has_value()));
  BOOST_TEST((fixture.read(name) == "slow"));
  fixture.crash();
  BOOST_TEST((fixture.read(name) == "slow"));
}

BOOST_AUTO_TEST_CASE(a_batch_that_is_written_while_one_of_it_is_forgotten_is_there_at_the_next_start) {
  filesystem_fixture fixture(filesystem_fixture::files_only(), store_role::results);
  const digest name = digest_of("an action"), other = digest_of("another action");
  BOOST_REQUIRE(fixture.write(name, "first").has_value());
  auto batch =
      fixture.begin(write_blobs{{{name, bytes::copy_of("second")}, {other, bytes::copy_of("other")}}});
  fixture.run_jobs(0);
  auto gone = fixture.begin(forget_blob{name});
  fixture.run();
  BOOST_REQUIRE((*batch && **batch && *gone && **gone));
  for (const auto& one : (**batch)->results) BOOST_TEST(one.has_value());
  for (int start = 0; start < 2; ++start) {
    BOOST_TEST((fixture.read(name) == "second"));
    BOOST_TEST((fixture.read(other) == "other"));
    fixture.crash();
  }
}

BOOST_AUTO_TEST_SUITE_END()
