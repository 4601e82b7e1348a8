#include "actors/services/get_tree.hpp"

#include <set>

#include "actors/services/tree_walk.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "test/actors/services/service_bench.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace {

const std::string method = "/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree";

struct tree_bench : service_bench {
  tree_bench() { add_routes(routes, own(spawn_get_tree(actors(), env(), options, blobs))); }

  digest put_directory(const v2::Directory& directory) { return put(directory.SerializeAsString()); }
  static void add(v2::Directory& to, const std::string& name, const digest& child) {
    auto* node = to.add_directories();
    node->set_name(name);
    to_wire(child, node->mutable_digest());
  }
  digest leaf(const std::string& file) {
    v2::Directory directory;
    directory.add_files()->set_name(file);
    return put_directory(directory);
  }
  // A root with `width` leaves.
  digest flat_tree(int width) {
    v2::Directory root;
    for (int i = 0; i < width; ++i) add(root, fmt::format("d{:05}", i), leaf(std::to_string(i)));
    return put_directory(root);
  }
  static v2::GetTreeRequest asking_for(const digest& root) {
    v2::GetTreeRequest request;
    to_wire(root, request.mutable_root_digest());
    return request;
  }
  std::vector<v2::GetTreeResponse> answers_to(const v2::GetTreeRequest& request) {
    auto call = ask_service(method, request);
    BOOST_TEST_REQUIRE(call->finished_well(), call->status()->to_string());
    std::vector<v2::GetTreeResponse> all;
    for (const auto& message : call->messages()) {
      BOOST_TEST(message.size() < 2u << 20);
      all.push_back(parse<v2::GetTreeResponse>(message).value());
    }
    return all;
  }
  static std::vector<std::string> directories_in(const std::vector<v2::GetTreeResponse>& answers) {
    std::vector<std::string> all;
    for (const auto& answer : answers)
      for (const auto& directory : answer.directories()) all.push_back(directory.SerializeAsString());
    return all;
  }

