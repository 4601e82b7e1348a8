#include "actors/worker/trees/tree_difference.hpp"

#include <algorithm>
#include <set>

#include "actors/worker/trees/base_index.hpp"
#include "test/core/merkle_fixture.hpp"
#include "test/harness/print.hpp"

using namespace kiln;
using namespace kiln::test;

namespace tree_differences {

struct difference_bench : merkle_fixture {
  walked_tree tree(const digest& root) {
    walk_rules rules;
    rules.detail = walk_detail::everything;
    auto found = walk(root, rules);
    BOOST_REQUIRE(found.has_value());
    return std::move(*found);
  }
  walked_tree tree(const v2::Directory& root) { return tree(put(root)); }
  static std::string where(const input_tree& in, std::uint32_t folder, const std::string& name) {
    const auto& path = in.folders[folder].path;
    return path.empty() ? name : path + "/" + name;
  }
  /// One line for each thing: what is made, and what is hidden.
  static std::set<std::string> lines(const input_tree& of) {
    std::set<std::string> all;
    for (const auto& folder : of.folders)
      if (!folder.path.empty()) all.insert("folder " + folder.path);
    for (const auto& file : of.files) all.insert("file " + where(of, file.in, file.name));
    for (const auto& link : of.symlinks)
      all.insert("link " + where(of, link.in, link.name) + " -> " + link.target);
    for (const auto& name : of.hidden) all.insert("hidden " + where(of, name.in, name.name));
    return all;
  }
  std::set<std::string> difference(const v2::Directory& wanted, const v2::Directory& below) {
    auto made = tree_difference(tree(wanted), tree(below), true, 1000);
    BOOST_REQUIRE(made != nullptr);
    // As they are laid out: in the order of their folders.
    auto in_order = [](const auto& all) {
      return std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.in < b.in; });
    };
    BOOST_TEST((in_order(made->files) && in_order(made->symlinks)));
    return lines(*made);
  }
};
using set = std::set<std::string>;

}  // namespace tree_differences

using tree_differences::set;

BOOST_FIXTURE_TEST_SUITE(the_difference_of_two_trees, tree_differences::difference_bench)

BOOST_AUTO_TEST_CASE(is_what_is_new_or_other_and_what_is_gone) {
  v2::Directory below, wanted;
  add_file(below, "gone", digest_of("gone"));
  add_file(below, "mode", digest_of("mode"));
  add_file(below, "other", digest_of("before"));
  add_file(below, "same", digest_of("same"));
  add_link(below, "link", "here");
  add_link(below, "same_link", "here");
  add_file(wanted, "mode", digest_of("mode"), true);
  add_file(wanted, "new", digest_of("new"));
  add_file(wanted, "other", digest_of("after"));
  add_file(wanted, "same", digest_of("same"));
  add_link(wanted, "link", "there");
  add_link(wanted, "same_link", "here");
  BOOST_TEST((difference(wanted, below) ==
              set{"file mode", "file new", "file other", "link link -> there", "hidden gone"}));
}

BOOST_AUTO_TEST_CASE(leaves_out_folders_that_are_equal_and_looks_into_the_others) {
  v2::Directory equal, before, after;
  add_file(equal, "a", digest_of("a"));
  add_file(before, "f", digest_of("before"));
  add_file(before, "g", digest_of("g"));
  add_file(after, "f", digest_of("after"));
  add_file(after, "g", digest_of("g"));
  v2::Directory below, wanted;
  add_child(below, "changed", put(before));
  add_child(below, "empty", digest_of(""));
  add_child(below, "equal", put(equal));
  add_child(below, "lost", put(equal));
  add_child(wanted, "added", put(equal));
  add_child(wanted, "changed", put(after));
  add_child(wanted, "empty", digest_of(""));
  add_child(wanted, "equal", put(equal));
  BOOST_TEST((difference(wanted, below) ==
              set{"folder added", "file added/a", "folder changed", "file changed/f", "hidden lost"}));
}

BOOST_AUTO_TEST_CASE(covers_what_is_of_another_kind_without_hiding_it) {
  v2::Directory inner;
  add_file(inner, "x", digest_of("x"));
  v2::Directory below, wanted;
  add_file(below, "a", digest_of("a"));
  add_link(below, "b", "a");
  add_child(below, "c", put(inner));
  add_child(wanted, "a", put(inner));
  add_file(wanted, "b", digest_of("b"));
  add_link(wanted, "c", "a");
  BOOST_TEST((difference(wanted, below) == set{"folder a", "file a/x", "file b", "link c -> a"}));
}

BOOST_AUTO_TEST_CASE(is_none_where_it_would_be_too_much) {
  v2::Directory below, wanted;
  for (char name = 'a'; name <= 'j'; ++name) {
    add_file(wanted, std::string(1, name), digest_of(std::string("new ") + name));
    add_file(below, std::string(1, name), digest_of(std::string("old ") + name));
  }
  BOOST_TEST((tree_difference(tree(wanted), tree(below), true, 9) == nullptr));
  BOOST_TEST((tree_difference(tree(wanted), tree(below), true, 10) != nullptr));
  // What has to be hidden counts as well.
  v2::Directory one;
  add_file(one, "a", digest_of("old a"));
  BOOST_TEST((tree_difference(tree(one), tree(below), true, 8) == nullptr));
  BOOST_TEST((tree_difference(tree(one), tree(below), true, 9) != nullptr));
}

// Of a small tree that unfolds into a huge one only as much is looked at as may be made.
BOOST_AUTO_TEST_CASE(ends_early_in_a_tree_that_unfolds_without_end) {
  const auto bomb = tree(chain(30, 2));
  v2::Directory small;
  add_file(small, "a", digest_of("a"));
  BOOST_TEST((tree_difference(bomb, tree(small), true, 1000) == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(the_trees_that_another_could_lie_over, tree_differences::difference_bench)

BOOST_AUTO_TEST_CASE(are_those_that_have_most_in_common_with_it) {
  base_index known(system_clock());
  v2::Directory large, small, own;
  for (char name = 'a'; name <= 'z'; ++name) add_file(large, std::string(1, name), digest_of("large"));
  add_file(small, "a", digest_of("small"));
  add_file(own, "a", digest_of("own"));
  auto root_with = [&](std::initializer_list<digest> children) {
    v2::Directory root;
    char name = 'a';
    for (const auto& child : children) add_child(root, std::string(1, name++), child);
    return put(root);
  };
  const auto with_large = root_with({put(large)}), with_small = root_with({put(small)}),
             with_none = root_with({put(own)});
  for (const auto& root : {with_small, with_large, with_none})
    known.add(root, std::make_shared<const walked_tree>(tree(root)));
  v2::Directory mine;
  add_file(mine, "m", digest_of("mine"));
  const auto wanted = tree(root_with({put(large), put(mine), put(small)}));
  auto best = known.best_for(wanted, 3);
  BOOST_REQUIRE(best.size() == 3U);
  BOOST_TEST((best[0].root == with_large));
  BOOST_TEST((best[1].root == with_small));
  BOOST_TEST((best[2].root == with_none));  // the latest, whatever it has
  known.remove(with_large);
  best = known.best_for(wanted, 3);
  BOOST_REQUIRE(best.size() == 2U);
  BOOST_TEST((best[0].root == with_small));
  known.remove(with_small);
  known.remove(with_none);
  BOOST_TEST(known.best_for(wanted, 3).empty());
  BOOST_TEST(known.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
