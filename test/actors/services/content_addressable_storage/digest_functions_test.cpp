#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/chunking/chunking.hpp"
#include "actors/services/content_addressable_storage/content_addressable_storage.hpp"
#include "actors/services/get_tree/get_tree.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "test/actors/services/byte_stream/stream_bench.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace digest_functions_of_a_server {

const std::string cas = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";

/// Every service that takes digests, as they are configured by default: without weak functions.
struct functions_bench : stream_bench {
  functions_bench() : stream_bench(checking) {
    add_routes(routes, std::vector{own(spawn_content_addressable_storage(
                           actors(), env(), {}, make_compression(env(), {}), blobs))});
    auto trees = own(spawn_tree_coalescer(actors(), env(), {}, blobs));
    add_routes(routes, own(spawn_get_tree(actors(), env(), {}, {}, blobs, trees)));
    add_routes(routes, own(spawn_chunking(actors(), env(), {}, {}, blobs)));
    add_routes(routes, own(spawn_action_cache(actors(), {env(), results, blobs, {}})));
  }
  store_actor results = spawn_store("{type: memory, capacity: 1MiB}", store_role::results);

  errc update(digest_function function, const std::string& data, const digest& name) {
    v2::BatchUpdateBlobsRequest request;
    request.set_digest_function(static_cast<v2::DigestFunction::Value>(function));
    auto* one = request.add_requests();
    to_wire(name, one->mutable_digest());
    one->set_data(data);
    auto call = ask_service(cas + "BatchUpdateBlobs", request);
    if (!call->finished_well()) return call->status()->code();
    return static_cast<errc>(only_answer<v2::BatchUpdateBlobsResponse>(*call).responses(0).status().code());
  }
};

}  // namespace digest_functions_of_a_server

BOOST_FIXTURE_TEST_SUITE(digest_functions_of_a_server, functions_bench)

// Rules 11, 33.
BOOST_AUTO_TEST_CASE(several_stand_side_by_side_and_each_is_verified) {
  for (auto function : strong_digest_functions()) {
    auto blob = digest_of("the same content", function);
    BOOST_TEST(update(function, "another content!", blob) == errc::invalid_argument);
    BOOST_TEST(read("blobs/" + blob.to_string())->status()->code() == errc::not_found);
    BOOST_TEST(update(function, "the same content", blob) == errc::ok);
    BOOST_TEST(data_of(*read("blobs/" + blob.to_string())) == "the same content");
    auto large = noise(3 << 20);
    auto named = digest_of(large, function);
    BOOST_TEST(write(named, large)->finished_well());
    BOOST_TEST((data_of(*read("blobs/" + named.to_string())) == large));
  }
}

// Rule 9.
BOOST_AUTO_TEST_CASE(one_that_is_not_announced_is_refused_by_every_method) {
  auto weak = digest_of("content", digest_function::sha1);
  auto refused = [&](const std::string& method, const auto& request, v2::Digest* name) {
    to_wire(weak, name);
    BOOST_TEST(code_of(method, request) == errc::invalid_argument, method);
  };
  for (int named : {0, 2}) {
    auto function = static_cast<v2::DigestFunction::Value>(named);
    v2::FindMissingBlobsRequest find;
    find.set_digest_function(function);
    refused(cas + "FindMissingBlobs", find, find.add_blob_digests());
    v2::BatchReadBlobsRequest batch;
    batch.set_digest_function(function);
    refused(cas + "BatchReadBlobs", batch, batch.add_digests());
    v2::GetTreeRequest tree;
    tree.set_digest_function(function);
    refused(cas + "GetTree", tree, tree.mutable_root_digest());
    v2::GetActionResultRequest get;
    get.set_digest_function(function);
    refused("/build.bazel.remote.execution.v2.ActionCache/GetActionResult", get, get.mutable_action_digest());
    v2::UpdateActionResultRequest put;
    put.set_digest_function(function);
    refused("/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult", put,
            put.mutable_action_digest());
    v2::SplitBlobRequest split;
    split.set_digest_function(function);
    refused(cas + "SplitBlob", split, split.mutable_blob_digest());
    v2::SpliceBlobRequest splice;
    splice.set_digest_function(function);
    to_wire(weak, splice.add_chunk_digests());
    refused(cas + "SpliceBlob", splice, splice.mutable_blob_digest());
  }
  BOOST_TEST(update(digest_function::sha1, "content", weak) == errc::invalid_argument);
  BOOST_TEST(read("blobs/" + weak.to_string())->status()->code() == errc::invalid_argument);
  BOOST_TEST(code_of_write({message(upload_name(weak), 0, "content", true)}) == errc::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
