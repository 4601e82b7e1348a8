#include "actors/services/action_cache/action_cache.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "test/actors/services/common/service_bench.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace action_cache {

const std::string get_method = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult";
const std::string update_method = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult";

struct action_cache_bench : service_bench {
  action_cache_bench() { serve({}); }

  void serve(const action_cache_settings& settings) {
    service = own(spawn_action_cache(actors(), {env(), results, blobs, settings}));
    add_routes(routes, service);
  }
  v2::GetActionResultRequest asking(const std::string& instance = "") const {
    v2::GetActionResultRequest request;
    request.set_instance_name(instance);
    to_wire(action, request.mutable_action_digest());
    return request;
  }
  v2::UpdateActionResultRequest telling(const v2::ActionResult& result, const std::string& instance = "") {
    v2::UpdateActionResultRequest request;
    request.set_instance_name(instance);
    to_wire(action, request.mutable_action_digest());
    *request.mutable_action_result() = result;
    return request;
  }
  void keep(const v2::ActionResult& result) {
    BOOST_TEST_REQUIRE(code_of(update_method, telling(result)) == errc::ok);
  }
  errc code_of_get() { return code_of(get_method, asking()); }
  errc code_of_update(const v2::ActionResult& result) { return code_of(update_method, telling(result)); }

  v2::ActionResult with_file(const std::string& path, const digest& content) {
    v2::ActionResult result;
    auto* file = result.add_output_files();
    file->set_path(path);
    to_wire(content, file->mutable_digest());
    return result;
  }
  // A result with a Tree of a file in the root and one in a child.
  v2::ActionResult with_tree(const digest& above, const digest& below) {
    v2::Tree tree;
    auto* file = tree.mutable_root()->add_files();
    file->set_name("above");
    to_wire(above, file->mutable_digest());
    file = tree.add_children()->add_files();
    file->set_name("below");
    to_wire(below, file->mutable_digest());
    v2::ActionResult result;
    auto* directory = result.add_output_directories();
    directory->set_path("out");
    to_wire(put(tree.SerializeAsString()), directory->mutable_tree_digest());
    return result;
  }
  void forget(const digest& blob) {
    BOOST_TEST_REQUIRE(ask<forgotten>(blobs, forget_blob{blob}).value().was_present);
  }

  store_actor results = spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
  action_cache_service service;
  digest action = digest_of("an action");
};

}  // namespace action_cache

BOOST_FIXTURE_TEST_SUITE(action_cache, action_cache_bench)

