#include <fcntl.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <ctime>
#include <fstream>

#include "core/observe/log.hpp"
#include "test/plugins/stores/filesystem/filesystem_house.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;
using whole = filesystem_house::whole;

namespace {

std::string code_of(const error& fault) {
  return std::string(name_of(fault.code()));
}

filesystem::store_options relaxed() {
  auto options = filesystem_house::files_only();
  options.keep = filesystem::durability::relaxed;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(filesystem_restart)

BOOST_AUTO_TEST_CASE(finds_everything_again_after_a_restart) {
  filesystem_house house(filesystem_house::packing());
  digest packed = house.put(noise(1000));
  digest large = house.put(noise(300'000));
  digest other_function = digest_of(noise(500), digest_function::blake3);
  BOOST_REQUIRE(house.write(other_function, noise(500)));
  auto before = house.figures();
  house.restart();
  BOOST_TEST((house.read(packed) == noise(1000)));
  BOOST_TEST((house.read(large) == noise(300'000)));
  BOOST_TEST((house.read(other_function) == noise(500)));
  BOOST_TEST(house.figures().blobs == before.blobs);
  BOOST_TEST(house.figures().bytes >= before.bytes);
}

// Each step of a write is the last one that the process takes.
BOOST_AUTO_TEST_CASE(keeps_what_it_acknowledged_wherever_it_is_killed) {
  for (auto options : {filesystem_house::packing(), filesystem_house::files_only()}) {
    for (std::size_t jobs = 0;; ++jobs) {
      filesystem_house house(options);
      house.run();
      write_blobs batch;
      for (std::uint64_t i = 0; i < 3; ++i) {
        std::string content = noise(2000, i);
        batch.entries.push_back({digest_of(content), bytes::adopt(content)});
      }
      std::string large = noise(1'500'000);
      auto first = house.begin(batch);
      auto second = house.begin(write_blob{digest_of(large), contract::deliver(large)});
      const bool ended = !house.run_jobs(jobs);
      const bool first_acknowledged = first->has_value();
      const bool second_acknowledged = second->has_value();
      house.crash();
      for (const auto& entry : batch.entries) {
        BOOST_TEST((!first_acknowledged || house.has(entry.blob)));
        BOOST_TEST((!house.has(entry.blob) || house.read(entry.blob) == entry.content.view()));
      }
      BOOST_TEST((!second_acknowledged || house.has(digest_of(large))));
      BOOST_TEST((!house.has(digest_of(large)) || house.read(digest_of(large)) == large));
      BOOST_TEST(house.files_in("temp").empty());
      BOOST_TEST(house.files_in("trash").empty());
      if (ended) break;
    }
  }
}

BOOST_AUTO_TEST_CASE(answers_from_the_disk_before_it_has_seen_all_of_it) {
  filesystem_house house;
  digest there = house.put(noise(5000));
  digest absent = digest_of("never written");
  house.close();
  house.open();
  auto missing = house.begin(find_missing{{absent, there}});
  // The thread pool lists folder after folder; the question stands in its queue behind the first.
  BOOST_TEST(house.run_jobs(3));
  BOOST_REQUIRE(missing->has_value());
  BOOST_TEST(((*missing)->value().blobs == std::vector{absent}));
  BOOST_TEST((house.read(there) == noise(5000)));
}

BOOST_AUTO_TEST_CASE(does_not_bring_back_what_left_while_it_was_looking) {
  filesystem_house house;
  digest blob = house.put(noise(5000));
  house.close();
  house.open();
  auto gone = house.begin(forget_blob{blob});
  house.run();
  BOOST_REQUIRE(gone->has_value());
  BOOST_TEST((*gone)->value().was_present);
  BOOST_TEST(!house.has(blob));
  BOOST_TEST(!std::filesystem::exists(house.file_of(blob)));
}

BOOST_AUTO_TEST_CASE(remembers_what_was_forgotten_in_a_pack) {
  filesystem_house house(filesystem_house::packing());
  digest blob = house.put(noise(1000));
  BOOST_TEST(house.ask(forget_blob{blob})->was_present);
  house.crash();
  BOOST_TEST(!house.has(blob));
  house.put(noise(1000));
  house.restart();
  BOOST_TEST((house.read(blob) == noise(1000)));
}

BOOST_AUTO_TEST_CASE(sweeps_what_an_earlier_process_left_behind) {
  filesystem_house house;
  house.close();
  for (int i = 0; i < 2500; ++i) std::ofstream(house.folder / "store/temp" / std::to_string(i)) << "part";
  house.open();
  house.run();
  BOOST_TEST(house.files_in("temp").empty());
  BOOST_TEST(house.files_in("trash").empty());
}

// An action with a user of its own may pass through the folder to what it is lent.
BOOST_AUTO_TEST_CASE(shows_nobody_else_what_seals_its_records) {
  filesystem_house house(filesystem_house::packing());
  house.put(noise(5000));
  auto others = [&](const std::string& name) {
    auto mode = std::filesystem::status(house.folder / "store" / name).permissions();
    return static_cast<unsigned>(mode) & 077U;
  };
  BOOST_TEST(others("kiln-store") == 0U);
  BOOST_TEST(others("packs") == 0U);
  // As a release before has left it.
  house.close();
  std::filesystem::permissions(house.folder / "store" / "packs", std::filesystem::perms(0755));
  std::filesystem::permissions(house.folder / "store" / "kiln-store", std::filesystem::perms(0644));
  house.open();
  house.run();
  BOOST_TEST(others("kiln-store") == 0U);
  BOOST_TEST(others("packs") == 0U);
}

BOOST_AUTO_TEST_CASE(leaves_foreign_files_alone) {
  filesystem_house house;
  digest blob = house.put(noise(5000));
  house.close();
  auto foreign = house.file_of(blob).parent_path() / "README";
  auto misspelt = house.file_of(blob).string() + "0";
  std::ofstream(foreign) << "not ours";
  std::ofstream(misspelt) << "size does not match the name";
  house.open();
  house.run();
  BOOST_TEST(house.figures().blobs == 1U);
  BOOST_TEST(std::filesystem::exists(foreign));
  BOOST_TEST((house.read(blob) == noise(5000)));
}

// As it is in a folder that a release without marks of use has left.
BOOST_AUTO_TEST_CASE(without_marks_lets_go_first_of_what_was_used_longest_ago_by_the_times_of_files) {
  auto options = filesystem_house::files_only();
  options.capacity = byte_size{1 << 20};
  filesystem_house house(options);
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 8; ++i) blobs.push_back(house.put(noise(100'000, i)));
  house.close();
  std::filesystem::remove_all(house.folder / "store" / "used");
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    // Both times, for the later one counts.
    const auto ago = std::chrono::hours(i == 3 ? 1000 : 10 * (i + 1));
    const timespec then{std::chrono::system_clock::to_time_t(house.system.time().wall() - ago), 0};
    const timespec times[2] = {then, then};
    BOOST_REQUIRE(::utimensat(AT_FDCWD, house.file_of(blobs[i]).c_str(), times, 0) == 0);
  }
  house.open();
  house.run();
  for (std::uint64_t i = 0; i < 4; ++i) house.put(noise(100'000, 100 + i));
  BOOST_TEST(!house.has(blobs[3]));
  BOOST_TEST(!house.has(blobs[7]));
  BOOST_TEST(house.has(blobs[0]));
  BOOST_TEST(house.has(blobs[1]));
}

BOOST_AUTO_TEST_CASE(shrinks_to_a_capacity_that_became_smaller) {
  filesystem_house house;
  for (std::uint64_t i = 0; i < 20; ++i) house.put(noise(100'000, i));
  house.options.capacity = byte_size{1 << 20};
  house.restart();
  BOOST_TEST(house.figures().bytes <= 1U << 20);
  std::uint64_t on_disk = 0;
  for (const auto& file : house.files_in("content")) on_disk += std::filesystem::file_size(file);
  BOOST_TEST(on_disk <= 1U << 20);
}

BOOST_AUTO_TEST_CASE(doubts_what_it_never_synced_when_the_machine_crashed) {
  filesystem_house house(relaxed());
  digest whole_blob = house.put(noise(5000, 1));
  digest emptied = house.put(noise(5000, 2));
  digest altered = house.put(noise(5000, 3));
  BOOST_TEST(house.disk.count(disk_call::sync_data) <= 2U);  // of the format file
  auto lose = [&](const digest& blob, std::uint64_t at) { damage(house.file_of(blob), at); };
  lose(altered, 4999);
  std::filesystem::permissions(house.file_of(emptied), std::filesystem::perms::owner_all);
  std::filesystem::resize_file(house.file_of(emptied), 0);
  house.crash(whole::machine);
  BOOST_TEST((house.read(whole_blob) == noise(5000, 1)));
  BOOST_TEST(!house.has(emptied));
  BOOST_TEST(!house.has(altered));
  BOOST_TEST(!std::filesystem::exists(house.file_of(altered)));
}

BOOST_AUTO_TEST_CASE(refuses_a_folder_that_another_store_uses) {
  filesystem_house house;
  error refused = house.try_open();
  BOOST_TEST(code_of(refused) == "FAILED_PRECONDITION");
  BOOST_TEST((refused.message().find(house.options.path) != std::string::npos));
  BOOST_TEST((refused.message().find("in use") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(refuses_a_folder_that_holds_something_else) {
  filesystem_house house;
  house.close();
  std::ofstream(house.folder / "store/kiln-store") << "kiln filesystem store, version 99\n";
  BOOST_TEST(code_of(house.try_open()) == "FAILED_PRECONDITION");
  std::ofstream(house.folder / "store/kiln-store") << "kiln filesystem store, version 1\nholds results\n";
  error refused = house.try_open();
  BOOST_TEST(code_of(refused) == "FAILED_PRECONDITION");
  BOOST_TEST((refused.message().find("holds results") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(says_in_one_sentence_why_a_folder_cannot_be_had) {
  filesystem_house house;
  house.close();
  std::ofstream(house.folder / "file") << "no folder";
  house.options.path = (house.folder / "file").string();
  error refused = house.try_open();
  BOOST_TEST(!refused.ok());
  BOOST_TEST((refused.message().find(house.options.path) != std::string::npos));
  BOOST_TEST((refused.message().find('\n') == std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
