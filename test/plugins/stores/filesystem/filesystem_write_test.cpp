#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <thread>

#include "core/observe/log.hpp"
#include "test/contract/claims.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::code_of;
using contract::hand_fed;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_write)

namespace {

struct stat facts_of(const std::filesystem::path& file) {
  struct stat result {};
  BOOST_REQUIRE(::stat(file.c_str(), &result) == 0);
  return result;
}

// Steps of the disk, syncs and renames only, as letters.
std::string steps(const faulty_disk& disk) {
  std::string result;
  for (auto call : disk.calls) {
    if (call == disk_call::sync_data || call == disk_call::sync_all) result += 's';
    if (call == disk_call::sync) result += 'f';
    if (call == disk_call::rename) result += 'r';
  }
  return result;
}

}  // namespace

// Rule 117.
BOOST_AUTO_TEST_CASE(syncs_the_bytes_before_the_name_and_the_name_before_the_answer) {
  filesystem_fixture fixture;
  fixture.run();
  for (std::size_t size : {5000U, 1'500'000U}) {
    fixture.make_places();
    fixture.disk.calls.clear();
    fixture.put(noise(size));
    BOOST_TEST(steps(fixture.disk) == "srf");
  }
}

BOOST_AUTO_TEST_CASE(makes_the_folder_of_a_first_name_and_syncs_that_too) {
  filesystem_fixture fixture;
  fixture.run();
  fixture.disk.calls.clear();
  fixture.put(noise(5000));
  // The name has no folder yet: that is made and synced, and then it goes on as always.
  BOOST_TEST(steps(fixture.disk) == "srfrf");
  BOOST_TEST(fixture.disk.count(disk_call::make_folder) == 1U);
}

BOOST_AUTO_TEST_CASE(commits_writers_that_wait_together_in_one_group) {
  filesystem_fixture fixture;
  fixture.run();
  fixture.make_places();
  std::vector<std::shared_ptr<std::optional<expected<receipt>>>> answers;
  for (std::uint64_t i = 0; i < 20; ++i)
    answers.push_back(
        fixture.begin(write_blob{digest_of(noise(5000, i)), contract::deliver(noise(5000, i))}));
  fixture.disk.calls.clear();
  fixture.run();
  for (const auto& answer : answers) BOOST_TEST((answer->has_value() && (*answer)->has_value()));
  BOOST_TEST(fixture.disk.count(disk_call::rename) == 20U);
  BOOST_TEST(fixture.disk.count(disk_call::sync_data) + fixture.disk.count(disk_call::sync_all) <= 6U);
}

BOOST_AUTO_TEST_CASE(keeps_a_batch_of_small_blobs_with_one_write_and_one_sync) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  fixture.put("the first blob makes the pack");
  write_blobs batch;
  for (std::uint64_t i = 0; i < 100; ++i) {
    std::string content = noise(1024, i);
    batch.entries.push_back({digest_of(content), bytes::adopt(content)});
  }
  fixture.disk.calls.clear();
  auto answer = fixture.ask(batch);
  BOOST_REQUIRE(answer);
  for (const auto& one : answer->results) BOOST_TEST(code_of(one) == "OK");
  BOOST_TEST(fixture.disk.calls.size() <= 4U);
  BOOST_TEST(steps(fixture.disk).size() <= 2U);
}

BOOST_AUTO_TEST_CASE(does_not_read_the_source_of_what_is_there) {
  filesystem_fixture fixture;
  digest blob = fixture.put(noise(5000));
  auto source = std::make_shared<hand_fed>();
  auto answer = fixture.ask(write_blob{blob, source});
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->was_present);
  BOOST_TEST(!source->was_read());
}