BOOST_AUTO_TEST_CASE(what_was_kept_is_found_and_the_rest_is_not) {
  BOOST_TEST(code_of_get() == errc::not_found);
  auto result = with_file("a/b.o", put("object"));
  to_wire(digest_of(""), result.mutable_stdout_digest());
  auto answer = answer_of<v2::ActionResult>(update_method, telling(result));
  BOOST_TEST(answer.SerializeAsString() == result.SerializeAsString());
  BOOST_TEST(answer_of<v2::ActionResult>(get_method, asking()).SerializeAsString() ==
             result.SerializeAsString());
  action = digest_of("another action");
  BOOST_TEST(code_of_get() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(instances_do_not_see_each_others_results) {
  auto result = with_file("out", put("object"));
  BOOST_TEST(code_of(update_method, telling(result, "one")) == errc::ok);
  BOOST_TEST(code_of(get_method, asking("one")) == errc::ok);
  BOOST_TEST(code_of(get_method, asking("other")) == errc::not_found);
  BOOST_TEST(code_of(get_method, asking("")) == errc::not_found);
  BOOST_TEST(code_of(get_method, asking("one/blobs")) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_last_update_wins) {
  keep(with_file("first", put("x")));
  keep(with_file("second", put("x")));
  BOOST_TEST(answer_of<v2::ActionResult>(get_method, asking()).output_files(0).path() == "second");
}

BOOST_AUTO_TEST_CASE(a_result_that_refers_to_a_lost_file_is_not_found) {
  auto object = put("object");
  keep(with_file("out", object));
  forget(object);
  BOOST_TEST(code_of_get() == errc::not_found);
  put("object");
  BOOST_TEST(code_of_get() == errc::ok);
}

BOOST_AUTO_TEST_CASE(standard_output_counts_too) {
  v2::ActionResult result;
  auto out = put("said");
  auto err = put("complained");
  to_wire(out, result.mutable_stdout_digest());
  to_wire(err, result.mutable_stderr_digest());
  keep(result);
  BOOST_TEST(code_of_get() == errc::ok);
  forget(err);
  BOOST_TEST(code_of_get() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(everything_in_a_tree_counts) {
  auto above = put("above");
  auto below = put("below");
  auto result = with_tree(above, below);
  keep(result);
  BOOST_TEST(code_of_get() == errc::ok);
  forget(below);
  BOOST_TEST(code_of_get() == errc::not_found);
  put("below");
  auto tree = from_wire(result.output_directories(0).tree_digest(), digest_function::sha256).value();
  forget(tree);
  BOOST_TEST(code_of_get() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(everything_under_a_root_directory_counts) {
  v2::Directory child;
  child.add_files()->set_name("file");
  auto file = put("in the child");
  to_wire(file, child.mutable_files(0)->mutable_digest());
  v2::Directory root;
  root.add_directories()->set_name("child");
  auto child_name = put(child.SerializeAsString());
  to_wire(child_name, root.mutable_directories(0)->mutable_digest());
  v2::ActionResult result;
  auto* directory = result.add_output_directories();
  directory->set_path("out");
  to_wire(put(root.SerializeAsString()), directory->mutable_root_directory_digest());
  keep(result);
  BOOST_TEST(code_of_get() == errc::ok);
  forget(file);
  BOOST_TEST(code_of_get() == errc::not_found);
  put("in the child");
  forget(child_name);
  BOOST_TEST(code_of_get() == errc::not_found);
}

// Rule 130.
BOOST_AUTO_TEST_CASE(a_result_that_is_asked_for_keeps_its_blobs_from_eviction) {
  blobs = spawn_store("{type: memory, capacity: 1MiB}");
  serve({});
  auto result = with_tree(put("above"), put("below"));
  to_wire(put("said"), result.mutable_stdout_digest());
  keep(result);
  auto unasked = put("nobody asks for this");
  for (int i = 0; i < 100; ++i) {
    put(fmt::format("{:0100000}", i));
    BOOST_TEST_REQUIRE(code_of_get() == errc::ok);
  }
  BOOST_TEST(!has(unasked));
}

// Rule 135.
BOOST_AUTO_TEST_CASE(a_result_for_which_there_is_no_space_is_resource_exhausted) {
  results = spawn_store("{type: memory, capacity: 64KiB}", store_role::results);
  serve({});
  v2::ActionResult result;
  result.set_stdout_raw(std::string(100'000, 'x'));
  BOOST_TEST(code_of_update(result) == errc::resource_exhausted);
  BOOST_TEST(code_of_get() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(completeness_is_not_asked_where_it_is_switched_off) {
  serve({.check_completeness = false});
  keep(with_file("out", digest_of("never uploaded")));
  BOOST_TEST(code_of_get() == errc::ok);
}

BOOST_AUTO_TEST_CASE(files_come_inside_only_where_they_are_asked_for) {
  auto result = with_file("wanted", put("wanted content"));
  auto* other = result.add_output_files();
  other->set_path("other");
  to_wire(put("other content"), other->mutable_digest());
  to_wire(put("said"), result.mutable_stdout_digest());
  to_wire(put("complained"), result.mutable_stderr_digest());
  keep(result);

  auto plain = answer_of<v2::ActionResult>(get_method, asking());
  BOOST_TEST(plain.stdout_raw().empty());
  BOOST_TEST(plain.output_files(0).contents().empty());

  auto request = asking();
  request.set_inline_stdout(true);
  request.add_inline_output_files("wanted");
  request.add_inline_output_files("no such file");
  auto full = answer_of<v2::ActionResult>(get_method, request);
  BOOST_TEST(full.stdout_raw() == "said");
  BOOST_TEST(full.stderr_raw().empty());
  BOOST_TEST(full.output_files(0).contents() == "wanted content");
  BOOST_TEST(full.output_files(1).contents().empty());
}

BOOST_AUTO_TEST_CASE(what_would_not_fit_stays_outside) {
  keep(with_file("large", put(std::string(5 << 20, 'x'))));
  auto request = asking();
  request.add_inline_output_files("large");
  auto answer = answer_of<v2::ActionResult>(get_method, request);
  BOOST_TEST(answer.output_files(0).contents().empty());
  BOOST_TEST(answer.output_files(0).digest().size_bytes() == 5 << 20);
}

BOOST_AUTO_TEST_CASE(a_result_with_a_path_outside_is_refused) {
  auto blob = put("x");
  for (std::string path : {"/etc/passwd", "../up", "a/../../b", "a//b", "a/", "."})
    BOOST_TEST(code_of_update(with_file(path, blob)) == errc::invalid_argument, path);
  auto twice = with_file("same", blob);
  *twice.add_output_files() = twice.output_files(0);
  BOOST_TEST(code_of_update(twice) == errc::invalid_argument);
  BOOST_TEST(code_of_get() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(a_directory_told_in_two_ways_must_be_one) {
  auto result = with_tree(put("above"), put("below"));
  auto* directory = result.mutable_output_directories(0);
  to_wire(put("another directory"), directory->mutable_root_directory_digest());
  BOOST_TEST(code_of_update(result) == errc::invalid_argument);

  auto tree = from_wire(directory->tree_digest(), digest_function::sha256).value();
  auto content = ask<blob_batch>(blobs, read_blobs{{tree}}).value().results[0].value();
  auto root = parse<v2::Tree>(content)->root().SerializeAsString();
  to_wire(put(root), directory->mutable_root_directory_digest());
  BOOST_TEST(code_of_update(result) == errc::ok);
  BOOST_TEST(code_of_get() == errc::ok);
}

BOOST_AUTO_TEST_CASE(a_result_with_a_bad_digest_is_refused) {
  v2::ActionResult result = with_file("out", put("x"));
  result.mutable_output_files(0)->mutable_digest()->set_hash("abc");
  BOOST_TEST(code_of_update(result) == errc::invalid_argument);
  result = {};
  result.mutable_stdout_digest()->set_size_bytes(-1);
  BOOST_TEST(code_of_update(result) == errc::invalid_argument);
  auto request = asking();
  request.mutable_action_digest()->set_hash("ABC");
  BOOST_TEST(code_of(get_method, request) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_result_too_large_for_clients_is_refused) {
  v2::ActionResult result;
  result.set_stdout_raw(std::string(4 << 20, 'x'));
  BOOST_TEST(code_of_update(result) == errc::invalid_argument);
  result.set_stdout_raw(std::string(3 << 20, 'x'));
  keep(result);
  BOOST_TEST(answer_of<v2::ActionResult>(get_method, asking()).stdout_raw().size() == 3u << 20);
}

BOOST_AUTO_TEST_CASE(failures_are_kept_only_where_that_is_wanted) {
  v2::ActionResult failed;
  failed.set_exit_code(1);
  BOOST_TEST(code_of_update(failed) != errc::ok);
  BOOST_TEST(code_of_get() == errc::not_found);
  serve({.keep_failures = true});
  keep(failed);
  BOOST_TEST(answer_of<v2::ActionResult>(get_method, asking()).exit_code() == 1);
}

// Rule 136.
BOOST_AUTO_TEST_CASE(clients_may_be_kept_from_writing) {
  keep(with_file("out", put("x")));
  serve({.client_updates = false});
  BOOST_TEST(code_of_update({}) == errc::permission_denied);
  BOOST_TEST(code_of_get() == errc::ok);
}

// Rule 143.
BOOST_AUTO_TEST_CASE(a_corrupt_record_is_not_found_and_dropped) {
  auto key = record_key(record_kind::action_result, "", action);
  for (const auto& record : {bytes::of_static("garbage"), wrap_result(bytes::of_static("\xff\xff"))}) {
    write_blobs order;
    order.entries.push_back({key, record});
    BOOST_TEST_REQUIRE(ask<receipts>(results, std::move(order)).value().results[0].has_value());
    BOOST_TEST(code_of_get() == errc::not_found);
    BOOST_TEST(ask<missing_blobs>(results, find_missing{{key}}).value().blobs.size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(other_services_find_the_same_results) {
  auto result = with_file("out", put("x"));
  keep(result);
  auto found = ask<found_result>(service, find_result{"", action});
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(parse<v2::ActionResult>(found->result)->SerializeAsString() == result.SerializeAsString());
  auto none = ask<found_result>(service, find_result{"other", action});
  BOOST_TEST(none.error().code() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(a_tree_that_is_none_makes_the_result_go) {
  v2::ActionResult result;
  auto* directory = result.add_output_directories();
  directory->set_path("out");
  to_wire(put("\xff\xff no tree"), directory->mutable_tree_digest());
  keep(result);
  BOOST_TEST(code_of_get() == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
