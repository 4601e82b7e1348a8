#include <deque>

#include "actors/services/action_cache/action_cache.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/digest/record_key.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message_limits.hpp"
#include "test/actors/services/common/service_bench.hpp"
#include "test/actors/worker/counting_store.hpp"

/// What looking at a result may cost, and whom.
using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace result_limits {

const std::string get_method = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult";
const std::string update_method = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult";

// Jobs run when the test says so.
class held_pool final : public thread_pool {
public:
  expected<void> post(job work) override {
    jobs.push_back(std::move(work));
    return {};
  }
  void stop() override { jobs.clear(); }
  void run_all() {
    for (; !jobs.empty(); jobs.pop_front()) jobs.front()();
  }
  std::deque<job> jobs;
};

struct result_bench : service_bench {
  result_bench() {
    add_routes(
        routes,
        own(spawn_action_cache(
            actors(), {env(), own(counted_results.actor), own(counted.actor), {}, {}, {}, {pool, memory}})));
  }
  ~result_bench() { pool->stop(); }

  static v2::Digest wire(const digest& from) {
    v2::Digest to;
    to_wire(from, &to);
    return to;
  }
  errc update(const std::string& action, const v2::ActionResult& result) {
    v2::UpdateActionResultRequest request;
    *request.mutable_action_digest() = wire(digest_of(action));
    *request.mutable_action_result() = result;
    return code_of(update_method, request);
  }
  std::shared_ptr<direct_call> begin_get(const std::string& action,
                                         const std::vector<std::string>& inside = {}) {
    v2::GetActionResultRequest request;
    *request.mutable_action_digest() = wire(digest_of(action));
    for (const auto& path : inside) request.add_inline_output_files(path);
    auto call = start(get_method, serialise(request));
    run();
    return call;
  }
  /// With all that it posted.
  std::shared_ptr<direct_call> get(const std::string& action, const std::vector<std::string>& inside = {}) {
    auto call = begin_get(action, inside);
    while (!pool->jobs.empty()) {
      pool->run_all();
      run();
    }
    BOOST_TEST_REQUIRE(call->status().has_value());
    return call;
  }
  static void add_folder(v2::ActionResult& to, const digest& tree) {
    auto* folder = to.add_output_directories();
    folder->set_path(fmt::format("folder{}", to.output_directories_size()));
    *folder->mutable_tree_digest() = wire(tree);
  }
  digest tree_of(int files, const std::string& prefix = "f") {
    const auto leaf = wire(put("leaf"));
    v2::Tree tree;
    for (int i = 0; i < files; ++i) {
      auto* node = tree.mutable_root()->add_files();
      node->set_name(fmt::format("{}{:06}", prefix, i));
      *node->mutable_digest() = leaf;
    }
    return put(tree.SerializeAsString());
  }

  std::shared_ptr<held_pool> pool = std::make_shared<held_pool>();
  std::shared_ptr<work_budget> memory = std::make_shared<work_budget>(1 << 20);
  counting_store counted = spawn_counting_store(actors(), blobs);
  store_actor results = spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
  counting_store counted_results = spawn_counting_store(actors(), results);
};

}  // namespace result_limits

BOOST_FIXTURE_TEST_SUITE(result_limits, result_bench)

BOOST_AUTO_TEST_CASE(a_large_tree_is_read_where_nobody_waits_for_it) {
  v2::ActionResult large, plain;
  add_folder(large, tree_of(2000));
  plain.set_stdout_raw("plain");
  BOOST_TEST_REQUIRE(update("large", large) == errc::ok);
  BOOST_TEST_REQUIRE(update("plain", plain) == errc::ok);
  auto slow = begin_get("large");
  BOOST_TEST(pool->jobs.size() == 1u);
  BOOST_TEST(begin_get("plain")->finished_well());
  BOOST_TEST(!slow->status().has_value());
  pool->run_all();
  run();
  BOOST_TEST(slow->finished_well());
  BOOST_TEST(memory->held() == 0u);
}

BOOST_AUTO_TEST_CASE(one_tree_is_read_once_however_often_it_is_named) {
  v2::ActionResult result;
  const auto tree = tree_of(2000);
  for (int i = 0; i < 20; ++i) add_folder(result, tree);
  BOOST_TEST_REQUIRE(update("a", result) == errc::ok);
  BOOST_TEST(get("a")->finished_well());
  BOOST_TEST(counted.counts->reads(tree) == 1u);
}

// Each counts four times its 150 KB, so there is room for one.
BOOST_AUTO_TEST_CASE(large_trees_wait_for_memory) {
  std::vector<digest> trees{tree_of(2000, "a"), tree_of(2000, "b")};
  for (const auto& tree : trees) {
    v2::ActionResult result;
    add_folder(result, tree);
    BOOST_TEST_REQUIRE(update(tree.hex(), result) == errc::ok);
  }
  auto first = begin_get(trees[0].hex());
  auto second = begin_get(trees[1].hex());
  BOOST_TEST(counted.counts->reads(trees[1]) == 0u);
  BOOST_TEST(memory->held() <= 1u << 20);
  while (!pool->jobs.empty()) {
    pool->run_all();
    run();
  }
  BOOST_TEST(first->finished_well());
  BOOST_TEST(second->finished_well());
}

