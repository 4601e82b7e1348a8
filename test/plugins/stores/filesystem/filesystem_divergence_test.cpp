#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/observe/log.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_divergence)

namespace {

std::string code_of(const expected<std::string>& answer) {
  return std::string(name_of(answer ? errc::ok : answer.error().code()));
}

// It is not there any more, everybody says so, and it can come again.
void check_gone(filesystem_fixture& fixture, const digest& blob, const std::string& content) {
  BOOST_TEST(!fixture.has(blob));
  BOOST_TEST(code_of(fixture.read(blob)) == "NOT_FOUND");
  fixture.put(content);
  BOOST_TEST((fixture.read(blob) == content));
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

std::filesystem::path only_pack(const filesystem_fixture& fixture) {
  for (const auto& file : fixture.files_in("packs"))
    if (file.extension() == ".pack") return file;
  throw std::runtime_error("there is no pack");
}

}  // namespace

// The index and the disk disagree: somebody was at the files.

BOOST_AUTO_TEST_CASE(finds_out_that_a_file_was_removed) {
  for (auto size : sizes) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(size));
    std::filesystem::remove(fixture.file_of(blob));
    BOOST_TEST(code_of(fixture.read(blob)) == "NOT_FOUND");
    check_gone(fixture, blob, noise(size));
  }
}

BOOST_AUTO_TEST_CASE(finds_out_that_a_file_was_cut_short) {
  for (auto size : sizes) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(size));
    truncate(fixture.file_of(blob), size - 1);
    BOOST_TEST(code_of(fixture.read(blob)) == "NOT_FOUND");
    check_gone(fixture, blob, noise(size));
  }
}

// Rule 87.
BOOST_AUTO_TEST_CASE(never_hands_out_a_damaged_blob_as_whole) {
  for (auto size : sizes) {
    for (std::uint64_t at : {std::uint64_t(0), std::uint64_t(size / 2), std::uint64_t(size - 1)}) {
      filesystem_fixture fixture;
      digest blob = fixture.put(noise(size));
      damage(fixture.file_of(blob), at);
      BOOST_TEST(code_of(fixture.read(blob)) == "NOT_FOUND");
      check_gone(fixture, blob, noise(size));
    }
  }
}

// Rot leaves the time of writing as it was, and a file that was right once is read again.
BOOST_AUTO_TEST_CASE(proves_what_is_read_whole_each_time) {
  for (auto size : {5000U, 200'000U, 2'000'000U, 5'000'001U}) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(size));
    for (int i = 0; i < 3; ++i) BOOST_TEST((fixture.read(blob) == noise(size)));
    rot(fixture.file_of(blob), size - 1);
    if (size > 1 << 20) {
      std::uint64_t came = 0;
      auto answer = fixture.ask(read_blob{blob});
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
      fixture.run();
      BOOST_REQUIRE((end && !*end));
      BOOST_TEST((end->error().code() == errc::data_loss));
      BOOST_TEST(came < size);
    } else {
      BOOST_TEST(code_of(fixture.read(blob)) == "NOT_FOUND");
    }
    check_gone(fixture, blob, noise(size));
  }
}

BOOST_AUTO_TEST_CASE(proves_what_is_read_in_a_batch_each_time) {
  for (auto size : {5000U, 100'000U, 300'000U}) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(size));
    BOOST_TEST((fixture.read(blob) == noise(size)));
    rot(fixture.file_of(blob), 0);
    auto batch = fixture.ask(read_blobs{{blob}});
    BOOST_REQUIRE(batch);
    BOOST_TEST((!batch->results[0] && batch->results[0].error().code() == errc::not_found));
    check_gone(fixture, blob, noise(size));
  }
}

