#include <algorithm>

#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/byte_stream/byte_stream.hpp"
#include "actors/services/chunking/chunking.hpp"
#include "actors/services/content_addressable_storage/content_addressable_storage.hpp"
#include "actors/services/get_tree/get_tree.hpp"
#include "actors/services/get_tree/tree_coalescer.hpp"
#include "actors/services/health/health.hpp"
#include "actors/services/http_cache/http_cache.hpp"
#include "actors/services/remote_asset/remote_asset.hpp"
#include "build/bazel/remote/asset/v1/remote_asset.pb.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "test/actors/services/common/service_bench.hpp"
#include "test/harness/seen_orders.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace deadlines_of_calls {

const std::string reapi = "/build.bazel.remote.execution.v2.";

// The services of a cache, and somebody in front of their stores who looks at orders. Clients wait an hour.
struct deadline_bench : service_bench {
  deadline_bench() {
    const auto content = watched(blobs);
    const auto zstd = make_compression(env(), {});
    add_routes(routes, std::vector{own(spawn_byte_stream(actors(), env(), {}, {}, zstd, content))});
    add_routes(routes,
               std::vector{own(spawn_content_addressable_storage(actors(), env(), {}, zstd, content))});
    add_routes(routes, own(spawn_chunking(actors(), env(), {}, {}, content)));
    const auto trees = own(spawn_tree_coalescer(actors(), env(), {}, blobs));
    add_routes(routes, own(spawn_get_tree(actors(), env(), {}, {}, content, trees)));
    const auto results = spawn_store("{type: memory, capacity: 1MiB}", store_role::results);
    const auto lookup = own(spawn_action_cache(actors(), {env(), watched(results), content, {}, {}}));
    add_routes(routes, lookup);
    add_routes(routes, own(spawn_remote_asset(actors(), {env(), lookup, watched(results), content, {}, {}})));
    http_cache_options web{env(), content, watched(results), lookup,
                           own(spawn_health(actors(), {env(), {}}))};
    web.zstd = zstd;
    add_routes(routes, own(spawn_http_cache(actors(), web)));
    run();
    seen->times.clear();
    seen->clients.clear();
  }
  store_actor watched(const store_actor& store) {
    return own(kiln::spawn_store<watching_store>(actors(), env(), store, seen));
  }
  void call(const std::string& method, const google::protobuf::MessageLite& request) {
    auto made = std::make_shared<direct_call>(method, call_metadata{{"x-client", "me"}});
    made->set_deadline(deadline);
    hand_over(made, serialise(request));
    run();
    BOOST_TEST_REQUIRE(made->finished_well(), made->status().value_or(error()).to_string());
  }
  /// The same over HTTP.
  void ask_http(const std::string& method, const std::string& target, const std::string& body = {},
                call_metadata fields = {}) {
    fields.emplace_back("x-client", "me");
    fields.emplace_back("content-length", std::to_string(body.size()));
    auto made = std::make_shared<direct_call>("/kiln.http/" + method + target, std::move(fields));
    made->set_deadline(deadline);
    if (!body.empty()) made->send(bytes::copy_of(body));
    made->close();
    hand_over(made);
    run();
    BOOST_TEST_REQUIRE(made->finished_well(), made->status().value_or(error()).to_string());
  }
  /// That there were orders, and all of them bore it, and what the client said.
  bool all_bore_the_deadline() const {
    return seen->times == std::set{deadline} &&
           std::all_of(seen->clients.begin(), seen->clients.end(), [](const auto& client) {
             return client &&
                    std::find(client->begin(), client->end(),
                              std::pair<std::string, std::string>("x-client", "me")) != client->end();
           });
  }

  const std::shared_ptr<seen_orders> seen = std::make_shared<seen_orders>();
  const steady_time deadline = time().now() + std::chrono::hours(1);
};

}  // namespace deadlines_of_calls

BOOST_FIXTURE_TEST_SUITE(deadlines_of_calls, deadline_bench)

