#include "test/actors/services/get_tree/tree_bench.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace trees_that_are_remembered {

// A single tree may take an eighth: some four segments.
struct small {
  static get_tree_options options() {
    get_tree_options given;
    given.tree_cache.capacity = byte_size{32 << 20};
    given.subtree_cache.capacity = byte_size{0};
    return given;
  }
};

struct cached_trees : tree_bench {
  /// What it costs to get this tree: directories read, and how it comes.
  std::size_t reads_for(const digest& root) {
    auto before = counted.counts->reads();
    tree_of(root);
    return counted.counts->reads() - before;
  }
};

}  // namespace trees_that_are_remembered

BOOST_FIXTURE_TEST_SUITE(trees_that_are_remembered, cached_trees)

BOOST_AUTO_TEST_CASE(a_tree_is_read_once) {
  auto root = deep_tree(3, 10);
  auto first = tree_of(root);
  BOOST_TEST(counted.counts->reads() == 34u);
  BOOST_TEST((tree_of(root) == first));
  BOOST_TEST(counted.counts->reads() == 34u);
}

BOOST_AUTO_TEST_CASE(another_root_is_another_tree) {
  auto one = flat_tree(10, "a");
  auto other = flat_tree(10, "b");
  BOOST_TEST(reads_for(one) == 11u);
  BOOST_TEST(reads_for(other) == 11u);
  BOOST_TEST((tree_of(one) != tree_of(other)));
}

BOOST_AUTO_TEST_CASE(what_trees_have_in_common_is_read_once) {
  auto common = flat_tree(10);
  v2::Directory one, other;
  add(one, "src", common);
  add(other, "src", common);
  add(other, "more", leaf("more"));
  BOOST_TEST(reads_for(put_directory(one)) == 12u);
  BOOST_TEST(reads_for(put_directory(other)) == 2u);
}

BOOST_AUTO_TEST_CASE(equal_hashes_under_other_functions_are_other_trees) {
  auto text = with_file("a").SerializeAsString();
  auto one = put(text);
  auto other = put(text, digest_function::blake3);
  BOOST_TEST(reads_for(one) == 1u);
  BOOST_TEST(reads_for(other) == 1u);
}

BOOST_AUTO_TEST_CASE(every_directory_of_a_remembered_tree_is_asked_for_and_so_kept_alive) {
  auto root = deep_tree(3, 10);
  tree_of(root);
  auto before = counted.counts->checks();
  tree_of(root);
  BOOST_TEST(counted.counts->checks() == before + 34);
}

BOOST_AUTO_TEST_CASE(memory_is_given_back_though_nobody_asks_for_anything_any_more) {
  tree_of(deep_tree(3, 10));
  auto held = [this](const char* which) {
    return metrics().gauges("kiln_tree_cache_bytes", "", {"cache"}).with({which}).value();
  };
  pass(4min);
  BOOST_TEST(held("tree") > 0);
  BOOST_TEST(held("subtree") > 0);
  pass(4min);
  BOOST_TEST(held("tree") == 0);
  BOOST_TEST(held("subtree") == 0);
}

BOOST_AUTO_TEST_CASE(a_tree_does_not_outlive_its_root) {
  auto root = flat_tree(5);
  tree_of(root);
  forget(root);
  BOOST_TEST(code_of(method, asking_for(root)) == errc::not_found);
  BOOST_TEST(code_of(method, asking_for(root)) == errc::not_found);
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_CASE(a_tree_does_not_outlive_a_directory_and_is_whole_again_with_it) {
  v2::Directory middle;
  add(middle, "below", leaf("below"));
  v2::Directory root;
  add(root, "middle", put_directory(middle));
  add(root, "other", leaf("other"));
  auto name = put_directory(root);
  auto whole = tree_of(name);
  BOOST_TEST(whole.size() == 4u);

  forget(digest_of(middle.SerializeAsString()));
  auto rest = tree_of(name);
  BOOST_TEST(rest.size() == 2u);
  BOOST_TEST((tree_of(name) == rest));
  put_directory(middle);
  BOOST_TEST((tree_of(name) == whole));
}

BOOST_AUTO_TEST_CASE(a_directory_that_other_trees_remember_does_not_outlive_its_blob) {
  auto common = leaf("common");
  v2::Directory one, other;
  add(one, "src", common);
  add(other, "source", common);
  tree_of(put_directory(one));
  forget(common);
  BOOST_TEST(tree_of(put_directory(other)).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_goes_while_the_tree_is_sent_is_left_out) {
  auto root = flat_tree(20);
  auto whole = tree_of(root);
  auto call = std::make_shared<direct_call>(method);
  call->hold_writes();
  hand_over(call, serialise(asking_for(root, 5)));
  run();
  forget(digest_of(whole[7]));
  while (!call->status()) {
    call->let_through();
    run();
  }
  whole.erase(whole.begin() + 7);
  BOOST_TEST((directories_in(answers_of(*call)) == whole));
}

BOOST_AUTO_TEST_CASE(a_token_of_a_tree_that_has_changed_is_refused_rather_than_leave_something_out) {
  auto root = flat_tree(20);
  auto whole = tree_of(root);
  auto token = answers_to(asking_for(root, 10)).front().next_page_token();
  forget(digest_of(whole[15]));
  BOOST_TEST(tree_of(root).size() == 20u);
  BOOST_TEST(code_of(method, asking_for(root, 10, token)) == errc::ok);
  forget(digest_of(whole[5]));
  BOOST_TEST(tree_of(root).size() == 19u);
  BOOST_TEST(code_of(method, asking_for(root, 10, token)) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(an_incomplete_tree_is_not_remembered) {
  v2::Directory root;
  add(root, "late", digest_of(with_file("late").SerializeAsString()));
  auto name = put_directory(root);
  BOOST_TEST(tree_of(name).size() == 1u);
  leaf("late");
  BOOST_TEST(tree_of(name).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_tree_that_nobody_asks_for_is_forgotten) {
  auto root = flat_tree(10);
  tree_of(root);
  pass(4min);
  BOOST_TEST(reads_for(root) == 0u);
  pass(5min);
  BOOST_TEST(reads_for(root) == 11u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(trees_larger_than_the_memory_for_them,
                         bounded_tree_bench<trees_that_are_remembered::small>)

BOOST_AUTO_TEST_CASE(they_come_whole_again_and_again) {
  auto root = deep_tree(20, 500, 1000);
  auto whole = tree_of(root);
  BOOST_TEST(whole.size() == 10'021u);
  auto reads = counted.counts->reads();
  BOOST_TEST((tree_of(root) == whole));
  // What was let go is read again, directories that were kept are not.
  BOOST_TEST(counted.counts->reads() > reads + 5000);
  BOOST_TEST(counted.counts->reads() < reads + 9000);
}

BOOST_AUTO_TEST_CASE(their_pages_cost_what_is_on_them) {
  auto root = deep_tree(20, 500, 1000);
  tree_of(root);
  auto reads = counted.counts->reads();
  auto call = std::make_shared<direct_call>(method);
  call->hold_writes();
  hand_over(call, serialise(asking_for(root, 10)));
  run();
  BOOST_TEST(counted.counts->reads() == reads + 10);
}

BOOST_AUTO_TEST_CASE(what_was_let_go_and_is_gone_is_left_out) {
  auto root = deep_tree(20, 500, 1000);
  auto whole = tree_of(root);
  forget(digest_of(whole[500]));
  auto rest = tree_of(root);
  BOOST_TEST(rest.size() == 10'020u);
  forget(root);
  BOOST_TEST(code_of(method, asking_for(root)) == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
