#include <boost/test/unit_test.hpp>

#include "plugins/stores/filesystem/files/file_range_source.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

// What is damaged between two processes, or by a write, is found before a byte of it goes out.
BOOST_AUTO_TEST_SUITE(filesystem_proven_first)

constexpr std::size_t piece = filesystem::file_source::piece_size;
constexpr std::size_t pieces = 5;

struct large_blob : filesystem_fixture {
  const std::string content = contract::noise(pieces * piece);
  const digest blob = put(content);
  std::size_t reads() const { return disk.count(disk_call::read); }
};

BOOST_FIXTURE_TEST_CASE(a_file_that_changed_since_it_was_written_or_read_is_not_begun, large_blob) {
  for (const bool restarts : {true, false})
    for (const std::size_t at : {std::size_t(0), 2 * piece, content.size() - 1}) {
      damage(file_of(blob), at);
      if (restarts) restart();
      const auto answer = ask(read_blob{blob});
      BOOST_REQUIRE(!answer);
      BOOST_TEST((answer.error().code() == errc::not_found));
      BOOST_TEST(!has(blob));
      put(content);
      BOOST_TEST((read(blob) == content));
    }
}

BOOST_FIXTURE_TEST_CASE(it_costs_one_reading_more_a_process_however_many_want_it, large_blob) {
  for (const bool restarts : {false, true}) {
    if (restarts) restart();
    const auto before = reads();
    std::vector<std::shared_ptr<std::optional<expected<blob_content>>>> all;
    for (int i = 0; i < 4; ++i) all.push_back(begin(read_blob{blob}));
    run();
    for (const auto& one : all) {
      BOOST_REQUIRE((*one && **one));
      (**one)->rest->cancel({});
    }
    // Of each the first piece, and one ahead.
    BOOST_TEST(reads() - before == all.size() * 2 + (restarts ? pieces : 0));
  }
}

BOOST_AUTO_TEST_SUITE_END()