BOOST_AUTO_TEST_CASE(reach_the_store_with_reads_and_questions_of_byte_stream) {
  const digest blob = put(std::string(10'000, 'x'));
  google::bytestream::ReadRequest read;
  read.set_resource_name("blobs/" + blob.to_string());
  call("/google.bytestream.ByteStream/Read", read);
  google::bytestream::QueryWriteStatusRequest query;
  query.set_resource_name("uploads/u/blobs/" + blob.to_string());
  call("/google.bytestream.ByteStream/QueryWriteStatus", query);
  BOOST_TEST(seen->of<read_blob>() == 1U);
  BOOST_TEST(seen->of<find_missing>() == 1U);
  BOOST_TEST(all_bore_the_deadline());
}

BOOST_AUTO_TEST_CASE(reach_the_store_with_batches) {
  v2::BatchUpdateBlobsRequest update;
  auto* entry = update.add_requests();
  to_wire(digest_of("hello"), entry->mutable_digest());
  entry->set_data("hello");
  call(reapi + "ContentAddressableStorage/BatchUpdateBlobs", update);
  v2::FindMissingBlobsRequest find;
  to_wire(digest_of("hello"), find.add_blob_digests());
  call(reapi + "ContentAddressableStorage/FindMissingBlobs", find);
  v2::BatchReadBlobsRequest read;
  to_wire(digest_of("hello"), read.add_digests());
  call(reapi + "ContentAddressableStorage/BatchReadBlobs", read);
  BOOST_TEST(seen->of<write_blobs>() == 1U);
  BOOST_TEST(seen->of<find_missing>() == 1U);
  BOOST_TEST(seen->of<read_blobs>() == 1U);
  BOOST_TEST(all_bore_the_deadline());
}

BOOST_AUTO_TEST_CASE(reach_the_stores_with_results_and_what_they_refer_to) {
  v2::UpdateActionResultRequest update;
  to_wire(digest_of("an action"), update.mutable_action_digest());
  auto* file = update.mutable_action_result()->add_output_files();
  file->set_path("a");
  to_wire(put("a file"), file->mutable_digest());
  call(reapi + "ActionCache/UpdateActionResult", update);
  v2::GetActionResultRequest get;
  to_wire(digest_of("an action"), get.mutable_action_digest());
  get.add_inline_output_files("a");
  call(reapi + "ActionCache/GetActionResult", get);
  BOOST_TEST(seen->of<write_blob>() == 1U);
  BOOST_TEST(seen->of<read_blob>() == 1U);
  BOOST_TEST(seen->of<find_missing>() == 1U);
  BOOST_TEST(seen->of<read_blobs>() == 1U);
  BOOST_TEST(all_bore_the_deadline());
}

// The walk is one for all who ask, and bears no one's deadline. What was walked earlier is asked for again.
BOOST_AUTO_TEST_CASE(reach_the_store_with_what_a_remembered_tree_asks_for) {
  v2::Directory root;
  auto* link = root.add_symlinks();
  link->set_name("link");
  link->set_target("elsewhere");
  v2::GetTreeRequest get;
  to_wire(put(root.SerializeAsString()), get.mutable_root_digest());
  call(reapi + "ContentAddressableStorage/GetTree", get);
  call(reapi + "ContentAddressableStorage/GetTree", get);
  BOOST_TEST(!seen->times.empty());
  BOOST_TEST(all_bore_the_deadline());
}

BOOST_AUTO_TEST_CASE(reach_the_stores_with_assets_and_what_they_refer_to) {
  namespace asset = build::bazel::remote::asset::v1;
  asset::PushBlobRequest push;
  push.add_uris("https://example.com/a");
  to_wire(put("an asset"), push.mutable_blob_digest());
  call("/build.bazel.remote.asset.v1.Push/PushBlob", push);
  asset::FetchBlobRequest fetch;
  fetch.add_uris("https://example.com/a");
  call("/build.bazel.remote.asset.v1.Fetch/FetchBlob", fetch);
  BOOST_TEST(seen->of<find_missing>() >= 1U);
  BOOST_TEST(seen->of<write_blobs>() == 1U);
  BOOST_TEST(all_bore_the_deadline());
}

BOOST_AUTO_TEST_CASE(reach_the_stores_with_blobs_results_and_values_over_http) {
  const call_metadata if_new{{"if-none-match", "*"}};
  const std::string blob = "/cas/" + digest_of("hello").hex();
  ask_http("PUT", blob, "hello", if_new);
  ask_http("HEAD", blob);
  ask_http("GET", blob);
  const std::string result = "/ac/" + digest_of("an action").hex();
  v2::ActionResult said;
  said.set_stdout_raw("said");
  ask_http("PUT", result, said.SerializeAsString(), if_new);
  ask_http("GET", result);
  ask_http("PUT", "/a/value", "bytes", if_new);
  ask_http("GET", "/a/value");
  ask_http("DELETE", "/a/value");
  BOOST_TEST(seen->of<write_blob>() >= 5U);
  BOOST_TEST(seen->of<forget_blob>() == 1U);
  BOOST_TEST(all_bore_the_deadline());
}

// How large the store is, is asked once for all calls.
BOOST_AUTO_TEST_CASE(reach_the_store_with_what_a_splice_reads_and_writes) {
  v2::SpliceBlobRequest splice;
  to_wire(digest_of("onetwo"), splice.mutable_blob_digest());
  for (const std::string part : {"one", "two"}) to_wire(put(part), splice.add_chunk_digests());
  call(reapi + "ContentAddressableStorage/SpliceBlob", splice);
  BOOST_TEST(seen->of<read_blob>() == 2U);
  BOOST_TEST(seen->of<write_blob>() == 1U);
  BOOST_TEST((seen->times == std::set{deadline, waits_for_ever}));
}

BOOST_AUTO_TEST_SUITE_END()
