#include <boost/test/unit_test.hpp>
#include <random>

#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"
#include "test/plugins/stores/filesystem/filesystem_packs.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace kiln::filesystem;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_damage)

namespace {

constexpr std::size_t disk_block = 4096;

std::vector<std::pair<digest, std::string>> mixed_blobs(store_role what) {
  std::vector<std::pair<digest, std::string>> blobs;
  const std::size_t sizes[] = {0, 1, 90, 200, 333, 1000, 4096, 9001};
  for (std::uint64_t i = 0; i < 24; ++i) {
    auto function = digest_functions()[i * 5 % digest_functions().size()].function;
    auto content = noise(sizes[i % 8], i);
    // The name of a result says nothing about its bytes.
    auto name = what == store_role::content ? content : "action " + std::to_string(i);
    blobs.emplace_back(digest_of(name, function), content);
  }
  return blobs;
}

// One thing that happens to a file: bits, a cut, pages of zeros, blocks that changed places.
std::string harm(std::string text, std::mt19937_64& chance) {
  auto below = [&](std::size_t end) { return static_cast<std::size_t>(chance() % end); };
  if (text.empty()) return text;
  switch (chance() % 4) {
    case 0:
      for (std::size_t bits = 1 + below(3); bits > 0; --bits) {
        char& one = text[below(text.size())];
        one = static_cast<char>(one ^ 1 << below(8));
      }
      break;
    case 1:
      text.resize(below(text.size()));
      break;
    case 2: {
      auto at = below(text.size()) / disk_block * disk_block;
      std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(at), std::min(disk_block, text.size() - at),
                  '\0');
      break;
    }
    default: {
      auto blocks = text.size() / disk_block;
      if (blocks < 2) break;
      auto one = below(blocks) * disk_block, other = below(blocks) * disk_block;
      std::swap_ranges(text.begin() + static_cast<std::ptrdiff_t>(one),
                       text.begin() + static_cast<std::ptrdiff_t>(one + disk_block),
                       text.begin() + static_cast<std::ptrdiff_t>(other));
    }
  }
  return text;
}

bool is_whole(const pack_folder::kept& one, std::string_view before, std::string_view now) {
  return now.size() >= one.end &&
         before.substr(one.begin, one.end - one.begin) == now.substr(one.begin, one.end - one.begin);
}

std::filesystem::path newest_pack(const filesystem_fixture& fixture) {
  std::filesystem::path newest;
  for (const auto& file : fixture.files_in("packs"))
    if (file.extension() == ".pack") newest = std::max(newest, file);
  return newest;
}

// As if the process had been killed instead, which leaves no index of the newest pack.
void close_as_if_killed(filesystem_fixture& fixture) {
  fixture.close();
  for (const auto& file : fixture.files_in("packs"))
    if (file.extension() == ".index") std::filesystem::remove(file);
}

}  // namespace

