#include <algorithm>

#include "core/wire/message_limits.hpp"
#include "test/core/merkle_fixture.hpp"
#include "test/harness/print.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_FIXTURE_TEST_SUITE(merkle_walk_test, merkle_fixture)

BOOST_AUTO_TEST_CASE(a_wide_tree_is_read_in_batches_bounded_in_number) {
  const auto root = wide(25);
  for (auto detail : all_details) {
    auto rules = of(detail);
    rules.batch_directories = 10;
    auto tree = walk(root, rules);
    BOOST_TEST_REQUIRE(tree.has_value());
    BOOST_TEST(tree->directories().size() == 26u);
    BOOST_TEST((tree->directories().front() == root));
    std::vector<std::size_t> sizes;
    for (const auto& batch : batches) sizes.push_back(batch.names.size());
    BOOST_TEST(sizes == (std::vector<std::size_t>{1, 10, 10, 5}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_batch_is_bounded_in_bytes_and_a_larger_directory_comes_alone) {
  const auto root = wide(4);
  const auto each = walk(root)->directory(1).size;
  auto rules = of(walk_detail::directories);
  rules.batch_bytes = 2 * each;
  BOOST_TEST(walk(root, rules).has_value());
  BOOST_TEST_REQUIRE(batches.size() == 3u);
  BOOST_TEST(batches[0].bytes == root.size);  // more than the bound
  BOOST_TEST(batches[1].bytes == 2 * each);
  rules.batch_bytes = 2 * each - 1;
  BOOST_TEST(walk(root, rules).has_value());
  BOOST_TEST(batches.size() == 5u);
}

BOOST_AUTO_TEST_CASE(a_deep_tree_costs_a_batch_a_level_and_no_stack) {
  const auto root = chain(20'000);
  auto tree = walk(root, of(walk_detail::everything));
  BOOST_TEST_REQUIRE(tree.has_value());
  BOOST_TEST(batches.size() == 20'000u);
  auto size = tree->measure(0);
  BOOST_TEST_REQUIRE(size.has_value());
  BOOST_TEST(size->depth == 20'000u);
  BOOST_TEST(size->folders == 20'000u);
}

BOOST_AUTO_TEST_CASE(a_directory_is_read_once_however_often_it_is_named) {
  for (auto detail : all_details) {
    reads.clear();
    // Unfolded, it has 2^60 folders.
    auto tree = walk(chain(61, 2), of(detail));
    BOOST_TEST_REQUIRE(tree.has_value());
    BOOST_TEST(tree->directories().size() == 61u);
    for (const auto& [name, times] : reads) BOOST_TEST(times == 1);
  }
}

BOOST_AUTO_TEST_CASE(roots_share_what_they_have_in_common) {
  v2::Directory one, other;
  const auto shared = chain(3);
  add_child(one, "in_one", shared);
  add_child(other, "in_other", shared);
  const auto first = put(one), second = put(other);
  auto tree = walk({first, second, first}, of(walk_detail::paths));
  BOOST_TEST_REQUIRE(tree.has_value());
  BOOST_TEST(tree->directories().size() == 5u);
  BOOST_TEST((tree->find(0, "in_one") == tree->find(1, "in_other")));
}

BOOST_AUTO_TEST_CASE(several_batches_may_be_on_their_way_and_come_in_any_order) {
  auto rules = of(walk_detail::everything);
  rules.batch_directories = 7;
  const auto root = wide(50);
  merkle_walk walk(digest_function::sha256, rules);
  BOOST_TEST(walk.add_root(root).value() == 0u);
  auto top = walk.next_batch();
  BOOST_TEST(walk.next_batch().empty());
  BOOST_TEST(!walk.over());
  BOOST_TEST(walk.take(top.places.front(), read(root)).has_value());
  std::vector<merkle_walk::batch> open;
  for (auto next = walk.next_batch(); !next.empty(); next = walk.next_batch())
    open.push_back(std::move(next));
  BOOST_TEST(open.size() == 8u);
  BOOST_TEST(walk.asked() == 51u);
  std::reverse(open.begin(), open.end());
  for (const auto& batch : open) {
    BOOST_TEST(!walk.over());
    for (std::size_t i = 0; i < batch.names.size(); ++i)
      BOOST_TEST(walk.take(batch.places[i], read(batch.names[i])).has_value());
  }
  BOOST_TEST(walk.over());
  const auto tree = walk.finish();
  BOOST_TEST(tree.blobs().size() == 50u);
  for (int i = 0; i < 50; ++i) {
    auto at = tree.find(0, fmt::format("{:06}", i));
    BOOST_TEST_REQUIRE(at.has_value());
    BOOST_TEST_REQUIRE(tree.files(*at).size() == 1u);
    BOOST_TEST((tree.blob(tree.files(*at)[0].blob) == digest_of(std::to_string(i))));
  }
}

BOOST_AUTO_TEST_CASE(missing_directories_are_named_and_the_rest_is_walked) {
  v2::Directory root;
  const auto gone = digest_of("gone");
  add_child(root, "gone", gone);
  add_child(root, "here", chain(2));
  for (auto detail : all_details) {
    auto tree = walk(put(root), of(detail));
    BOOST_TEST_REQUIRE(tree.has_value());
    BOOST_TEST_REQUIRE(missing.size() == 1u);
    BOOST_TEST((missing.front() == gone));
    BOOST_TEST(tree->directories().size() == 4u);
    BOOST_TEST(tree->children(1).empty());
  }
  BOOST_TEST(walk(gone).has_value());
  BOOST_TEST(missing.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stores_error_ends_the_walk_and_says_where) {
  const auto root = chain(1);
  merkle_walk walk(digest_function::sha256, {});
  BOOST_TEST(walk.add_root(root).has_value());
  auto batch = walk.next_batch();
  auto taken = walk.take(batch.places[0], fail(errc::unavailable, "no store"));
  BOOST_TEST_REQUIRE(!taken.has_value());
  BOOST_TEST(taken.error().to_string() == fmt::format("UNAVAILABLE: reading directory {}: no store", root));
  BOOST_TEST(!walk.over());
  BOOST_TEST(!walk.take(batch.places[0], bytes::copy_of("noise")).has_value());
  BOOST_TEST(!walk.over());
}

BOOST_AUTO_TEST_CASE(what_is_no_directory_is_refused_in_each_detail) {
  const auto noise = put(bytes::copy_of("\xff\xff garbage"));
  for (auto detail : all_details) {
    BOOST_TEST(fault_of(noise, of(detail))
                   .starts_with(fmt::format("INVALID_ARGUMENT: blob {} is no Directory", noise)));
    v2::Directory root;
    add_child(root, "noise", noise);
    BOOST_TEST(fault_of(put(root), of(detail)) != "none");
  }
}

BOOST_AUTO_TEST_CASE(a_digest_of_another_function_is_refused_and_its_entry_named) {
  v2::Directory with_file, with_child;
  with_file.add_files()->set_name("short");
  with_file.mutable_files(0)->mutable_digest()->set_hash(std::string(32, 'a'));
  with_child.add_directories()->set_name("short");
  *with_child.mutable_directories(0)->mutable_digest() = with_file.files(0).digest();
  const auto file = put(with_file), child = put(with_child);
  // Who asks for directories alone does not look at files.
  BOOST_TEST(fault_of(file, of(walk_detail::directories)) == "none");
  for (auto detail : {walk_detail::blobs, walk_detail::paths, walk_detail::everything})
    BOOST_TEST(fault_of(file, of(detail)).find("directory " + file.to_string()) != std::string::npos);
  BOOST_TEST(fault_of(file, of(walk_detail::paths)).find("file \"short\" in") != std::string::npos);
  for (auto detail : all_details)
    BOOST_TEST(fault_of(child, of(detail)).find("directory " + child.to_string()) != std::string::npos);
  BOOST_TEST(fault_of(child, of(walk_detail::paths)).find("directory \"short\" in") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(directories_have_to_be_canonical_where_names_matter) {
  v2::Directory unsorted;
  add_file(unsorted, "b", digest_of("b"));
  add_file(unsorted, "a", digest_of("a"));
  const auto root = put(unsorted);
  BOOST_TEST(fault_of(root, of(walk_detail::directories)) == "none");
  BOOST_TEST(fault_of(root, of(walk_detail::blobs)) == "none");
  for (auto detail : {walk_detail::paths, walk_detail::everything})
    BOOST_TEST(fault_of(root, of(detail))
                   .starts_with(fmt::format("INVALID_ARGUMENT: directory {}: directory not", root)));
}

// No digest can mean that, but a store that does not look may have it.
BOOST_AUTO_TEST_CASE(a_directory_that_holds_itself_is_walked_once_or_refused) {
  const auto name = digest_of("a name that its content does not have");
  v2::Directory own_child;
  add_child(own_child, "again", name);
  put_as(name, own_child);
  for (auto detail : {walk_detail::directories, walk_detail::blobs}) {
    auto tree = walk(name, of(detail));
    BOOST_TEST_REQUIRE(tree.has_value());
    BOOST_TEST(tree->directories().size() == 1u);
  }
  for (auto detail : {walk_detail::paths, walk_detail::everything})
    BOOST_TEST(fault_of(name, of(detail)) ==
               fmt::format("INVALID_ARGUMENT: directory {}: it holds itself", name));
}

BOOST_AUTO_TEST_CASE(a_circle_of_directories_is_walked_once_and_has_no_measure) {
  const auto first = digest_of("first"), second = digest_of("second");
  v2::Directory to_second, to_first;
  add_child(to_second, "second", second);
  add_child(to_first, "first", first);
  put_as(first, to_second);
  put_as(second, to_first);
  auto tree = walk(first, of(walk_detail::everything));
  BOOST_TEST_REQUIRE(tree.has_value());
  BOOST_TEST(tree->directories().size() == 2u);
  auto size = tree->measure(0);
  BOOST_TEST_REQUIRE(!size.has_value());
  BOOST_TEST(size.error().code() == errc::invalid_argument);
  BOOST_TEST(tree->find(0, "second/first/second").value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_larger_than_is_taken_is_refused_before_it_is_asked_for) {
  auto large = digest_of("large");
  large.size = largest::directory.bytes + 1;
  v2::Directory root;
  add_child(root, "large", large);
  for (auto detail : all_details) {
    BOOST_TEST(fault_of(put(root), of(detail)).find("too large to be taken for a Directory") !=
               std::string::npos);
    BOOST_TEST(fault_of(large, of(detail)).starts_with("INVALID_ARGUMENT"));
  }
  BOOST_TEST(reads[large] == 0);
  --large.size;
  BOOST_TEST(fault_of(large, {}) == "none");
}

BOOST_AUTO_TEST_CASE(each_bound_is_met_exactly_and_refused_by_one_more) {
  const auto root = wide(9);  // 10 directories, 9 files, 18 entries, depth 2
  const auto bytes = static_cast<std::uint64_t>(root.size + 9 * walk(root)->directory(1).size);
  auto rules = of(walk_detail::everything);
  rules.max_directories = 10;
  rules.max_blobs = 19;
  rules.max_entries = 18;
  rules.max_bytes = bytes;
  rules.max_depth = 2;
  rules.words.tree = "this tree";
  rules.words.beyond = errc::resource_exhausted;
  BOOST_TEST(fault_of(root, rules) == "none");
  auto with = [&](auto change) {
    auto changed = rules;
    change(changed);
    return fault_of(root, changed);
  };
  const std::string code = "RESOURCE_EXHAUSTED: this tree";
  BOOST_TEST(with([](auto& is) { is.max_directories = 9; }) == code + " has more than 9 directories");
  BOOST_TEST(with([](auto& is) { is.max_blobs = 18; }) == code + " refers to more than 18 blobs");
  BOOST_TEST(with([](auto& is) { is.max_entries = 17; }) == code + " has more than 17 entries");
  BOOST_TEST(with([&](auto& is) { is.max_bytes = bytes - 1; }) ==
             code + fmt::format("'s directories have more than {} bytes", bytes - 1));
  BOOST_TEST(with([](auto& is) { is.max_depth = 1; }) == code + " is more than 1 directories deep");
}

BOOST_AUTO_TEST_CASE(what_is_named_again_counts_once_and_what_is_too_much_is_not_read) {
  v2::Directory one, two, root;
  add_file(one, "file", digest_of("a"));
  add_file(two, "file", digest_of("b"));
  add_file(root, "a", digest_of("a"));
  add_file(root, "b", digest_of("b"));
  for (const char* name : {"c", "d"}) add_child(root, name, put(one));
  add_child(root, "e", put(two));
  const auto name = put(root);
  auto rules = of(walk_detail::everything);
  rules.max_blobs = 5;
  rules.max_bytes = static_cast<std::uint64_t>(name.size + put(one).size + put(two).size);
  BOOST_TEST(fault_of(name, rules) == "none");
  reads.clear();
  rules.max_blobs = 4;
  BOOST_TEST(fault_of(name, rules) == "INVALID_ARGUMENT: the tree refers to more than 4 blobs");
  BOOST_TEST(reads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_empty_directory_and_the_empty_blob_are_nothing_to_ask_for) {
  v2::Directory root;
  add_file(root, "file", digest_of(""));
  add_child(root, "folder", digest_of(""));
  auto tree = walk(put(root), of(walk_detail::everything));
  BOOST_TEST_REQUIRE(tree.has_value());
  BOOST_TEST(tree->directories().size() == 1u);
  BOOST_TEST(tree->blobs().empty());
  BOOST_TEST((tree->blob(tree->files(0)[0].blob) == digest_of("")));
  BOOST_TEST((tree->find(0, "folder") == walked_tree::nothing));
  BOOST_TEST(!tree->find(0, "folder/below").has_value());
  BOOST_TEST(tree->measure(0)->folders == 2u);

  auto nothing = walk(digest_of(""));
  BOOST_TEST_REQUIRE(nothing.has_value());
  BOOST_TEST(batches.empty());

  walk_rules asking;
  asking.asks_for_empty = true;
  there[digest_of("")] = bytes();
  BOOST_TEST(walk(digest_of(""), asking)->directories().size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_was_walked_tells_what_each_directory_holds) {
  v2::Directory leaf, root;
  add_file(leaf, "tool", digest_of("tool"), true);
  add_link(leaf, "up", "../elsewhere");
  add_file(root, "a", digest_of("same"));
  add_file(root, "b", digest_of("same"));
  add_child(root, "one", put(leaf));
  add_child(root, "two", put(leaf));
  auto tree = walk(put(root), of(walk_detail::everything)).value();
  BOOST_TEST(tree.directories().size() == 2u);
  BOOST_TEST(tree.blobs().size() == 2u);
  BOOST_TEST_REQUIRE(tree.files(0).size() == 2u);
  BOOST_TEST(tree[tree.files(0)[1].name] == "b");
  BOOST_TEST(tree.files(0)[0].blob == tree.files(0)[1].blob);
  BOOST_TEST_REQUIRE(tree.children(0).size() == 2u);
  BOOST_TEST(tree[tree.children(0)[1].name] == "two");
  const auto below = tree.children(0)[1].directory;
  BOOST_TEST((tree.directory(below) == put(leaf)));
  BOOST_TEST(tree.files(below)[0].executable);
  BOOST_TEST(tree[tree.links(below)[0].target] == "../elsewhere");

  const auto size = tree.measure(0).value();
  BOOST_TEST(size.folders == 3u);
  BOOST_TEST(size.files == 4u);
  BOOST_TEST(size.links == 2u);
  BOOST_TEST(size.bytes == 4u * 4);
  BOOST_TEST(size.depth == 2u);
}

BOOST_AUTO_TEST_CASE(a_path_leads_where_its_names_lead_and_nowhere_else) {
  v2::Directory middle, root;
  add_child(middle, "c", chain(1));
  add_child(root, "a", chain(1));
  add_child(root, "b", put(middle));
  auto tree = walk(put(root), of(walk_detail::paths)).value();
  BOOST_TEST(tree.find(0, "").value() == 0u);
  BOOST_TEST((tree.directory(tree.find(0, "b").value()) == put(middle)));
  BOOST_TEST((tree.find(0, "b/c") == tree.find(0, "a")));
  for (const char* nowhere : {"c", "b/a", "a/bottom", "b/c/d", "bb"})
    BOOST_TEST(!tree.find(0, nowhere).has_value());
}

BOOST_AUTO_TEST_CASE(a_tree_is_as_deep_as_the_longest_way_through_it) {
  v2::Directory root;
  add_child(root, "a", chain(1));
  add_child(root, "b", chain(3));
  add_child(root, "c", chain(2));
  BOOST_TEST(walk(put(root), of(walk_detail::everything))->measure(0)->depth == 4u);
}

BOOST_AUTO_TEST_CASE(a_measure_beyond_all_numbers_is_the_largest_one) {
  auto tree = walk(chain(70, 2), of(walk_detail::everything)).value();
  const auto size = tree.measure(0).value();
  BOOST_TEST(size.folders == std::numeric_limits<std::uint64_t>::max());
  BOOST_TEST(size.files == std::numeric_limits<std::uint64_t>::max());
  BOOST_TEST(size.depth == 70u);
}

BOOST_AUTO_TEST_CASE(less_detail_takes_less_memory) {
  const auto root = wide(2000);
  std::uint64_t before = 0;
  for (auto detail : all_details) {
    const auto memory = walk(root, of(detail))->memory();
    BOOST_TEST(memory > before);
    BOOST_TEST(memory < 2001u * 300);
    before = memory;
  }
}

BOOST_AUTO_TEST_SUITE_END()