  get_tree_options options{.max_directories = 20'000, .max_walks = 2};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(getting_trees, tree_bench)

BOOST_AUTO_TEST_CASE(a_tree_comes_root_first_and_whole) {
  v2::Directory middle;
  add(middle, "leaf", leaf("a"));
  v2::Directory root;
  add(root, "empty", digest_of(""));
  add(root, "middle", put_directory(middle));
  auto answers = answers_to(asking_for(put_directory(root)));
  BOOST_TEST_REQUIRE(answers.size() == 1u);
  auto all = directories_in(answers);
  BOOST_TEST_REQUIRE(all.size() == 4u);
  BOOST_TEST(all[0] == root.SerializeAsString());
  BOOST_TEST(all[1].empty());
  BOOST_TEST(all[2] == middle.SerializeAsString());
  BOOST_TEST(answers[0].next_page_token().empty());
}

BOOST_AUTO_TEST_CASE(the_empty_directory_is_a_tree) {
  auto answers = answers_to(asking_for(digest_of("")));
  BOOST_TEST(directories_in(answers).size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_absent_root_is_not_found_and_an_absent_child_is_left_out) {
  BOOST_TEST(code_of(method, asking_for(digest_of("no such directory"))) == errc::not_found);
  v2::Directory root;
  add(root, "absent", digest_of("no such directory"));
  add(root, "present", leaf("file"));
  BOOST_TEST(directories_in(answers_to(asking_for(put_directory(root)))).size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_no_directory_is_refused) {
  for (const auto& text :
       std::vector<std::string>{"just some text, no directory at all", "\xff", "\x12\x02\x12\x7f"})
    BOOST_TEST(code_of(method, asking_for(put(text))) == errc::invalid_argument, text);
  v2::Directory root;
  root.add_directories()->mutable_digest()->set_hash("abc");
  BOOST_TEST(code_of(method, asking_for(put_directory(root))) == errc::invalid_argument);
  auto request = asking_for(flat_tree(1));
  request.set_page_size(-1);
  BOOST_TEST(code_of(method, request) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(shared_directories_come_once_however_many_ways_lead_there) {
  digest below = leaf("bottom");
  for (int i = 0; i < 60; ++i) {
    v2::Directory level;
    add(level, "left", below);
    add(level, "right", below);
    below = put_directory(level);
  }
  BOOST_TEST(directories_in(answers_to(asking_for(below))).size() == 61u);
}

BOOST_AUTO_TEST_CASE(a_chain_ten_thousand_deep_is_walked) {
  digest below = leaf("bottom");
  for (int i = 0; i < 10'000; ++i) {
    v2::Directory level;
    add(level, "down", below);
    below = put_directory(level);
  }
  BOOST_TEST(directories_in(answers_to(asking_for(below))).size() == 10'001u);
}

BOOST_AUTO_TEST_CASE(a_large_tree_comes_in_several_messages) {
  auto answers = answers_to(asking_for(flat_tree(19'000)));
  BOOST_TEST(answers.size() > 1u);
  auto all = directories_in(answers);
  BOOST_TEST(all.size() == 19'001u);
  BOOST_TEST(std::set<std::string>(all.begin(), all.end()).size() == 19'001u);
}

BOOST_AUTO_TEST_CASE(a_tree_beyond_the_bound_is_given_up) {
  BOOST_TEST(code_of(method, asking_for(flat_tree(20'001))) == errc::resource_exhausted);
}

BOOST_AUTO_TEST_CASE(pages_are_kept_small_and_every_token_leads_to_the_rest) {
  auto request = asking_for(flat_tree(25));
  auto whole = directories_in(answers_to(request));
  request.set_page_size(10);
  auto pages = answers_to(request);
  BOOST_TEST_REQUIRE(pages.size() == 3u);
  BOOST_TEST(pages[0].directories_size() == 10);
  BOOST_TEST(pages[2].directories_size() == 6);
  BOOST_TEST(pages[2].next_page_token().empty());
  BOOST_TEST((directories_in(pages) == whole));

  request.set_page_token(pages[0].next_page_token());
  auto rest = directories_in(answers_to(request));
  BOOST_TEST((rest == std::vector<std::string>(whole.begin() + 10, whole.end())));
}

BOOST_AUTO_TEST_CASE(a_token_of_another_tree_is_refused) {
  auto request = asking_for(flat_tree(5));
  request.set_page_size(2);
  auto token = answers_to(request).front().next_page_token();
  auto other = asking_for(flat_tree(6));
  for (const auto& forged : std::vector<std::string>{token, "1", "garbage", token + "0", "-1-0"}) {
    other.set_page_token(forged);
    BOOST_TEST(code_of(method, other) == errc::invalid_argument, forged);
  }
}

BOOST_AUTO_TEST_CASE(a_slow_client_is_waited_for_and_one_that_leaves_ends_its_walk) {
  auto request = asking_for(flat_tree(40));
  request.set_page_size(1);
  auto call = std::make_shared<direct_call>(method);
  call->hold_writes();
  hand_over(call, serialise(request));
  run();
  BOOST_TEST(call->messages().size() == 1u);
  call->let_through();
  run();
  BOOST_TEST(call->messages().size() == 2u);
  call->cancel();
  run();
  BOOST_TEST(call->messages().size() == 2u);
  BOOST_TEST(call.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(too_many_walks_at_once_are_turned_away) {
  auto request = asking_for(flat_tree(5));
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(start(method, serialise(request)));
  run();
  BOOST_TEST(calls[0]->finished_well());
  BOOST_TEST(calls[1]->finished_well());
  BOOST_TEST(calls[2]->status()->code() == errc::resource_exhausted);
  BOOST_TEST(calls[2]->status()->details().size() == 1u);
  BOOST_TEST(code_of(method, request) == errc::ok);
}

BOOST_AUTO_TEST_SUITE_END()
