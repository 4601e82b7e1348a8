#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/observe/log.hpp"
#include "test/plugins/stores/filesystem/filesystem_house.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

namespace {

std::string code_of(const expected<std::string>& answer) {
  return std::string(name_of(answer ? errc::ok : answer.error().code()));
}

// It is not there any more, everybody says so, and it can come again.
void check_gone(filesystem_house& house, const digest& blob, const std::string& content) {
  BOOST_TEST(!house.has(blob));
  BOOST_TEST(code_of(house.read(blob)) == "NOT_FOUND");
  house.put(content);
  BOOST_TEST((house.read(blob) == content));
}

constexpr std::size_t sizes[] = {5000, 200'000, 2'000'000};

void truncate(const std::filesystem::path& file, std::uint64_t size) {
  std::filesystem::permissions(file, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  std::filesystem::resize_file(file, size);
}

// Other bytes, and nobody has written them.
void rot(const std::filesystem::path& file, std::uint64_t at) {
  auto written = std::filesystem::last_write_time(file);
  damage(file, at);
  std::filesystem::last_write_time(file, written);
}

std::filesystem::path only_pack(const filesystem_house& house) {
  for (const auto& file : house.files_in("packs"))
    if (file.extension() == ".pack") return file;
  throw std::runtime_error("there is no pack");
}

}  // namespace

// The index and the disk disagree: somebody was at the files.
BOOST_AUTO_TEST_SUITE(filesystem_divergence)

BOOST_AUTO_TEST_CASE(finds_out_that_a_file_was_removed) {
  for (auto size : sizes) {
    filesystem_house house;
    digest blob = house.put(noise(size));
    std::filesystem::remove(house.file_of(blob));
    BOOST_TEST(code_of(house.read(blob)) == "NOT_FOUND");
    check_gone(house, blob, noise(size));
  }
}

BOOST_AUTO_TEST_CASE(finds_out_that_a_file_was_cut_short) {
  for (auto size : sizes) {
    filesystem_house house;
    digest blob = house.put(noise(size));
    truncate(house.file_of(blob), size - 1);
    BOOST_TEST(code_of(house.read(blob)) == "NOT_FOUND");
    check_gone(house, blob, noise(size));
  }
}

// Rule 87.
BOOST_AUTO_TEST_CASE(never_hands_out_a_damaged_blob_as_whole) {
  for (auto size : sizes) {
    for (std::uint64_t at : {std::uint64_t(0), std::uint64_t(size / 2), std::uint64_t(size - 1)}) {
      filesystem_house house;
      digest blob = house.put(noise(size));
      damage(house.file_of(blob), at);
      // A long one is found out at its last piece, when others have gone out: that is an error, too.
      auto read = house.read(blob);
      BOOST_TEST(code_of(read) == (size > 1 << 20 ? "DATA_LOSS" : "NOT_FOUND"));
      check_gone(house, blob, noise(size));
    }
  }
}

// Rot leaves the time of writing as it was, and a file that was right once is read again.
BOOST_AUTO_TEST_CASE(proves_what_is_read_whole_each_time) {
  for (auto size : {5000U, 200'000U, 2'000'000U, 5'000'001U}) {
    filesystem_house house;
    digest blob = house.put(noise(size));
    for (int i = 0; i < 3; ++i) BOOST_TEST((house.read(blob) == noise(size)));
    rot(house.file_of(blob), size - 1);
    if (size > 1 << 20) {
      std::uint64_t came = 0;
      auto answer = house.ask(read_blob{blob});
      BOOST_REQUIRE((answer && answer->rest));
      came += answer->head.size();
      std::optional<expected<void>> end;
      pump(
          answer->rest,
          [&](const byte_chain& piece) {
            came += piece.size();
            return expected<void>();
          },
          [&](expected<void> result) { end = std::move(result); });
      house.run();
      BOOST_REQUIRE((end && !*end));
      BOOST_TEST((end->error().code() == errc::data_loss));
      BOOST_TEST(came < size);
    } else {
      BOOST_TEST(code_of(house.read(blob)) == "NOT_FOUND");
    }
    check_gone(house, blob, noise(size));
  }
}

BOOST_AUTO_TEST_CASE(proves_what_is_read_in_a_batch_each_time) {
  for (auto size : {5000U, 100'000U, 300'000U}) {
    filesystem_house house;
    digest blob = house.put(noise(size));
    BOOST_TEST((house.read(blob) == noise(size)));
    rot(house.file_of(blob), 0);
    auto batch = house.ask(read_blobs{{blob}});
    BOOST_REQUIRE(batch);
    BOOST_TEST((!batch->results[0] && batch->results[0].error().code() == errc::not_found));
    check_gone(house, blob, noise(size));
  }
}

// Parts of it, and links to it, are trusted for a time: at its end it is read again.
BOOST_AUTO_TEST_CASE(trusts_no_file_for_longer_than_configured) {
  for (bool busy : {false, true}) {
    auto options = filesystem_house::files_only();
    options.prove_again_after = std::chrono::hours(1);
    filesystem_house house(options);
    digest rotten = house.put(noise(200'000, 1));
    digest sound = house.put(noise(200'000, 2));
    for (const auto& blob : {rotten, sound}) BOOST_TEST(house.read(blob, 10, 10).has_value());
    rot(house.file_of(rotten), 150'000);
    BOOST_TEST(house.read(rotten, 10, 10).has_value());
    for (int i = 0; i < 600 && house.has(rotten); ++i) {
      if (busy) BOOST_TEST(house.read(sound, 10, 10).has_value());
      house.system.pass(std::chrono::seconds(7));
      house.run();
    }
    BOOST_TEST(!house.has(rotten));
    BOOST_TEST(house.has(sound));
    check_gone(house, rotten, noise(200'000, 1));
  }
}

BOOST_AUTO_TEST_CASE(makes_a_rotten_copy_anew_in_time) {
  auto options = filesystem_house::packing();
  options.prove_again_after = std::chrono::hours(1);
  filesystem_house house(options);
  digest blob = house.put(noise(5000));
  auto lent = house.lend(blob);
  BOOST_REQUIRE(lent);
  rot(lent->path, 100);
  for (int i = 0; i < 600 && std::filesystem::exists(lent->path); ++i) {
    house.system.pass(std::chrono::seconds(7));
    house.run();
  }
  BOOST_TEST(!std::filesystem::exists(lent->path));
  BOOST_TEST((house.read(blob) == noise(5000)));
  BOOST_TEST(house.lend(blob).has_value());
}

BOOST_AUTO_TEST_CASE(finds_damage_outside_of_the_part_that_was_asked_for) {
  filesystem_house house;
  digest blob = house.put(noise(500'000));
  damage(house.file_of(blob), 499'999);
  BOOST_TEST(code_of(house.read(blob, 0, 1000)) == "NOT_FOUND");
  BOOST_TEST(!house.has(blob));
}

BOOST_AUTO_TEST_CASE(finds_damage_that_was_done_between_two_processes) {
  for (auto size : sizes) {
    filesystem_house house;
    digest blob = house.put(noise(size));
    house.close();
    damage(house.file_of(blob), size / 3);
    house.open();
    house.run();
    BOOST_TEST(code_of(house.read(blob)) != "OK");
    check_gone(house, blob, noise(size));
  }
}

BOOST_AUTO_TEST_CASE(answers_each_blob_of_a_batch_though_some_are_broken) {
  filesystem_house house;
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 30; ++i) blobs.push_back(house.put(noise(70'000, i)));
  std::filesystem::remove(house.file_of(blobs[3]));
  damage(house.file_of(blobs[17]), 5);
  auto batch = house.ask(read_blobs{blobs});
  BOOST_REQUIRE(batch);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    if (i == 3 || i == 17)
      BOOST_TEST((!batch->results[i] && batch->results[i].error().code() == errc::not_found));
    else
      BOOST_TEST((batch->results[i] && batch->results[i]->view() == noise(70'000, i)));
  }
  BOOST_TEST((house.ask(find_missing{blobs})->blobs == std::vector{blobs[3], blobs[17]}));
}

BOOST_AUTO_TEST_CASE(tells_a_reader_whose_file_ends_early) {
  filesystem_house house;
  std::string content = noise(5 << 20);
  digest blob = house.put(content);
  auto answer = house.ask(read_blob{blob});
  BOOST_REQUIRE((answer && answer->rest));
  truncate(house.file_of(blob), 3 << 20);
  std::optional<expected<void>> end;
  pump(
      answer->rest, [](const byte_chain&) { return expected<void>(); },
      [&](expected<void> result) { end = std::move(result); });
  house.run();
  BOOST_REQUIRE(end);
  BOOST_TEST(!*end);
  BOOST_TEST(!house.has(blob));
}

// Rule 87.
BOOST_AUTO_TEST_CASE(never_hands_out_what_was_damaged_in_a_pack) {
  filesystem_house house(filesystem_house::packing());
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 20; ++i) blobs.push_back(house.put(noise(1000, i)));
  auto pack = only_pack(house);
  for (std::uint64_t at = 500; at < std::filesystem::file_size(pack); at += 3 * 1080) damage(pack, at);
  std::size_t lost = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto read = house.read(blobs[i]);
    lost += !read;
    BOOST_TEST((read ? *read == noise(1000, i) : code_of(read) == "NOT_FOUND"));
    BOOST_TEST(house.has(blobs[i]) == read.has_value());
  }
  BOOST_TEST(lost == 7U);
  house.restart();
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto read = house.read(blobs[i]);
    BOOST_TEST((read ? *read == noise(1000, i) : code_of(read) == "NOT_FOUND"));
  }
}

// The last bytes of pack and index, in all lengths: what was written when the process was killed.
BOOST_AUTO_TEST_CASE(starts_with_any_torn_end_of_a_pack_and_loses_only_what_was_torn) {
  filesystem_house house(filesystem_house::packing());
  for (std::uint64_t i = 0; i < 6; ++i) house.put(noise(200, i));
  house.crash();
  auto pack = only_pack(house);
  auto index = std::filesystem::path(pack).replace_extension(".index");
  const auto size = std::filesystem::file_size(pack);
  constexpr std::uint64_t head = 64;
  const std::uint64_t record = (size - head) / 6;
  auto keep = house.folder / "kept";
  std::filesystem::copy_file(pack, keep);
  for (std::uint64_t cut = 1; cut <= size; cut += 13) {
    for (bool flip : {false, true}) {
      house.close();
      for (const auto& file : house.files_in("packs")) std::filesystem::remove(file);
      std::filesystem::copy_file(keep, pack);
      std::filesystem::remove(index);
      if (flip)
        damage(pack, size - cut);
      else
        truncate(pack, size - cut);
      house.open();
      house.run();
      const std::uint64_t whole = size - cut < head ? 0 : (size - cut - head) / record;
      for (std::uint64_t i = 0; i < 6; ++i) {
        auto read = house.read(digest_of(noise(200, i)));
        BOOST_TEST((!read || *read == noise(200, i)));
        if (i < whole || (flip && (i > whole || size - cut < head))) BOOST_TEST(read.has_value());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(reads_the_pack_when_its_index_is_damaged) {
  filesystem_house house(filesystem_house::packing());
  for (std::uint64_t i = 0; i < 6; ++i) house.put(noise(200, i));
  house.restart();
  auto index = only_pack(house).replace_extension(".index");
  const auto size = std::filesystem::file_size(index);
  for (std::uint64_t at = 0; at < size; at += 7) {
    house.close();
    damage(index, at);
    house.open();
    house.run();
    for (std::uint64_t i = 0; i < 6; ++i) BOOST_TEST((house.read(digest_of(noise(200, i))) == noise(200, i)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