// There is room for two of them. Those that wait have given their bytes back, and read them again.
BOOST_AUTO_TEST_CASE(large_results_that_wait_for_memory_hold_none) {
  const auto file = put("file");
  v2::ActionResult large;
  for (int i = 0; i < 1000; ++i) {
    auto* one = large.add_output_files();
    one->set_path("out/" + std::to_string(i));
    *one->mutable_digest() = wire(file);
  }
  BOOST_TEST_REQUIRE(update("large", large) == errc::ok);
  pool->run_all();
  const auto key = record_key(record_kind::action_result, "", digest_of("large"));
  const auto before = counted_results.counts->reads(key);
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(begin_get("large"));
  BOOST_TEST(counted_results.counts->reads(key) - before == 5u);
  BOOST_TEST(memory->held() <= 1u << 20);
  while (!pool->jobs.empty()) {
    pool->run_all();
    run();
  }
  for (const auto& call : calls) BOOST_TEST(call->finished_well());
  BOOST_TEST(counted_results.counts->reads(key) - before > 5u);
  BOOST_TEST(memory->held() == 0u);
}

BOOST_AUTO_TEST_CASE(a_tree_or_directory_that_is_too_large_is_refused_by_its_name) {
  for (const auto* limit : {&largest::tree, &largest::directory}) {
    v2::ActionResult result;
    auto* folder = result.add_output_directories();
    folder->set_path("out");
    auto blob = digest_of("large");
    blob.size = limit->bytes + 1;
    *(limit == &largest::tree ? folder->mutable_tree_digest() : folder->mutable_root_directory_digest()) =
        wire(blob);
    BOOST_TEST(update("a", result) == errc::invalid_argument);
    --blob.size;
    *(limit == &largest::tree ? folder->mutable_tree_digest() : folder->mutable_root_directory_digest()) =
        wire(blob);
    BOOST_TEST(update("a", result) == errc::ok);
  }
}

BOOST_AUTO_TEST_CASE(a_tree_without_a_child_that_it_names_is_not_found) {
  v2::Directory leaf;
  leaf.add_files()->set_name("file");
  *leaf.mutable_files(0)->mutable_digest() = wire(put("leaf"));
  v2::Tree tree;
  auto* node = tree.mutable_root()->add_directories();
  node->set_name("below");
  *node->mutable_digest() = wire(digest_of(leaf.SerializeAsString()));
  v2::ActionResult result;
  add_folder(result, put(tree.SerializeAsString()));
  BOOST_TEST_REQUIRE(update("a", result) == errc::ok);
  BOOST_TEST(get("a")->status()->code() == errc::not_found);
  *tree.add_children() = leaf;
  result.Clear();
  add_folder(result, put(tree.SerializeAsString()));
  BOOST_TEST_REQUIRE(update("a", result) == errc::ok);
  BOOST_TEST(get("a")->finished_well());
}

BOOST_AUTO_TEST_CASE(a_directory_in_many_places_is_read_once_and_asked_for_once) {
  v2::Directory leaf, middle, root;
  leaf.add_files()->set_name("file");
  *leaf.mutable_files(0)->mutable_digest() = wire(put("leaf"));
  const auto shared = put(leaf.SerializeAsString());
  for (int i = 0; i < 10; ++i) {
    auto* node = middle.add_directories();
    node->set_name(std::to_string(i));
    *node->mutable_digest() = wire(shared);
  }
  for (const char* name : {"one", "two"}) {
    auto* node = root.add_directories();
    node->set_name(name);
    *node->mutable_digest() = wire(name == std::string("one") ? shared : put(middle.SerializeAsString()));
  }
  v2::ActionResult result;
  for (const auto& content : {root.SerializeAsString(), middle.SerializeAsString()}) {
    auto* folder = result.add_output_directories();
    folder->set_path(fmt::format("folder{}", result.output_directories_size()));
    *folder->mutable_root_directory_digest() = wire(put(content));
  }
  BOOST_TEST_REQUIRE(update("a", result) == errc::ok);
  const auto checks = counted.counts->checks();
  BOOST_TEST(get("a")->finished_well());
  BOOST_TEST(counted.counts->reads(shared) == 1u);
  BOOST_TEST(counted.counts->checks() - checks == 4u);  // three directories and a file
}

BOOST_AUTO_TEST_CASE(a_result_that_is_too_large_with_what_came_inside_is_kept_without) {
  v2::ActionResult result;
  const std::string text(3 << 20, 't');
  for (const char* path : {"a", "b"}) {
    auto* file = result.add_output_files();
    file->set_path(path);
    *file->mutable_digest() = wire(put(text));
    file->set_contents(text);
  }
  result.set_stdout_raw("short");
  BOOST_TEST_REQUIRE(update("a", result) == errc::ok);
  auto kept = only_answer<v2::ActionResult>(*get("a"));
  BOOST_TEST(kept.output_files(0).contents().empty());
  BOOST_TEST(kept.stdout_raw() == "short");
}

BOOST_AUTO_TEST_CASE(what_is_put_inside_leaves_a_result_that_clients_take) {
  v2::ActionResult result;
  result.set_stdout_raw(std::string(static_cast<std::size_t>(largest::result.bytes) - 100'000, 'x'));
  for (const auto& [path, size] : {std::pair{"large", 500'000U}, std::pair{"small", 10'000U}}) {
    auto* file = result.add_output_files();
    file->set_path(path);
    *file->mutable_digest() = wire(put(std::string(size, 'y')));
  }
  BOOST_TEST_REQUIRE(update("a", result) == errc::ok);
  auto answer = only_answer<v2::ActionResult>(*get("a", {"large", "small"}));
  BOOST_TEST(answer.output_files(0).contents().empty());
  BOOST_TEST(answer.output_files(1).contents().size() == 10'000u);
  BOOST_TEST(static_cast<std::int64_t>(answer.ByteSizeLong()) <= largest::result.bytes);
}

BOOST_AUTO_TEST_SUITE_END()
