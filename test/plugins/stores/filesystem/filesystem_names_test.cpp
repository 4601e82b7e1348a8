#include <boost/test/unit_test.hpp>
#include <fstream>

#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"
#include "test/plugins/stores/filesystem/filesystem_packs.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_names)

namespace {

struct named {
  digest blob;
  std::string content;
};

// Some of every kind, so that each function comes first, in the middle and last.
std::vector<named> under_every_function(std::size_t size, std::uint64_t seed) {
  std::vector<named> result;
  for (std::size_t turn = 0; turn < digest_functions().size(); ++turn)
    for (std::size_t i = 0; i < digest_functions().size(); ++i) {
      auto function = digest_functions()[(turn + i) % digest_functions().size()].function;
      auto content = noise(size + result.size(), seed + result.size());
      result.push_back({digest_of(content, function), content});
    }
  return result;
}

void write_all_of(filesystem_fixture& fixture, const std::vector<named>& blobs) {
  for (const auto& [blob, content] : blobs) BOOST_REQUIRE(fixture.write(blob, content));
}

void check_all_of(filesystem_fixture& fixture, const std::vector<named>& blobs) {
  for (const auto& [blob, content] : blobs)
    BOOST_TEST((fixture.read(blob) == content), blob.to_string() << " is not what was written");
}

// As it leaves its folder.
void become_an_older_release(const filesystem_fixture& fixture) {
  std::ofstream(fixture.folder / "store/kiln-store")
      << "kiln filesystem store, version 1\nholds "
      << (fixture.what == store_role::content ? "content" : "results")
      << "\nkeeps durable\nboot boot 1\nclosed no\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(keeps_blobs_under_names_of_every_length) {
  for (auto what : {store_role::content, store_role::results}) {
    for (auto options : {filesystem_fixture::packing(), filesystem_fixture::files_only()}) {
      filesystem_fixture fixture(options, what);
      auto first = under_every_function(300, 1), second = under_every_function(9000, 100);
      write_all_of(fixture, first);
      fixture.crash();  // the records are read
      check_all_of(fixture, first);
      write_all_of(fixture, second);
      fixture.restart();
      fixture.restart();  // their index is
      check_all_of(fixture, first);
      check_all_of(fixture, second);
      BOOST_TEST(fixture.stats().blobs == first.size() + second.size());
      BOOST_TEST(fixture.ask(forget_blob{second.front().blob})->was_present);
      BOOST_TEST(fixture.ask(forget_blob{first.back().blob})->was_present);
      fixture.crash();
      BOOST_TEST(!fixture.has(second.front().blob));
      BOOST_TEST(!fixture.has(first.back().blob));
      BOOST_TEST(fixture.stats().blobs == first.size() + second.size() - 2);
    }
  }
}

BOOST_AUTO_TEST_CASE(lends_and_lets_go_of_blobs_under_names_of_every_length) {
  auto options = filesystem_fixture::packing();
  options.packed_below = {1 << 20};
  filesystem_fixture fixture(options);
  auto blobs = under_every_function(3000, 1);
  write_all_of(fixture, blobs);
  for (const auto& [blob, content] : blobs) {
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(lent.has_value());
    BOOST_TEST((content_of(lent->path) == content));
  }
  std::vector<named> large;
  for (std::uint64_t i = 0; i < 80; ++i) {
    auto content = noise(1 << 20, 1000 + i);
    large.push_back({digest_of(content, digest_function::sha512), content});
    BOOST_REQUIRE(fixture.write(large.back().blob, content));
  }
  BOOST_TEST(fixture.stats().bytes <= 64U << 20);
  BOOST_TEST(!fixture.has(blobs.front().blob));
  BOOST_TEST(!fixture.has(large.front().blob));
  BOOST_TEST(fixture.has(large.back().blob));
  auto before = fixture.stats().blobs;
  fixture.restart();
  BOOST_TEST(fixture.stats().blobs == before);
  BOOST_TEST((fixture.read(large.back().blob) == large.back().content));
}

// It took a pack to end where a name was longer than its headers had room for, and wrote that down.
BOOST_AUTO_TEST_CASE(believes_no_older_index_that_tells_of_less_than_its_pack_has) {
  for (auto what : {store_role::content, store_role::results})
    for (std::size_t before : {0U, 1U, 5U}) {
      filesystem_fixture fixture(filesystem_fixture::packing(), what);
      fixture.close();
      std::vector<std::pair<digest, std::string>> all;
      for (std::uint64_t i = 0; i < 10; ++i) all.emplace_back(digest_of(noise(1000, i)), noise(1000, i));
      const std::vector known(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(before));
      all.insert(all.begin() + static_cast<std::ptrdiff_t>(before),
                 {digest_of("long", digest_function::sha512), "long"});
      const auto packs = fixture.folder / "store/packs";
      put_file(packs / filesystem::pack_name(1), old_pack(all, what));
      put_file(packs / filesystem::pack_index_name(1), old_index(known, what, old_pack(all, what).size()));
      become_an_older_release(fixture);
      fixture.open();
      fixture.run();
      for (int start = 0; start < 2; ++start) {
        for (const auto& [blob, content] : all)
          if (what == store_role::content || blob.function == digest_function::sha256)
            BOOST_TEST((fixture.read(blob) == content));
        fixture.restart();
      }
    }
}

BOOST_AUTO_TEST_CASE(reads_packs_of_the_format_before) {
  for (auto what : {store_role::content, store_role::results}) {
    for (bool with_index : {false, true}) {
      filesystem_fixture fixture(filesystem_fixture::packing(), what);
      fixture.close();
      std::vector<std::pair<digest, std::string>> blobs, stranger;
      for (std::uint64_t i = 0; i < 20; ++i) {
        auto function = i % 2 == 0 ? digest_function::sha256 : digest_function::blake3;
        blobs.emplace_back(digest_of(noise(1000 + i, i), function), noise(1000 + i, i));
      }
      // An index with one of these was never read by the release that wrote it.
      if (!with_index)
        stranger = {{digest_of("a", digest_function::sha384), "a"},
                    {digest_of("b", digest_function::sha512), "b"},
                    {digest_of("c", digest_function::sha1), "c"}};
      auto all = stranger;
      all.insert(all.end(), blobs.begin(), blobs.end());
      auto packs = fixture.folder / "store/packs";
      put_file(packs / filesystem::pack_name(1), old_pack(all, what));
      if (with_index) put_file(packs / filesystem::pack_index_name(1), old_index(all, what));
      become_an_older_release(fixture);
      fixture.open();
      fixture.run();
      for (int start = 0; start < 2; ++start) {
        for (const auto& [blob, content] : blobs) BOOST_TEST((fixture.read(blob) == content));
        // Content tells what the header had no room for; of a result only the part is known.
        for (const auto& [blob, content] : stranger)
          BOOST_TEST(fixture.has(blob) ==
                     (what == store_role::content || blob.function == digest_function::sha1));
        fixture.put("another");
        fixture.restart();
      }
      BOOST_TEST((fixture.read(digest_of("another")) == "another"));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
