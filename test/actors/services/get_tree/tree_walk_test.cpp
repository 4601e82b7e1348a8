#include "actors/services/get_tree/tree_walk.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/wire/message_writer.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(tree_walk_test)

// What stands in front of the cut would make a digest.
BOOST_AUTO_TEST_CASE(an_entry_whose_digest_is_cut_short_is_no_entry) {
  const auto child = digest_of("child");
  for (const bool cut : {false, true}) {
    message_writer name, node, directory;
    name.text(1, child.hex());
    name.varint(2, static_cast<std::uint64_t>(child.size));
    auto encoded = std::string(name.finish().flatten().view());
    if (cut) encoded += '\x12';
    node.message(2, encoded);
    directory.message(2, node.finish().flatten().view());
    const auto content = directory.finish().flatten();
    tree_walk walk(digest_of(content.view()), {.max_directories = 2});
    BOOST_TEST(walk.take(walk.next_batch(), {content}).has_value() == !cut);
    BOOST_TEST(walk.known() == (cut ? 1u : 2u));
  }
}

BOOST_AUTO_TEST_SUITE_END()
