#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"
#include "test/plugins/stores/filesystem/filesystem_packs.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_format_file)

namespace {

filesystem::store_options format_options(bool shared, filesystem::durability keep) {
  auto options = filesystem_fixture::files_only();
  options.shared = shared;
  options.keep = keep;
  return options;
}

std::filesystem::path format_of(const filesystem_fixture& fixture, const char* ending = "") {
  return fixture.folder / ("store/kiln-store" + std::string(ending));
}

bool told_of_damage(filesystem_fixture& fixture) {
  return fixture.system.log_lines().find("its copy was read") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_flipped_bit_in_what_says_what_a_folder_holds_costs_nothing) {
  for (bool shared : {false, true}) {
    filesystem_fixture fixture(format_options(shared, filesystem::durability::durable));
    const digest blob = fixture.put(noise(3000));
    fixture.close();
    const std::string text = content_of(format_of(fixture));
    BOOST_REQUIRE(text.size() > 50U);
    for (std::size_t at = 0; at < text.size(); at += 3) {
      std::string hurt = text;
      hurt[at] = static_cast<char>(hurt[at] ^ 1 << at % 8);
      put_file(format_of(fixture), hurt);
      fixture.open();
      fixture.run();
      BOOST_TEST((fixture.read(blob) == noise(3000)), "byte " << at);
      fixture.close();
      // It is mended.
      BOOST_TEST(content_of(format_of(fixture)) == text);
    }
    BOOST_TEST(told_of_damage(fixture));
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_lost_the_file_holds_what_it_held) {
  for (bool removed : {false, true}) {
    filesystem_fixture fixture(format_options(false, filesystem::durability::durable));
    fixture.put(noise(3000));
    fixture.close();
    if (removed)
      std::filesystem::remove(format_of(fixture));
    else
      put_file(format_of(fixture), std::string(200, '\0'));
    filesystem_fixture other(format_options(false, filesystem::durability::durable), store_role::results);
    other.close();
    other.options.path = fixture.options.path;
    const error refused = other.try_open();
    BOOST_TEST((refused.message().find("holds content") != std::string::npos), refused.message());
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_copy_is_written_anew_and_two_damaged_files_are_told_of_in_print) {
  filesystem_fixture fixture(format_options(false, filesystem::durability::durable));
  const digest blob = fixture.put(noise(3000));
  fixture.close();
  const std::string copy = content_of(format_of(fixture, ".copy"));
  put_file(format_of(fixture, ".copy"), "garbage");
  fixture.open();
  fixture.close();
  BOOST_TEST(content_of(format_of(fixture, ".copy")) == copy);
  BOOST_TEST(!told_of_damage(fixture));
  for (const char* ending : {"", ".copy"}) put_file(format_of(fixture, ending), "\x01\x02\xff\x1b[2Jdamaged");
  const error refused = fixture.try_open();
  BOOST_TEST((refused.code() == errc::failed_precondition));
  for (char one : refused.message()) BOOST_TEST((one >= ' ' && one <= '~'));
  BOOST_TEST((refused.message().find("kiln-store is damaged") != std::string::npos), refused.message());
  // As it says.
  put_file(format_of(fixture, ".copy"), copy);
  fixture.open();
  BOOST_TEST((fixture.read(blob) == noise(3000)));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_cut_anywhere_costs_nothing) {
  for (bool shared : {false, true}) {
    filesystem_fixture fixture(format_options(shared, filesystem::durability::durable));
    const digest blob = fixture.put(noise(3000));
    fixture.close();
    const std::string text = content_of(format_of(fixture));
    for (std::size_t left = 0; left < text.size(); left += 5) {
      put_file(format_of(fixture), text.substr(0, left));
      fixture.open();
      fixture.run();
      BOOST_TEST((fixture.read(blob) == noise(3000)), "cut to " << left);
      fixture.close();
      BOOST_TEST(content_of(format_of(fixture)) == text);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_folder_with_blobs_that_nothing_tells_of_is_refused) {
  for (bool shared : {false, true})
    for (bool removed : {false, true}) {
      filesystem_fixture fixture(format_options(shared, filesystem::durability::durable));
      fixture.put(noise(3000));
      fixture.close();
      for (const char* ending : {"", ".copy"}) {
        if (removed)
          std::filesystem::remove(format_of(fixture, ending));
        else
          put_file(format_of(fixture, ending), "");
      }
      const error refused = fixture.try_open();
      BOOST_TEST((refused.code() == errc::failed_precondition));
      BOOST_TEST((refused.message().find("put one of them back") != std::string::npos), refused.message());
    }
}

// The copy does not say that the last process ended in order, so what a power cut may have hurt is doubted.
BOOST_AUTO_TEST_CASE(a_copy_trusts_no_more_than_the_file_did) {
  filesystem_fixture fixture(format_options(false, filesystem::durability::relaxed));
  const digest whole_blob = fixture.put(noise(5000, 1));
  const digest hurt = fixture.put(noise(5000, 2));
  damage(fixture.file_of(hurt), 4000);
  put_file(format_of(fixture), std::string(100, '\0'));
  fixture.crash();
  BOOST_TEST((fixture.read(whole_blob) == noise(5000, 1)));
  BOOST_TEST(!fixture.has(hurt));
}

// Written by a release that had no checksum and no copy.
BOOST_AUTO_TEST_CASE(a_folder_without_checksum_and_copy_is_opened_as_before) {
  filesystem_fixture fixture(format_options(false, filesystem::durability::durable));
  const digest blob = fixture.put(noise(3000));
  fixture.close();
  std::string text = content_of(format_of(fixture));
  const auto sum = text.rfind("\nsum ");
  BOOST_REQUIRE(sum != std::string::npos);
  put_file(format_of(fixture), text.substr(0, sum + 1));
  std::filesystem::remove(format_of(fixture, ".copy"));
  fixture.open();
  BOOST_TEST((fixture.read(blob) == noise(3000)));
  fixture.close();
  BOOST_TEST(content_of(format_of(fixture)) == text);
  BOOST_TEST(std::filesystem::exists(format_of(fixture, ".copy")));
}

BOOST_AUTO_TEST_SUITE_END()
