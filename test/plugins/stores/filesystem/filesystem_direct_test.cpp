#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "plugins/stores/filesystem/files/aligned_block.hpp"
#include "test/contract/claims.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::code_of;
using contract::hand_fed;
using contract::noise;

// Large blobs that are written past the page cache.
BOOST_AUTO_TEST_SUITE(filesystem_direct)

namespace {

constexpr std::size_t block = filesystem::aligned_block::size;

void check_clean(filesystem_fixture& fixture) {
  BOOST_TEST(fixture.files_in("temp").empty());
  BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "reserved") == 0.0);
}

void check_kept(filesystem_fixture& fixture, const std::string& content) {
  const digest blob = digest_of(content);
  BOOST_TEST((fixture.read(blob) == content));
  BOOST_TEST(std::filesystem::file_size(fixture.file_of(blob)) == content.size());
}

// In pieces that fit no block.
expected<receipt> write_in_pieces(filesystem_fixture& fixture, const std::string& content) {
  auto source = std::make_shared<hand_fed>();
  auto answer = fixture.begin(write_blob{digest_of(content), source});
  fixture.run();
  for (std::size_t at = 0; at < content.size(); at += 300'007) {
    source->feed(content.substr(at, 300'007));
    fixture.run();
  }
  source->end();
  fixture.run();
  BOOST_REQUIRE(answer->has_value());
  return **answer;
}

}  // namespace

BOOST_AUTO_TEST_CASE(keeps_every_byte_whatever_the_size) {
  filesystem_fixture fixture(filesystem_fixture::direct());
  for (std::size_t size :
       {std::size_t(65'537), block - 1, block, block + 1, 3 * block, 3 * block + 4096, 2 * block + 12'345}) {
    BOOST_TEST(code_of(write_in_pieces(fixture, noise(size, size))) == "OK");
    check_kept(fixture, noise(size, size));
  }
  check_clean(fixture);
  fixture.restart(filesystem_fixture::whole::machine);
  check_kept(fixture, noise(3 * block, 3 * block));
  check_kept(fixture, noise(2 * block + 12'345, 2 * block + 12'345));
}

BOOST_AUTO_TEST_CASE(goes_on_through_the_page_cache_when_writes_end_between_two_pages) {
  filesystem_fixture fixture(filesystem_fixture::direct());
  fixture.disk.longest_write = 300'001;
  const auto content = noise(2 * block + 777, 5);
  BOOST_TEST(code_of(write_in_pieces(fixture, content)) == "OK");
  check_kept(fixture, content);
  check_clean(fixture);
}

BOOST_AUTO_TEST_CASE(goes_through_the_page_cache_where_there_is_no_other_way) {
  filesystem_fixture fixture(filesystem_fixture::direct());
  fixture.run();
  int refused = 0;
  fixture.disk.fault = [&](disk_call call, const std::string&) {
    return call == disk_call::open && refused++ == 0 ? EINVAL : 0;
  };
  const auto content = noise(2 * block + 777, 6);
  BOOST_TEST(code_of(write_in_pieces(fixture, content)) == "OK");
  fixture.disk.fault = nullptr;
  BOOST_TEST(refused >= 2);
  check_kept(fixture, content);
  check_clean(fixture);
}

BOOST_AUTO_TEST_CASE(asks_the_disk_for_room_before_the_bytes_come_and_makes_it) {
  for (auto options : {filesystem_fixture::direct(), filesystem_fixture::files_only()}) {
    filesystem_fixture fixture(options);
    digest old = fixture.put(noise(200'000, 1));
    fixture.run();
    bool refused = false;
    std::size_t written = 0;
    fixture.disk.fault = [&](disk_call call, const std::string&) {
      if (call == disk_call::write && !refused) ++written;
      return call == disk_call::allocate && !std::exchange(refused, true) ? ENOSPC : 0;
    };
    const auto content = noise(3 * block, 2);
    BOOST_TEST(code_of(write_in_pieces(fixture, content)) == "OK");
    fixture.disk.fault = nullptr;
    BOOST_TEST(refused);
    BOOST_TEST(written <= 6U);  // of what came before a MiB was granted
    BOOST_TEST(!fixture.has(old));
    check_kept(fixture, content);
    check_clean(fixture);
  }
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_full_for_a_while_loses_no_byte_of_a_block) {
  filesystem_fixture fixture(filesystem_fixture::direct());
  fixture.put(noise(200'000, 1));
  fixture.run();
  bool refused = false;
  fixture.disk.fault = [&](disk_call call, const std::string&) {
    return call == disk_call::write && !std::exchange(refused, true) ? ENOSPC : 0;
  };
  const auto content = noise(3 * block + 99, 2);
  BOOST_TEST(code_of(write_in_pieces(fixture, content)) == "OK");
  fixture.disk.fault = nullptr;
  BOOST_TEST(refused);
  check_kept(fixture, content);
  check_clean(fixture);
}

BOOST_AUTO_TEST_CASE(what_is_given_up_or_wrong_leaves_nothing) {
  filesystem_fixture fixture(filesystem_fixture::direct());
  for (int i = 0; i < 40; ++i) {  // more than there are blocks
    auto source = std::make_shared<hand_fed>();
    auto answer = fixture.begin(write_blob{digest_of(noise(3 * block, 3)), source});
    fixture.run();
    source->feed(noise(block + 5, 4));
    fixture.run();
    source->vanish();
    fixture.run();
    BOOST_REQUIRE(answer->has_value());
    BOOST_TEST(code_of(**answer) != "OK");
  }
  auto wrong = fixture.write(digest_of(noise(2 * block, 3)), noise(2 * block, 4));
  BOOST_TEST(code_of(wrong) == "INVALID_ARGUMENT");
  check_clean(fixture);
  BOOST_TEST(code_of(write_in_pieces(fixture, noise(2 * block, 3))) == "OK");
}

// Twenty uploads at once: some are written through the page cache.
BOOST_AUTO_TEST_CASE(more_than_there_are_blocks_for_are_written_all_the_same) {
  filesystem_fixture fixture(filesystem_fixture::direct());
  std::vector<std::shared_ptr<hand_fed>> sources;
  std::vector<std::shared_ptr<std::optional<expected<receipt>>>> answers;
  for (std::uint64_t i = 0; i < 20; ++i) {
    sources.push_back(std::make_shared<hand_fed>());
    answers.push_back(fixture.begin(write_blob{digest_of(noise(block + i, i)), sources.back()}));
  }
  fixture.run();
  for (std::uint64_t i = 0; i < 20; ++i) sources[i]->feed(noise(block + i, i).substr(0, 100'000));
  fixture.run();
  for (std::uint64_t i = 0; i < 20; ++i) sources[i]->feed(noise(block + i, i).substr(100'000));
  fixture.run();
  for (std::uint64_t i = 0; i < 20; ++i) sources[i]->end();
  fixture.run();
  for (std::uint64_t i = 0; i < 20; ++i) {
    BOOST_TEST((answers[i]->has_value() && (*answers[i])->has_value()));
    check_kept(fixture, noise(block + i, i));
  }
  check_clean(fixture);
}

BOOST_AUTO_TEST_SUITE_END()