// Parts of it, and links to it, are trusted for a time: at its end it is read again.
BOOST_AUTO_TEST_CASE(trusts_no_file_for_longer_than_configured) {
  for (bool busy : {false, true}) {
    auto options = filesystem_fixture::files_only();
    options.prove_again_after = std::chrono::hours(1);
    filesystem_fixture fixture(options);
    digest rotten = fixture.put(noise(200'000, 1));
    digest sound = fixture.put(noise(200'000, 2));
    for (const auto& blob : {rotten, sound}) BOOST_TEST(fixture.read(blob, 10, 10).has_value());
    rot(fixture.file_of(rotten), 150'000);
    BOOST_TEST(fixture.read(rotten, 10, 10).has_value());
    for (int i = 0; i < 600 && fixture.has(rotten); ++i) {
      if (busy) BOOST_TEST(fixture.read(sound, 10, 10).has_value());
      fixture.system.pass(std::chrono::seconds(7));
      fixture.run();
    }
    BOOST_TEST(!fixture.has(rotten));
    BOOST_TEST(fixture.has(sound));
    check_gone(fixture, rotten, noise(200'000, 1));
  }
}

BOOST_AUTO_TEST_CASE(makes_a_rotten_copy_anew_in_time) {
  auto options = filesystem_fixture::packing();
  options.prove_again_after = std::chrono::hours(1);
  filesystem_fixture fixture(options);
  digest blob = fixture.put(noise(5000));
  auto lent = fixture.lend(blob);
  BOOST_REQUIRE(lent);
  rot(lent->path, 100);
  for (int i = 0; i < 600 && std::filesystem::exists(lent->path); ++i) {
    fixture.system.pass(std::chrono::seconds(7));
    fixture.run();
  }
  BOOST_TEST(!std::filesystem::exists(lent->path));
  BOOST_TEST((fixture.read(blob) == noise(5000)));
  BOOST_TEST(fixture.lend(blob).has_value());
}

BOOST_AUTO_TEST_CASE(finds_damage_outside_of_the_part_that_was_asked_for) {
  filesystem_fixture fixture;
  digest blob = fixture.put(noise(500'000));
  damage(fixture.file_of(blob), 499'999);
  BOOST_TEST(code_of(fixture.read(blob, 0, 1000)) == "NOT_FOUND");
  BOOST_TEST(!fixture.has(blob));
}

BOOST_AUTO_TEST_CASE(finds_damage_that_was_done_between_two_processes) {
  for (auto size : sizes) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(size));
    fixture.close();
    damage(fixture.file_of(blob), size / 3);
    fixture.open();
    fixture.run();
    BOOST_TEST(code_of(fixture.read(blob)) == "NOT_FOUND");
    check_gone(fixture, blob, noise(size));
  }
}

BOOST_AUTO_TEST_CASE(answers_each_blob_of_a_batch_though_some_are_broken) {
  filesystem_fixture fixture;
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 30; ++i) blobs.push_back(fixture.put(noise(70'000, i)));
  std::filesystem::remove(fixture.file_of(blobs[3]));
  damage(fixture.file_of(blobs[17]), 5);
  auto batch = fixture.ask(read_blobs{blobs});
  BOOST_REQUIRE(batch);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    if (i == 3 || i == 17)
      BOOST_TEST((!batch->results[i] && batch->results[i].error().code() == errc::not_found));
    else
      BOOST_TEST((batch->results[i] && batch->results[i]->view() == noise(70'000, i)));
  }
  BOOST_TEST((fixture.ask(find_missing{blobs})->blobs == std::vector{blobs[3], blobs[17]}));
}

BOOST_AUTO_TEST_CASE(tells_a_reader_whose_file_ends_early) {
  filesystem_fixture fixture;
  std::string content = noise(5 << 20);
  digest blob = fixture.put(content);
  auto answer = fixture.ask(read_blob{blob});
  BOOST_REQUIRE((answer && answer->rest));
  truncate(fixture.file_of(blob), 3 << 20);
  std::optional<expected<void>> end;
  pump(
      answer->rest, [](const byte_chain&) { return expected<void>(); },
      [&](expected<void> result) { end = std::move(result); });
  fixture.run();
  BOOST_REQUIRE(end);
  BOOST_TEST(!*end);
  BOOST_TEST(!fixture.has(blob));
}

// Rule 87.
BOOST_AUTO_TEST_CASE(never_hands_out_what_was_damaged_in_a_pack) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 20; ++i) blobs.push_back(fixture.put(noise(1000, i)));
  auto pack = only_pack(fixture);
  for (std::uint64_t at = 500; at < std::filesystem::file_size(pack); at += 3 * 1080) damage(pack, at);
  std::size_t lost = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto read = fixture.read(blobs[i]);
    lost += !read;
    BOOST_TEST((read ? *read == noise(1000, i) : code_of(read) == "NOT_FOUND"));
    BOOST_TEST(fixture.has(blobs[i]) == read.has_value());
  }
  BOOST_TEST(lost == 7U);
  fixture.restart();
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto read = fixture.read(blobs[i]);
    BOOST_TEST((read ? *read == noise(1000, i) : code_of(read) == "NOT_FOUND"));
  }
}

// The last bytes of pack and index, in all lengths: what was written when the process was killed.
BOOST_AUTO_TEST_CASE(starts_with_any_torn_end_of_a_pack_and_loses_only_what_was_torn) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  for (std::uint64_t i = 0; i < 6; ++i) fixture.put(noise(200, i));
  fixture.crash();
  auto pack = only_pack(fixture);
  auto index = std::filesystem::path(pack).replace_extension(".index");
  const auto size = std::filesystem::file_size(pack);
  constexpr std::uint64_t head = 64;
  const std::uint64_t record = (size - head) / 6;
  auto keep = fixture.folder / "kept";
  std::filesystem::copy_file(pack, keep);
  for (std::uint64_t cut = 1; cut <= size; cut += 13) {
    for (bool flip : {false, true}) {
      fixture.close();
      for (const auto& file : fixture.files_in("packs")) std::filesystem::remove(file);
      std::filesystem::copy_file(keep, pack);
      std::filesystem::remove(index);
      if (flip)
        damage(pack, size - cut);
      else
        truncate(pack, size - cut);
      fixture.open();
      fixture.run();
      const std::uint64_t whole = size - cut < head ? 0 : (size - cut - head) / record;
      for (std::uint64_t i = 0; i < 6; ++i) {
        auto read = fixture.read(digest_of(noise(200, i)));
        BOOST_TEST((!read || *read == noise(200, i)));
        if (i < whole || (flip && (i > whole || size - cut < head))) BOOST_TEST(read.has_value());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(reads_the_pack_when_its_index_is_damaged) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  for (std::uint64_t i = 0; i < 6; ++i) fixture.put(noise(200, i));
  fixture.restart();
  auto index = only_pack(fixture).replace_extension(".index");
  const auto size = std::filesystem::file_size(index);
  for (std::uint64_t at = 0; at < size; at += 7) {
    fixture.close();
    damage(index, at);
    fixture.open();
    fixture.run();
    for (std::uint64_t i = 0; i < 6; ++i)
      BOOST_TEST((fixture.read(digest_of(noise(200, i))) == noise(200, i)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