BOOST_AUTO_TEST_CASE(keeps_the_file_that_is_there_when_the_blob_comes_twice) {
  filesystem_fixture fixture;
  std::string content = noise(300'000);
  digest blob = digest_of(content);
  auto slow = std::make_shared<hand_fed>();
  auto second = fixture.begin(write_blob{blob, slow});
  fixture.run();
  fixture.put(content);
  auto inode = facts_of(fixture.file_of(blob)).st_ino;
  // Whoever is still bringing it need not go on.
  fixture.run();
  BOOST_REQUIRE(second->has_value());
  BOOST_TEST(code_of(**second) == "OK");
  slow->feed(content);
  fixture.run();
  BOOST_TEST(facts_of(fixture.file_of(blob)).st_ino == inode);
  BOOST_TEST(fixture.files_in("temp").empty());
  // A restart later the name is there before the index knows it.
  fixture.close();
  fixture.open();
  auto again = fixture.begin(write_blob{blob, contract::deliver(content)});
  fixture.run();
  BOOST_TEST(code_of(**again) == "OK");
  BOOST_TEST(facts_of(fixture.file_of(blob)).st_ino == inode);
}

BOOST_AUTO_TEST_CASE(makes_files_that_nobody_has_to_change_later) {
  filesystem_fixture fixture;
  for (mode_t mask : {0, 022, 077}) {
    mode_t before = ::umask(mask);
    fixture.restart();
    digest blob = fixture.put(noise(5000, mask));
    ::umask(before);
    BOOST_TEST((facts_of(fixture.file_of(blob)).st_mode & 07777U) == 0555U);
  }
}

BOOST_AUTO_TEST_CASE(leaves_nothing_of_an_upload_that_ends_at_any_step) {
  for (auto options : {filesystem_fixture::files_only(), filesystem_fixture::packing()}) {
    for (std::size_t size : {40'000U, 400'000U}) {
      std::string content = noise(size);
      digest blob = digest_of(content);
      for (int step = 0; step < 5; ++step) {
        for (bool vanishes : {false, true}) {
          filesystem_fixture fixture(options);
          auto source = std::make_shared<hand_fed>();
          auto answer = fixture.begin(write_blob{blob, source});
          fixture.run();
          for (int i = 0; i < step; ++i) {
            source->feed(content.substr(i * size / 4, size / 4));
            fixture.run();
          }
          if (vanishes)
            source->vanish();
          else
            source->feed(failure(error(errc::cancelled, "the client left")));
          fixture.run();
          BOOST_REQUIRE(answer->has_value());
          BOOST_TEST(code_of(**answer) == "CANCELLED");
          BOOST_TEST(!fixture.has(blob));
          BOOST_TEST(fixture.files_in("temp").empty());
          BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "reserved") == 0.0);
        }
      }
    }
  }
}

// A client that names a large blob, sends little and leaves must not have emptied the cache.
BOOST_AUTO_TEST_CASE(what_is_there_leaves_only_for_bytes_that_come) {
  constexpr std::size_t piece = 1 << 20;
  auto options = filesystem_fixture::files_only();
  options.capacity = capacity{{41 * piece}};
  filesystem_fixture fixture(options);
  for (std::uint64_t i = 0; i < 40; ++i) fixture.put(noise(piece, i));
  auto held = [&] { return fixture.gauge("kiln_filesystem_bytes", "stored") / static_cast<double>(piece); };
  BOOST_TEST(held() == 40.0);

  std::string content = noise(38 * piece, 100);
  auto begin = [&](std::shared_ptr<hand_fed> source) {
    auto answer = fixture.begin(write_blob{digest_of(content), std::move(source)});
    fixture.run();
    return answer;
  };
  auto one = std::make_shared<hand_fed>();
  auto answer = begin(one);
  for (std::size_t i = 0; i < 3; ++i, fixture.run()) one->feed(content.substr(i * piece, piece));
  BOOST_TEST(held() >= 35.0);  // for twice what came
  // Nobody else gets the room that it was promised.
  BOOST_TEST(code_of(**begin(std::make_shared<hand_fed>())) == "RESOURCE_EXHAUSTED");
  one->vanish();
  fixture.run();
  BOOST_TEST(code_of(**answer) == "CANCELLED");
  BOOST_TEST(held() >= 35.0);

  auto other = std::make_shared<hand_fed>();
  answer = begin(other);
  for (std::size_t i = 0; i < 38; ++i, fixture.run()) other->feed(content.substr(i * piece, piece));
  other->end();
  fixture.run();
  BOOST_TEST(code_of(**answer) == "OK");
  BOOST_TEST(held() <= 41.0);
  BOOST_TEST((*fixture.read(digest_of(content)) == content));
}

// Nor must many of them that send a byte each.
BOOST_AUTO_TEST_CASE(many_uploads_that_hardly_begin_cost_little) {
  constexpr std::size_t piece = 1 << 20, many = 100;
  auto options = filesystem_fixture::files_only();
  options.capacity = capacity{{41 * piece}};
  filesystem_fixture fixture(options);
  for (std::uint64_t i = 0; i < 40; ++i) fixture.put(noise(piece, i));
  std::vector<std::shared_ptr<hand_fed>> sources;
  for (std::uint64_t i = 0; i < many; ++i) {
    sources.push_back(std::make_shared<hand_fed>());
    fixture.begin(write_blob{digest_of(noise(400'000, 1000 + i)), sources.back()});
    fixture.run();
    sources.back()->feed("x");
    fixture.run();
  }
  // 128 KiB each, and no more.
  BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "reserved") <= many * (128.0 * 1024 + 4096));
  BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "stored") >= 27.0 * piece);
  for (auto& source : sources) source->vanish();
  fixture.run();
  BOOST_TEST(fixture.gauge("kiln_filesystem_bytes", "reserved") == 0.0);
}

