#include "actors/worker/inputs/unfolding.hpp"

#include "actors/worker/worker_options.hpp"
#include "test/core/merkle_fixture.hpp"
#include "test/harness/print.hpp"

using namespace kiln;
using namespace kiln::test;

namespace unfolding {

struct unfolding_bench : merkle_fixture {
  unfolding_bench() {
    options.max_input_entries = 1000;
    options.max_input_size.bytes = 1'000'000;
  }
  expected<std::shared_ptr<input_tree>> lay_out(const digest& root) {
    auto tree = walk(root, input_rules(options));
    if (!tree) return failure(tree.error());
    return unfold(*tree, options, false);
  }
  std::string refusal(const digest& root) {
    auto tree = lay_out(root);
    return tree ? "none" : tree.error().to_string();
  }
  /// The same folder twice: 2 + 2 * 3 entries, twice 12 bytes.
  digest twice() {
    v2::Directory leaf, root;
    add_file(leaf, "a", digest_of("twelve bytes"));
    add_file(leaf, "b", digest_of(""));
    add_link(leaf, "c", "a");
    add_child(root, "one", put(leaf));
    add_child(root, "two", put(leaf));
    return put(root);
  }

  worker_options options;
};

}  // namespace unfolding

BOOST_FIXTURE_TEST_SUITE(unfolding, unfolding_bench)

BOOST_AUTO_TEST_CASE(a_folder_stands_wherever_it_is_named) {
  auto tree = lay_out(twice()).value();
  BOOST_TEST_REQUIRE(tree->folders.size() == 3u);
  BOOST_TEST(tree->folders[0].path == "");
  BOOST_TEST(tree->folders[1].path == "one");
  BOOST_TEST(tree->folders[2].path == "two");
  BOOST_TEST_REQUIRE(tree->files.size() == 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    BOOST_TEST(tree->files[i].in == 1 + i / 2);
    BOOST_TEST(tree->files[i].name == (i % 2 == 0 ? "a" : "b"));
    BOOST_TEST(is_empty_blob(tree->files[i].blob) == (i % 2 == 1));
  }
  BOOST_TEST(tree->symlinks.size() == 2u);
  BOOST_TEST(tree->lent.size() == 1u);  // the empty blob is no file of anybody's
}

BOOST_AUTO_TEST_CASE(an_empty_root_is_one_folder) {
  auto tree = lay_out(digest_of("")).value();
  BOOST_TEST(tree->folders.size() == 1u);
  BOOST_TEST(tree->files.empty());
}

BOOST_AUTO_TEST_CASE(a_tree_may_have_as_many_entries_and_bytes_as_allowed_and_no_more) {
  const auto root = twice();
  options.max_input_entries = 8;
  options.max_input_size.bytes = 24;
  BOOST_TEST(refusal(root) == "none");
  options.max_input_entries = 7;
  BOOST_TEST(refusal(root) == "INVALID_ARGUMENT: the input tree has more than 7 entries");
  options.max_input_entries = 8;
  options.max_input_size.bytes = 23;
  BOOST_TEST(refusal(root).starts_with("INVALID_ARGUMENT: the input tree has more than 23"));
}

BOOST_AUTO_TEST_CASE(a_tree_with_too_many_entries_is_not_read_to_its_end) {
  v2::Directory root;
  for (int i = 0; i < 8; ++i) add_child(root, std::to_string(i), digest_of(std::to_string(i)));
  options.max_input_entries = 7;
  BOOST_TEST(refusal(put(root)) == "INVALID_ARGUMENT: the input tree has more than 7 entries");
  BOOST_TEST(reads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(no_folder_may_lie_deeper_than_a_path_reaches) {
  options.max_input_entries = 10'000'000;
  BOOST_TEST(refusal(chain(2049)) == "none");
  const std::string deep = "INVALID_ARGUMENT: the input tree is more than 2049 directories deep";
  BOOST_TEST(refusal(chain(2050)) == deep);
  // The way that counts is the longest: there is a short one to each of these.
  v2::Directory all;
  for (int i = 2048; i > 0; --i) add_child(all, fmt::format("{:04}", 2048 - i), chain(i));
  v2::Directory above;
  add_child(above, "all", put(all));
  add_child(above, "deepest", chain(2049));
  BOOST_TEST(refusal(put(above)) == deep);
}

BOOST_AUTO_TEST_CASE(folders_that_hold_each_other_are_refused) {
  const auto first = digest_of("first"), second = digest_of("second");
  v2::Directory to_second, to_first;
  add_child(to_second, "second", second);
  add_child(to_first, "first", first);
  put_as(first, to_second);
  put_as(second, to_first);
  BOOST_TEST(refusal(first).find("holds itself") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_absolute_link_is_named_where_it_is_not_allowed) {
  v2::Directory root;
  add_link(root, "link", "/etc/hostname");
  const auto name = put(root);
  auto tree = walk(name, input_rules(options)).value();
  options.absolute_symlinks = true;
  BOOST_TEST(check_links(tree, options).has_value());
  options.absolute_symlinks = false;
  BOOST_TEST(check_links(tree, options).error().message() ==
             fmt::format("input link \"link\" in {} is absolute, which is not allowed here", name));
}

BOOST_AUTO_TEST_SUITE_END()
