#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/observe/log.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_lending)

namespace {

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream from(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(from), {}};
}

unsigned mode_of(const std::filesystem::path& file) {
  struct stat facts {};
  return ::stat(file.c_str(), &facts) == 0 ? facts.st_mode & 07777U : 0;
}

filesystem::store_options tiny() {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{1 << 20};
  return options;
}

// Writes three times the capacity.
void press(filesystem_fixture& fixture) {
  for (std::uint64_t i = 0; i < 30; ++i) fixture.put(noise(100'000, 1000 + i));
}

}  // namespace

BOOST_AUTO_TEST_CASE(lends_small_blobs_out_of_their_pack_as_files) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  for (std::size_t size : {0U, 1U, 5000U, 200'000U}) {
    std::string content = noise(size);
    digest blob = fixture.put(content);
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(lent);
    BOOST_TEST((bytes_of(lent->path) == content));
    struct stat facts {};
    BOOST_REQUIRE(::stat(lent->path.c_str(), &facts) == 0);
    BOOST_TEST((facts.st_mode & 07777U) == 0555U);
    auto again = fixture.lend(blob);
    BOOST_REQUIRE(again);
    BOOST_TEST(again->path == lent->path);
  }
}

BOOST_AUTO_TEST_CASE(keeps_a_lent_file_until_it_is_given_back) {
  filesystem_fixture fixture(tiny());
  digest blob = fixture.put(noise(100'000, 1));
  auto lent = fixture.lend(blob);
  BOOST_REQUIRE(lent);
  press(fixture);
  BOOST_TEST(std::filesystem::exists(lent->path));
  BOOST_TEST(fixture.has(blob));
  lent->hold.reset();
  press(fixture);
  BOOST_TEST(!std::filesystem::exists(lent->path));
}

BOOST_AUTO_TEST_CASE(leaves_hard_links_their_bytes_and_mode_when_the_blob_leaves) {
  filesystem_fixture fixture(tiny());
  digest blob = fixture.put(noise(100'000, 1));
  auto link = fixture.folder / "link";
  {
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(lent);
    std::filesystem::create_hard_link(lent->path, link);
  }
  press(fixture);
  BOOST_TEST(!fixture.has(blob));
  BOOST_TEST((bytes_of(link) == noise(100'000, 1)));
  BOOST_TEST((std::filesystem::status(link).permissions() == std::filesystem::perms(0555)));
}

BOOST_AUTO_TEST_CASE(lends_nothing_that_was_damaged_or_removed) {
  for (bool removed : {false, true}) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(50'000));
    if (removed)
      std::filesystem::remove(fixture.file_of(blob));
    else
      damage(fixture.file_of(blob), 30'000);
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(!lent);
    BOOST_TEST((lent.error().code() == errc::not_found));
    BOOST_TEST(!fixture.has(blob));
  }
}

BOOST_AUTO_TEST_CASE(makes_a_new_copy_of_a_packed_blob_when_the_old_one_was_damaged_or_removed) {
  for (bool removed : {false, true}) {
    filesystem_fixture fixture(filesystem_fixture::packing());
    digest blob = fixture.put(noise(5000));
    auto first = fixture.lend(blob);
    BOOST_REQUIRE(first);
    if (removed)
      std::filesystem::remove(first->path);
    else
      damage(first->path, 3000);
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(lent);
    BOOST_TEST((bytes_of(lent->path) == noise(5000)));
    BOOST_TEST(fixture.has(blob));
  }
}

// A mode or a time says nothing about bytes.
BOOST_AUTO_TEST_CASE(keeps_a_whole_blob_whose_file_somebody_had_in_hand) {
  for (std::size_t size : {5000U, 200'000U}) {
    filesystem_fixture fixture(filesystem_fixture::packing());
    digest blob = fixture.put(noise(size));
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(lent);
    for (unsigned mode : {0777U, 0000U, 04755U}) {
      BOOST_REQUIRE(::chmod(lent->path.c_str(), mode) == 0);
      std::filesystem::last_write_time(lent->path, std::filesystem::file_time_type());
      auto again = fixture.lend(blob);
      BOOST_REQUIRE(again);
      BOOST_TEST(again->path == lent->path);
      BOOST_TEST(mode_of(lent->path) == 0555U);
      BOOST_TEST((fixture.read(blob) == noise(size)));
    }
  }
}

// By a tool that copies no modes, or a cluster that gives its group rights to all that is there.
BOOST_AUTO_TEST_CASE(gives_a_data_folder_with_other_modes_its_modes_back) {
  for (unsigned mode : {0644U, 0664U, 0575U, 0600U, 0400U}) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(200'000));
    fixture.close();
    BOOST_REQUIRE(::chmod(fixture.file_of(blob).c_str(), mode) == 0);
    fixture.open();
    fixture.run();
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(lent);
    BOOST_TEST(mode_of(lent->path) == 0555U);
    BOOST_TEST((fixture.read(blob) == noise(200'000)));
  }
}

// An action may want a hundred thousand.
BOOST_AUTO_TEST_CASE(looks_at_many_files_with_few_jobs) {
  auto options = filesystem_fixture::packing();
  options.capacity = byte_size{256 << 20};
  for (std::size_t size : {1000U, 70'000U}) {
    filesystem_fixture fixture(options);
    std::vector<digest> blobs;
    for (std::uint64_t i = 0; i < 500; ++i) blobs.push_back(fixture.put(noise(size, i)));
    auto asked = fixture.begin(lend_files{blobs});
    std::size_t jobs = 0;
    while (fixture.run_jobs(1)) ++jobs;
    BOOST_TEST(jobs < 50U);
    BOOST_TEST_REQUIRE(asked->has_value());
    auto lent = contract::files_of(std::move(**asked), blobs.size());
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      BOOST_TEST_REQUIRE(lent[i].has_value());
      BOOST_TEST((bytes_of(lent[i]->path) == noise(size, i)));
    }
  }
}

BOOST_AUTO_TEST_CASE(forgets_copies_with_the_process) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  digest blob = fixture.put(noise(5000));
  BOOST_REQUIRE(fixture.lend(blob));
  BOOST_TEST(fixture.files_in("lent").size() == 1U);
  fixture.restart();
  BOOST_TEST(fixture.files_in("lent").empty());
  BOOST_TEST(fixture.files_in("trash").empty());
  auto lent = fixture.lend(blob);
  BOOST_REQUIRE(lent);
  BOOST_TEST((bytes_of(lent->path) == noise(5000)));
}

BOOST_AUTO_TEST_CASE(survives_holds_that_outlive_it) {
  std::shared_ptr<const void> lease, loan;
  {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(5000));
    lease = fixture.ask(lease_blobs{{blob}})->hold;
    loan = fixture.lend(blob)->hold;
  }
  BOOST_TEST((lease && loan));
  lease.reset();
  loan.reset();
}

BOOST_AUTO_TEST_CASE(keeps_a_leased_blob_readable_while_its_pack_leaves) {
  auto options = tiny();
  filesystem_fixture fixture(options, store_role::results);
  digest action = digest_of("leased");
  BOOST_REQUIRE(fixture.write(action, noise(3000)));
  auto lease = fixture.ask(lease_blobs{{action}});
  BOOST_REQUIRE(lease);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    auto other = fixture.begin(write_blob{digest_of(std::to_string(i)), contract::deliver(noise(3000, i))});
    auto read = fixture.begin(read_blob{action});
    fixture.run();
    BOOST_REQUIRE((read->has_value() && (*read)->has_value()));
    BOOST_REQUIRE((other->has_value() && (*other)->has_value()));
  }
  BOOST_TEST(fixture.stats().evictions > 1000U);
  BOOST_TEST((fixture.read(action) == noise(3000)));
}

BOOST_AUTO_TEST_SUITE_END()