// Ten thousand packs that something happened to, to them or to their index.
BOOST_AUTO_TEST_CASE(serves_every_record_that_is_whole_and_nothing_that_is_not) {
  std::size_t whole = 0, hurt = 0;
  for (auto what : {store_role::content, store_role::results}) {
    pack_folder folder(what);
    const auto kept = folder.write(mixed_blobs(what));
    BOOST_REQUIRE(load_pack(folder.engine(), 1).has_value());
    const std::string pack = content_of(folder.pack(1)), index = content_of(folder.index(1));
    BOOST_REQUIRE(!index.empty());
    for (std::uint64_t variant = 0; variant < 5000; ++variant) {
      std::mt19937_64 chance(variant);
      const bool with_index = variant % 3 == 0;
      const std::string damaged = variant % 9 == 0 ? pack : harm(pack, chance);
      put_file(folder.pack(1), damaged);
      std::filesystem::remove(folder.index(1));
      if (with_index) put_file(folder.index(1), variant % 2 == 0 ? harm(index, chance) : index);
      auto loaded = load_pack(folder.engine(), 1);
      BOOST_REQUIRE(loaded.has_value());
      auto records = loaded->records->read(folder.disk, 0, loaded->records->size());
      BOOST_REQUIRE(records.has_value());
      BOOST_REQUIRE(std::filesystem::exists(folder.pack(1)));
      for (const auto& one : kept) {
        const bool right = is_whole(one, pack, damaged);
        auto found = std::find_if(records->begin(), records->end(),
                                  [&](const record& each) { return each.blob == one.blob; });
        (right ? whole : hurt) += 1;
        if (right && found == records->end())
          BOOST_ERROR("variant " << variant << ": no record of " << one.blob.to_string());
        if (found == records->end()) continue;
        auto read = read_packed(folder.engine(), one.blob,
                                {loaded->file, found->offset, found->length, found->check});
        if (right && !read.content)
          BOOST_ERROR("variant " << variant << ": " << read.content.error().to_string());
        if (read.content && read.content->view() != one.content)
          BOOST_ERROR("variant " << variant << ": wrong bytes of " << one.blob.to_string());
      }
    }
  }
  BOOST_TEST(whole > 10'000U);
  BOOST_TEST(hurt > 10'000U);
}

BOOST_AUTO_TEST_CASE(a_damaged_record_costs_only_itself_and_its_pack_is_kept_and_told_of) {
  for (auto what : {store_role::content, store_role::results}) {
    for (std::uint64_t which : {0, 5, 9}) {
      for (bool in_header : {false, true}) {
        filesystem_fixture fixture(filesystem_fixture::packing(), what);
        std::vector<digest> blobs;
        for (std::uint64_t i = 0; i < 10; ++i) blobs.push_back(fixture.put(noise(1000, i)));
        close_as_if_killed(fixture);
        auto pack = newest_pack(fixture);
        auto at = content_of(pack).find(noise(1000, which));
        BOOST_REQUIRE(at != std::string::npos);
        damage(pack, in_header ? at - 30 : at + 500);
        for (int start = 0; start < 2; ++start) {
          fixture.open();
          fixture.run();
          for (std::uint64_t i = 0; i < 10; ++i)
            BOOST_TEST((fixture.read(blobs[i]) == noise(1000, i)) == (i != which));
          BOOST_TEST(std::filesystem::exists(pack));
          BOOST_TEST((fixture.system.log_lines().find("a pack is damaged") != std::string::npos));
          fixture.close();
        }
        fixture.open();
        fixture.put(noise(1000, which));
        fixture.restart();
        BOOST_TEST((fixture.read(blobs[which]) == noise(1000, which)));
      }
    }
  }
}

// Nothing was being written when the store was closed.
BOOST_AUTO_TEST_CASE(a_last_record_that_is_damaged_is_told_of_and_one_that_was_cut_short_is_not) {
  for (bool cut : {false, true})
    for (bool killed : {false, true}) {
      filesystem_fixture fixture(filesystem_fixture::packing());
      const digest first = fixture.put(noise(1000, 1));
      fixture.put(noise(1000, 2));
      auto harm = [&] {
        const auto pack = newest_pack(fixture);
        if (cut)
          std::filesystem::resize_file(pack, std::filesystem::file_size(pack) - 100);
        else
          damage(pack, content_of(pack).find(noise(1000, 2)) + 500);
      };
      if (killed) {
        harm();
        fixture.crash();
      } else {
        fixture.close();
        harm();
        fixture.open();
        fixture.run();
      }
      BOOST_TEST((fixture.system.log_lines().find("a pack is damaged") != std::string::npos) == !killed);
      BOOST_TEST((fixture.read(first) == noise(1000, 1)));
      BOOST_TEST(!fixture.has(digest_of(noise(1000, 2))));
    }
}

BOOST_AUTO_TEST_CASE(what_the_disk_could_not_read_once_is_there_at_the_next_start) {
  for (bool always : {false, true}) {
    for (std::size_t n = 3; n < 8; ++n) {  // the first two are of the format file
      filesystem_fixture fixture(filesystem_fixture::packing());
      std::vector<digest> blobs;
      for (std::uint64_t i = 0; i < 100; ++i) blobs.push_back(fixture.put(noise(1000, i)));
      fixture.close();
      auto pack = newest_pack(fixture);
      fixture.disk.fault = [=, seen = std::size_t(0)](disk_call made, const std::string&) mutable {
        if (made != disk_call::read) return 0;
        ++seen;
        return seen == n || (always && seen > n) ? EIO : 0;
      };
      fixture.open();
      fixture.run();
      fixture.disk.fault = nullptr;
      BOOST_TEST(std::filesystem::exists(pack));
      fixture.restart();
      for (std::uint64_t i = 0; i < 100; ++i) BOOST_TEST((fixture.read(blobs[i]) == noise(1000, i)));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_blob_that_the_disk_could_not_read_once_is_there_again_after_a_restart) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  digest blob = fixture.put(noise(5000));
  fixture.disk.fault = [](disk_call made, const std::string&) {
    return made == disk_call::read || made == disk_call::read_cached ? EIO : 0;
  };
  BOOST_TEST(!fixture.read(blob));
  fixture.disk.fault = nullptr;
  BOOST_TEST(!fixture.has(blob));
  fixture.restart();
  BOOST_TEST((fixture.read(blob) == noise(5000)));
}

// What a client writes into a blob may look like a record; it is one where the real header is lost.
BOOST_AUTO_TEST_CASE(takes_no_record_out_of_a_payload) {
  for (auto what : {store_role::content, store_role::results}) {
    filesystem_fixture fixture(filesystem_fixture::packing(), what);
    digest victim = digest_of("an action of others");
    record forged{victim, 1ULL << 60, checksum("poison"), 6, record_kind::blob, 0};
    record erased{digest_of(noise(100, 1)), 1ULL << 60, 0, 0, record_kind::tombstone, 0};
    std::string payload;
    for (const auto& one : {forged, erased}) {
      payload += encode_header(one, 0).view();
      if (one.length > 0) payload += "poison";
      payload.resize((payload.size() + 7) / 8 * 8);
    }
    payload += old_pack({{victim, "poison"}}, what);
    payload += content_of(fixture.folder / "store/kiln-store").substr(0, 8);  // not alike for all
    BOOST_REQUIRE(fixture.write(digest_of(payload), payload));
    digest other = fixture.put(noise(100, 1));
    close_as_if_killed(fixture);
    auto pack = newest_pack(fixture);
    auto at = content_of(pack).find(payload);
    BOOST_REQUIRE(at != std::string::npos);
    damage(pack, at - 30);
    fixture.open();
    fixture.run();
    BOOST_TEST(!fixture.has(digest_of(payload)));
    BOOST_TEST(!fixture.has(victim));
    BOOST_TEST((fixture.read(other) == noise(100, 1)));
  }
}

// A result says nothing about which of two is the newer one, so what rots must not uncover what it replaced.
// Of the newest record of a process that was killed nobody knows whether its writer heard of it: that one,
// and what rots in a header, is found in the index that an end in order leaves.
BOOST_AUTO_TEST_CASE(an_older_result_does_not_come_back_when_the_one_that_replaced_it_rots) {
  for (bool killed : {false, true})
    for (std::int64_t from_payload : {-40, 200}) {
      if (killed && from_payload != 200) continue;
      filesystem_fixture fixture(filesystem_fixture::packing(), store_role::results);
      const digest action = digest_of("an action");
      BOOST_REQUIRE(fixture.write(action, noise(1000, 1)));
      BOOST_REQUIRE(fixture.write(action, noise(1000, 2)));
      fixture.put(noise(1000, 3));
      fixture.put(noise(1000, 4));
      const auto pack = newest_pack(fixture);
      const auto at = content_of(pack).find(noise(1000, 2));
      BOOST_REQUIRE(at != std::string::npos);
      if (killed) {
        damage(pack, static_cast<std::uint64_t>(static_cast<std::int64_t>(at) + from_payload));
        fixture.crash();
      } else {
        fixture.close();
        damage(pack, static_cast<std::uint64_t>(static_cast<std::int64_t>(at) + from_payload));
        fixture.open();
        fixture.run();
      }
      for (int start = 0; start < 3; ++start) {
        auto now = fixture.read(action);
        BOOST_TEST(!(now == noise(1000, 1)));
        // Rot in a header, beside an index that has all of it, costs nothing.
        if (from_payload == 200) BOOST_TEST(!now);
        BOOST_TEST((fixture.read(digest_of(noise(1000, 3))) == noise(1000, 3)));
        fixture.crash();
      }
    }
}

BOOST_AUTO_TEST_CASE(an_erased_result_does_not_come_back_when_its_erasure_rots) {
  filesystem_fixture fixture(filesystem_fixture::packing(), store_role::results);
  const digest action = digest_of("an action");
  BOOST_REQUIRE(fixture.write(action, noise(1000, 1)));
  BOOST_REQUIRE(fixture.ask(forget_blob{action}));
  const auto pack = newest_pack(fixture);
  const auto erasure = content_of(pack).find("rkc2", content_of(pack).find(noise(1000, 1)) + 1000);
  BOOST_REQUIRE(erasure != std::string::npos);
  fixture.put(noise(1000, 3));
  fixture.close();
  damage(pack, erasure + 20);
  fixture.open();
  fixture.run();
  BOOST_TEST(!fixture.has(action));
  BOOST_TEST(!fixture.read(action));
}

// Whatever becomes of a pack, its index tells what was in it.
BOOST_AUTO_TEST_CASE(an_older_result_does_not_come_back_from_behind_a_pack_that_is_cut) {
  enum class fate { cut, halved, emptied, replaced };
  for (auto what : {fate::cut, fate::halved, fate::emptied, fate::replaced})
    for (bool killed : {false, true}) {
      filesystem_fixture fixture(filesystem_fixture::packing(), store_role::results);
      const digest action = digest_of("an action"), erased = digest_of("another action");
      BOOST_REQUIRE(fixture.write(action, noise(1000, 1)));
      BOOST_REQUIRE(fixture.write(erased, noise(1000, 2)));
      fixture.restart();
      fixture.put(noise(1000, 3));
      BOOST_REQUIRE(fixture.ask(forget_blob{erased}));
      BOOST_REQUIRE(fixture.write(action, noise(1000, 4)));
      fixture.restart();  // its index is written
      const auto pack = newest_pack(fixture);
      const auto size = std::filesystem::file_size(pack);
      fixture.close();
      if (what == fate::cut) std::filesystem::resize_file(pack, size - 100);
      if (what == fate::halved) std::filesystem::resize_file(pack, size / 2);
      if (what == fate::emptied) std::filesystem::resize_file(pack, 0);
      if (what == fate::replaced) put_file(pack, "some text");
      fixture.open();
      fixture.run();
      for (int start = 0; start < 3; ++start) {
        BOOST_TEST(!(fixture.read(action) == noise(1000, 1)));
        BOOST_TEST(!fixture.read(action));
        BOOST_TEST(!fixture.has(erased));
        if (killed)
          fixture.crash();
        else
          fixture.restart();
      }
      // What is written anew counts, and stays.
      BOOST_REQUIRE(fixture.write(action, noise(1000, 5)));
      for (int start = 0; start < 2; ++start) {
        killed ? fixture.crash() : fixture.restart();
        BOOST_TEST((fixture.read(action) == noise(1000, 5)));
      }
    }
}

// An index tells of the pack that it was written for, not of the next with its number.
BOOST_AUTO_TEST_CASE(what_is_written_after_a_pack_was_removed_stays) {
  for (auto what : {store_role::content, store_role::results})
    for (bool killed : {false, true}) {
      filesystem_fixture fixture(filesystem_fixture::packing(), what);
      std::vector<digest> before, after;
      for (std::uint64_t i = 0; i < 3; ++i) before.push_back(fixture.put(noise(1000, i)));
      fixture.restart();
      fixture.close();
      BOOST_REQUIRE(std::filesystem::exists(newest_pack(fixture)));
      std::filesystem::remove(newest_pack(fixture));
      fixture.open();
      fixture.run();
      BOOST_TEST((fixture.system.log_lines().find("packs are gone") != std::string::npos));
      for (std::uint64_t i = 10; i < 16; ++i) after.push_back(fixture.put(noise(1000, i)));
      for (int start = 0; start < 2; ++start) {
        killed ? fixture.crash() : fixture.restart();
        for (std::uint64_t i = 0; i < after.size(); ++i)
          BOOST_TEST((fixture.read(after[i]) == noise(1000, 10 + i)));
        for (const auto& blob : before) BOOST_TEST(!fixture.has(blob));
      }
    }
}

// Nobody was told of what a process that was killed had not written whole.
BOOST_AUTO_TEST_CASE(an_acknowledged_result_stays_when_its_replacement_was_cut_short) {
  filesystem_fixture fixture(filesystem_fixture::packing(), store_role::results);
  const digest action = digest_of("an action");
  BOOST_REQUIRE(fixture.write(action, noise(1000, 1)));
  BOOST_REQUIRE(fixture.write(action, noise(1000, 2)));
  const auto pack = newest_pack(fixture);
  std::filesystem::resize_file(pack, std::filesystem::file_size(pack) - 100);
  fixture.crash();
  BOOST_TEST((fixture.read(action) == noise(1000, 1)));
}

BOOST_AUTO_TEST_CASE(a_record_that_was_not_acknowledged_is_not_there_after_a_restart) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  fixture.put(noise(100, 1));
  fixture.disk.fault = [](disk_call made, const std::string&) {
    return made == disk_call::sync_data ? EIO : 0;
  };
  digest lost = digest_of(noise(3000, 2));
  BOOST_TEST(!fixture.write(lost, noise(3000, 2)));
  fixture.disk.fault = nullptr;
  for (int start = 0; start < 2; ++start) {
    for (const auto& file : fixture.files_in("packs"))
      if (file.extension() == ".index" && start == 1) std::filesystem::remove(file);
    fixture.crash();
    BOOST_TEST(!fixture.has(lost));
    BOOST_TEST((fixture.read(digest_of(noise(100, 1))) == noise(100, 1)));
  }
}

// Records that a killed process wrote may be readable and not synced yet.
BOOST_AUTO_TEST_CASE(syncs_what_a_killed_process_left_before_it_says_that_it_is_there) {
  filesystem_fixture fixture(filesystem_fixture::packing());
  digest blob = fixture.put(noise(100, 1));
  fixture.disk.calls.clear();
  fixture.crash();
  BOOST_TEST(fixture.has(blob));
  // The pack was read, then synced.
  auto& calls = fixture.disk.calls;
  const disk_call wanted[] = {disk_call::read, disk_call::sync_data};
  BOOST_TEST((std::search(calls.begin(), calls.end(), std::begin(wanted), std::end(wanted)) != calls.end()));
}

BOOST_AUTO_TEST_CASE(reads_a_pack_whose_head_is_damaged_and_a_pack_of_a_store_that_lost_its_key) {
  for (bool lose_head : {true, false}) {
    filesystem_fixture fixture(filesystem_fixture::packing());
    std::vector<digest> blobs;
    for (std::uint64_t i = 0; i < 10; ++i) blobs.push_back(fixture.put(noise(1000, i)));
    fixture.close();
    if (lose_head)
      damage(newest_pack(fixture), 20);
    else
      std::filesystem::remove(fixture.folder / "store/kiln-store");
    fixture.open();
    fixture.run();
    for (std::uint64_t i = 0; i < 10; ++i) BOOST_TEST((fixture.read(blobs[i]) == noise(1000, i)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