BOOST_AUTO_TEST_CASE(lets_one_of_many_writers_of_a_blob_fail_without_hurting_the_others) {
  contract::stage on({"{type: filesystem, path: \"${FOLDER}/store\", capacity: 1GiB}"});
  for (std::uint64_t round = 0; round < 20; ++round) {
    std::string content = noise(round % 2 == 0 ? 3000 : 700'000, round);
    std::string wrong = content;
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    std::vector<std::future<expected<receipt>>> answers;
    for (int i = 0; i < 16; ++i) {
      contract::delivery how{100'000, true, {}};
      if (i == 5) how.fault = error(errc::cancelled, "the client left");
      answers.push_back(
          on.ask(write_blob{digest_of(content), contract::deliver(i == 7 ? wrong : content, how)}));
    }
    for (int i = 0; i < 16; ++i) {
      auto code = code_of(contract::wait(std::move(answers[i])));
      // The two that fail may also be told that somebody else has brought it.
      BOOST_TEST((code == "OK" || (i == 5 && code == "CANCELLED") || (i == 7 && code == "INVALID_ARGUMENT")));
    }
    BOOST_TEST((contract::read(on, digest_of(content)) == content));
  }
}

BOOST_AUTO_TEST_CASE(moves_to_a_newer_pack_what_is_asked_for_again_and_again) {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{1 << 20};
  filesystem_fixture fixture(options, store_role::results);
  digest wanted = digest_of("asked for");
  BOOST_REQUIRE(fixture.write(wanted, noise(2000, 1)));
  std::size_t evicted = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    BOOST_REQUIRE(fixture.write(digest_of("action " + std::to_string(i)), noise(2000, i)));
    if (i % 50 == 0) BOOST_REQUIRE(fixture.has(wanted));
    BOOST_REQUIRE(fixture.stats().bytes <= 1U << 20);
  }
  evicted = fixture.stats().evictions;
  BOOST_TEST(evicted > 4000U);
  BOOST_TEST((fixture.read(wanted) == noise(2000, 1)));
  BOOST_TEST(fixture.has(digest_of("action 4999")));
  fixture.restart();
  BOOST_TEST((fixture.read(wanted) == noise(2000, 1)));
  std::uint64_t on_disk = 0;
  for (const auto& file : fixture.files_in("packs"))
    if (file.extension() == ".pack") on_disk += std::filesystem::file_size(file);
  BOOST_TEST(on_disk <= 1U << 20);
}

BOOST_AUTO_TEST_CASE(gives_the_result_that_was_written_last_whatever_happens_in_between) {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{1 << 20};
  filesystem_fixture fixture(options, store_role::results);
  digest action = digest_of("action");
  for (std::uint64_t i = 0; i < 30; ++i) {
    auto written = fixture.write(action, noise(1000 + i, i));
    BOOST_REQUIRE_MESSAGE(written, (written ? std::string() : written.error().to_string()));
    BOOST_TEST((fixture.read(action) == noise(1000 + i, i)));
    for (std::uint64_t j = 0; j < 40; ++j)
      BOOST_REQUIRE(fixture.write(digest_of(std::to_string(i * 100 + j)), noise(5000, j)));
    if (i % 3 == 0) fixture.restart();
    auto now = fixture.read(action);
    BOOST_TEST((!now || *now == noise(1000 + i, i)));
  }
}

// Most of what is written is never asked for: it would push out what is.
BOOST_AUTO_TEST_CASE(keeps_in_memory_what_was_read_and_not_what_was_only_written) {
  for (auto options : {filesystem_fixture::packing(), filesystem_fixture::files_only()}) {
    options.hot_memory = byte_size{1 << 20};
    filesystem_fixture fixture(options);
    auto hot = [&] { return fixture.gauge("kiln_filesystem_bytes", "hot"); };
    std::vector<digest> written;
    for (std::uint64_t i = 0; i < 20; ++i) written.push_back(fixture.put(noise(1000, i)));
    fixture.stats();
    BOOST_TEST(hot() == 0.0);
    BOOST_REQUIRE(fixture.read(written[7]));
    fixture.stats();
    BOOST_TEST(hot() >= 1000.0);
    BOOST_TEST(hot() < 2000.0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
