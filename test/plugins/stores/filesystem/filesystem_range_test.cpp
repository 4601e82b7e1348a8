#include <boost/test/unit_test.hpp>
#include <utility>

#include "plugins/stores/filesystem/files/file_range_source.hpp"
#include "test/harness/print.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace filesystem_parts {

constexpr std::size_t piece = filesystem::file_source::piece_size;

// A large blob that is read in parts, each a step at a time.
struct parts_bench : filesystem_fixture {
  const std::string content = contract::noise(16 * piece);
  digest blob = put(content);

  struct part {
    std::string wanted;
    std::shared_ptr<std::optional<expected<blob_content>>> opened;
    std::shared_ptr<std::string> text = std::make_shared<std::string>();
    std::shared_ptr<std::optional<error>> end = std::make_shared<std::optional<error>>();
    bool begun = false;
  };
  part begin_part(std::uint64_t offset, std::uint64_t limit) {
    return {content.substr(offset, limit), begin(read_blob{blob, offset, limit})};
  }
  /// The reader asks for one piece more.
  static void pull(part& of) {
    if (!std::exchange(of.begun, true)) *of.text = of.opened->value().value().head.flatten().view();
    blob_source_ptr rest = of.opened->value().value().rest;
    if (!rest || *of.end) return;
    rest->read([text = of.text, end = of.end](expected<byte_chain> more) {
      if (!more)
        *end = more.error();
      else if (more->empty())
        *end = error();
      else
        *text += more->flatten().view();
    });
  }
  void finish(std::vector<part>& parts) {
    for (bool open = true; open;) {
      open = false;
      for (auto& one : parts) {
        pull(one);
        open = open || !*one.end;
      }
      run();
    }
    for (const auto& one : parts) {
      BOOST_TEST((*one.end)->ok(), (*one.end)->to_string());
      BOOST_TEST((*one.text == one.wanted));
    }
  }
  std::size_t reads() const { return disk.count(disk_call::read); }
};

}  // namespace filesystem_parts

BOOST_FIXTURE_TEST_SUITE(filesystem_parts, parts_bench)

BOOST_AUTO_TEST_CASE(several_parts_of_a_blob_are_read_at_once) {
  std::vector<part> parts;
  for (std::size_t i = 0; i < 8; ++i) parts.push_back(begin_part(i * 2 * piece, 2 * piece));
  parts.push_back(begin_part(piece / 2, 5 * piece + 1));
  parts.push_back(begin_part(0, 16 * piece));
  run();
  finish(parts);
}

// Rule 88.
BOOST_AUTO_TEST_CASE(parts_under_way_go_on_when_their_blob_leaves) {
  std::vector<part> parts;
  for (std::size_t i = 0; i < 4; ++i) parts.push_back(begin_part(i * 4 * piece, 4 * piece));
  run();
  for (auto& one : parts) pull(one);
  BOOST_TEST(ask(forget_blob{blob})->was_present);
  BOOST_TEST(ask(read_blob{blob, piece, piece}).error().code() == errc::not_found);
  finish(parts);
}

BOOST_AUTO_TEST_CASE(the_next_piece_is_read_while_the_last_one_is_under_way_and_no_more) {
  std::vector<part> parts{begin_part(piece, 8 * piece), begin_part(0, 8 * piece)};
  run();
  BOOST_TEST(reads() == 2 * 2u);
  for (std::size_t pulled = 1; pulled < 4; ++pulled) {
    for (auto& one : parts) pull(one);
    run();
    for (const auto& one : parts) BOOST_TEST(one.text->size() == (pulled + 1) * piece);
    BOOST_TEST(reads() == 2 * (pulled + 2));
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_read_beyond_a_part) {
  std::vector<part> parts{begin_part(piece, piece + 10)};
  run();
  finish(parts);
  BOOST_TEST(reads() == 2u);
}

BOOST_AUTO_TEST_CASE(parts_of_a_blob_that_was_never_proved_cost_one_proof) {
  restart();
  auto before = reads();
  std::vector<part> parts;
  for (std::size_t i = 0; i < 8; ++i) parts.push_back(begin_part(i * 2 * piece, 2 * piece));
  run();
  finish(parts);
  BOOST_TEST(reads() - before == 16u + 16u);
}

BOOST_AUTO_TEST_CASE(no_part_of_a_damaged_blob_is_read) {
  restart();
  damage(file_of(blob), 15 * piece);
  std::vector<part> parts;
  for (std::size_t i = 0; i < 4; ++i) parts.push_back(begin_part(i * piece, piece));
  run();
  for (const auto& one : parts) BOOST_TEST(one.opened->value().error().code() == errc::not_found);
  BOOST_TEST(!has(blob));
}

BOOST_AUTO_TEST_SUITE_END()
