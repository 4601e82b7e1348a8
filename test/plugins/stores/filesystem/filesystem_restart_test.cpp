#include <fcntl.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <ctime>
#include <fstream>

#include "core/observe/log.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;
using whole = filesystem_fixture::whole;

BOOST_AUTO_TEST_SUITE(filesystem_restart)

namespace {

std::string code_of(const error& fault) {
  return std::string(name_of(fault.code()));
}

filesystem::store_options relaxed() {
  auto options = filesystem_fixture::files_only();
  options.keep = filesystem::durability::relaxed;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(finds_everything_again_after_a_restart) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  digest packed = fixture.put(noise(1000));
  digest large = fixture.put(noise(300'000));
  digest other_function = digest_of(noise(500), digest_function::blake3);
  BOOST_REQUIRE(fixture.write(other_function, noise(500)));
  auto before = fixture.stats();
  fixture.restart();
  BOOST_TEST((fixture.read(packed) == noise(1000)));
  BOOST_TEST((fixture.read(large) == noise(300'000)));
  BOOST_TEST((fixture.read(other_function) == noise(500)));
  BOOST_TEST(fixture.stats().blobs == before.blobs);
  BOOST_TEST(fixture.stats().bytes >= before.bytes);
}

// Each step of a write is the last one that the process takes.
BOOST_AUTO_TEST_CASE(keeps_what_it_acknowledged_wherever_it_is_killed) {
  for (auto options : {filesystem_fixture::packing(), filesystem_fixture::files_only()}) {
    for (std::size_t jobs = 0;; ++jobs) {
      filesystem_fixture fixture(options);
      fixture.run();
      write_blobs batch;
      for (std::uint64_t i = 0; i < 3; ++i) {
        std::string content = noise(2000, i);
        batch.entries.push_back({digest_of(content), bytes::adopt(content)});
      }
      std::string large = noise(1'500'000);
      auto first = fixture.begin(batch);
      auto second = fixture.begin(write_blob{digest_of(large), contract::deliver(large)});
      const bool ended = !fixture.run_jobs(jobs);
      const bool first_acknowledged = first->has_value();
      const bool second_acknowledged = second->has_value();
      fixture.crash();
      for (const auto& entry : batch.entries) {
        BOOST_TEST((!first_acknowledged || fixture.has(entry.blob)));
        BOOST_TEST((!fixture.has(entry.blob) || fixture.read(entry.blob) == entry.content.view()));
      }
      BOOST_TEST((!second_acknowledged || fixture.has(digest_of(large))));
      BOOST_TEST((!fixture.has(digest_of(large)) || fixture.read(digest_of(large)) == large));
      BOOST_TEST(fixture.files_in("temp").empty());
      BOOST_TEST(fixture.files_in("trash").empty());
      if (ended) break;
    }
  }
}

BOOST_AUTO_TEST_CASE(answers_from_the_disk_before_it_has_seen_all_of_it) {
  filesystem_fixture fixture;
  digest there = fixture.put(noise(5000));
  digest absent = digest_of("never written");
  fixture.close();
  fixture.open();
  auto missing = fixture.begin(find_missing{{absent, there}});
  // The thread pool lists folder after folder; the question stands in its queue behind the first.
  BOOST_TEST(fixture.run_jobs(3));
  BOOST_REQUIRE(missing->has_value());
  BOOST_TEST(((*missing)->value().blobs == std::vector{absent}));
  BOOST_TEST((fixture.read(there) == noise(5000)));
}

BOOST_AUTO_TEST_CASE(does_not_bring_back_what_left_while_it_was_looking) {
  filesystem_fixture fixture;
  digest blob = fixture.put(noise(5000));
  fixture.close();
  fixture.open();
  auto gone = fixture.begin(forget_blob{blob});
  fixture.run();
  BOOST_REQUIRE(gone->has_value());
  BOOST_TEST((*gone)->value().was_present);
  BOOST_TEST(!fixture.has(blob));
  BOOST_TEST(!std::filesystem::exists(fixture.file_of(blob)));
}

BOOST_AUTO_TEST_CASE(remembers_what_was_forgotten_in_a_pack) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  digest blob = fixture.put(noise(1000));
  BOOST_TEST(fixture.ask(forget_blob{blob})->was_present);
  fixture.crash();
  BOOST_TEST(!fixture.has(blob));
  fixture.put(noise(1000));
  fixture.restart();
  BOOST_TEST((fixture.read(blob) == noise(1000)));
}

BOOST_AUTO_TEST_CASE(sweeps_what_an_earlier_process_left_behind) {
  filesystem_fixture fixture;
  fixture.close();
  for (int i = 0; i < 2500; ++i) std::ofstream(fixture.folder / "store/temp" / std::to_string(i)) << "part";
  fixture.open();
  fixture.run();
  BOOST_TEST(fixture.files_in("temp").empty());
  BOOST_TEST(fixture.files_in("trash").empty());
}

// An action with a user of its own may pass through the folder to what it is lent.
BOOST_AUTO_TEST_CASE(shows_nobody_else_what_seals_its_records) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  fixture.put(noise(5000));
  auto others = [&](const std::string& name) {
    auto mode = std::filesystem::status(fixture.folder / "store" / name).permissions();
    return static_cast<unsigned>(mode) & 077U;
  };
  BOOST_TEST(others("kiln-store") == 0U);
  BOOST_TEST(others("packs") == 0U);
  // As a release before has left it.
  fixture.close();
  std::filesystem::permissions(fixture.folder / "store" / "packs", std::filesystem::perms(0755));
  std::filesystem::permissions(fixture.folder / "store" / "kiln-store", std::filesystem::perms(0644));
  fixture.open();
  fixture.run();
  BOOST_TEST(others("kiln-store") == 0U);
  BOOST_TEST(others("packs") == 0U);
}

BOOST_AUTO_TEST_CASE(leaves_foreign_files_alone) {
  filesystem_fixture fixture;
  digest blob = fixture.put(noise(5000));
  fixture.close();
  auto foreign = fixture.file_of(blob).parent_path() / "README";
  auto misspelt = fixture.file_of(blob).string() + "0";
  std::ofstream(foreign) << "not ours";
  std::ofstream(misspelt) << "size does not match the name";
  fixture.open();
  fixture.run();
  BOOST_TEST(fixture.stats().blobs == 1U);
  BOOST_TEST(std::filesystem::exists(foreign));
  BOOST_TEST((fixture.read(blob) == noise(5000)));
}

// As it is in a folder that a release without marks of use has left.
BOOST_AUTO_TEST_CASE(without_marks_lets_go_first_of_what_was_used_longest_ago_by_the_times_of_files) {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{1 << 20};
  filesystem_fixture fixture(options);
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 8; ++i) blobs.push_back(fixture.put(noise(100'000, i)));
  fixture.close();
  std::filesystem::remove_all(fixture.folder / "store" / "used");
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    // Both times, for the later one counts.
    const auto ago = std::chrono::hours(i == 3 ? 1000 : 10 * (i + 1));
    const timespec then{std::chrono::system_clock::to_time_t(fixture.system.time().wall() - ago), 0};
    const timespec times[2] = {then, then};
    BOOST_REQUIRE(::utimensat(AT_FDCWD, fixture.file_of(blobs[i]).c_str(), times, 0) == 0);
  }
  fixture.open();
  fixture.run();
  for (std::uint64_t i = 0; i < 4; ++i) fixture.put(noise(100'000, 100 + i));
  BOOST_TEST(!fixture.has(blobs[3]));
  BOOST_TEST(!fixture.has(blobs[7]));
  BOOST_TEST(fixture.has(blobs[0]));
  BOOST_TEST(fixture.has(blobs[1]));
}

BOOST_AUTO_TEST_CASE(shrinks_to_a_capacity_that_became_smaller) {
  filesystem_fixture fixture;
  for (std::uint64_t i = 0; i < 20; ++i) fixture.put(noise(100'000, i));
  fixture.options.capacity = byte_size{1 << 20};
  fixture.restart();
  BOOST_TEST(fixture.stats().bytes <= 1U << 20);
  std::uint64_t on_disk = 0;
  for (const auto& file : fixture.files_in("content")) on_disk += std::filesystem::file_size(file);
  BOOST_TEST(on_disk <= 1U << 20);
}

BOOST_AUTO_TEST_CASE(doubts_what_it_never_synced_when_the_machine_crashed) {
  filesystem_fixture fixture(relaxed());
  digest whole_blob = fixture.put(noise(5000, 1));
  digest emptied = fixture.put(noise(5000, 2));
  digest altered = fixture.put(noise(5000, 3));
  BOOST_TEST(fixture.disk.count(disk_call::sync_data) <= 2U);  // of the format file
  auto lose = [&](const digest& blob, std::uint64_t at) { damage(fixture.file_of(blob), at); };
  lose(altered, 4999);
  std::filesystem::permissions(fixture.file_of(emptied), std::filesystem::perms::owner_all);
  std::filesystem::resize_file(fixture.file_of(emptied), 0);
  fixture.crash(whole::machine);
  BOOST_TEST((fixture.read(whole_blob) == noise(5000, 1)));
  BOOST_TEST(!fixture.has(emptied));
  BOOST_TEST(!fixture.has(altered));
  BOOST_TEST(!std::filesystem::exists(fixture.file_of(altered)));
}

BOOST_AUTO_TEST_CASE(refuses_a_folder_that_another_store_uses) {
  filesystem_fixture fixture;
  error refused = fixture.try_open();
  BOOST_TEST(code_of(refused) == "FAILED_PRECONDITION");
  BOOST_TEST((refused.message().find(fixture.options.path) != std::string::npos));
  BOOST_TEST((refused.message().find("in use") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(refuses_a_folder_that_holds_something_else) {
  filesystem_fixture fixture;
  fixture.close();
  std::filesystem::remove(fixture.folder / "store/kiln-store.copy");
  std::ofstream(fixture.folder / "store/kiln-store") << "kiln filesystem store, version 99\n";
  BOOST_TEST(code_of(fixture.try_open()) == "FAILED_PRECONDITION");
  std::ofstream(fixture.folder / "store/kiln-store") << "kiln filesystem store, version 1\nholds results\n";
  error refused = fixture.try_open();
  BOOST_TEST(code_of(refused) == "FAILED_PRECONDITION");
  BOOST_TEST((refused.message().find("holds results") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(says_in_one_sentence_why_a_folder_cannot_be_had) {
  filesystem_fixture fixture;
  fixture.close();
  std::ofstream(fixture.folder / "file") << "no folder";
  fixture.options.path = (fixture.folder / "file").string();
  error refused = fixture.try_open();
  BOOST_TEST(!refused.ok());
  BOOST_TEST((refused.message().find(fixture.options.path) != std::string::npos));
  BOOST_TEST((refused.message().find('\n') == std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
