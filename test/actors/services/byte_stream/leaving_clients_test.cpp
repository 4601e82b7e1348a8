#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/content_addressable_storage/content_addressable_storage.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "test/actors/services/common/service_bench.hpp"
#include "test/actors/worker/counting_store.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace leaving_clients {

const std::string find_method = "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs";
const std::string get_method = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult";
const std::string update_method = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult";

/// Services that ask a store much for one call, and clients that leave meanwhile.
struct leaving_bench : service_bench {
  leaving_bench() {
    auto counted = spawn_counting_store(actors(), blobs);
    asked = counted.counts;
    own(counted.actor);
    add_routes(routes, std::vector{own(spawn_content_addressable_storage(
                           actors(), env(), {}, make_compression(env(), {}), counted.actor))});
    auto results = spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
    add_routes(routes, own(spawn_action_cache(actors(), {env(), results, counted.actor, {}})));
  }
  /// How many blobs are asked for in vain, when the client leaves at the first question.
  std::size_t asked_in_vain(const std::string& method, const google::protobuf::MessageLite& request) {
    const auto before = asked->checks();
    auto call = start(method, serialise(request));
    asked->at_next_check([&] { call->cancel(); });
    run();
    return asked->checks() - before;
  }
  std::shared_ptr<read_counts> asked;
};

constexpr int many = 20'000;

}  // namespace leaving_clients

BOOST_FIXTURE_TEST_SUITE(leaving_clients, leaving_bench)

BOOST_AUTO_TEST_CASE(a_question_for_many_blobs_ends_with_its_client) {
  v2::FindMissingBlobsRequest request;
  for (int i = 0; i < many; ++i) to_wire(digest_of(std::to_string(i)), request.add_blob_digests());
  BOOST_TEST(asked_in_vain(find_method, request) < many / 2u);
}

BOOST_AUTO_TEST_CASE(a_question_in_parts_is_answered_as_a_whole) {
  v2::FindMissingBlobsRequest request;
  for (int i = 0; i < many; ++i) to_wire(digest_of(std::to_string(i)), request.add_blob_digests());
  for (int i = 0; i < many; ++i) to_wire(digest_of(std::to_string(i)), request.add_blob_digests());
  put("5");
  put("19999");
  auto answer = answer_of<v2::FindMissingBlobsResponse>(find_method, request);
  BOOST_TEST_REQUIRE(answer.missing_blob_digests_size() == many - 2);
  BOOST_TEST(answer.missing_blob_digests(4).hash() == digest_of("4").hex());
  BOOST_TEST(answer.missing_blob_digests(5).hash() == digest_of("6").hex());
}

BOOST_AUTO_TEST_CASE(whether_a_result_is_whole_is_not_looked_for_when_its_client_has_left) {
  auto content = put("content");
  v2::UpdateActionResultRequest telling;
  to_wire(digest_of("an action"), telling.mutable_action_digest());
  for (int i = 0; i < many; ++i) {
    auto* file = telling.mutable_action_result()->add_output_files();
    file->set_path(std::to_string(i));
    to_wire(content, file->mutable_digest());
  }
  BOOST_TEST(code_of(update_method, telling) == errc::ok);
  v2::GetActionResultRequest asking;
  to_wire(digest_of("an action"), asking.mutable_action_digest());
  BOOST_TEST(asked_in_vain(get_method, asking) < many / 2u);
  BOOST_TEST(code_of(get_method, asking) == errc::ok);
}

BOOST_AUTO_TEST_SUITE_END()
