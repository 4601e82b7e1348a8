#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/byte_stream/byte_stream.hpp"
#include "actors/services/content_addressable_storage/content_addressable_storage.hpp"
#include "core/wire/action_record.hpp"
#include "test/actors/services/byte_stream/stream_bench.hpp"
#include "test/actors/services/execution/execution_bench.hpp"
#include "test/actors/services/get_tree/tree_bench.hpp"
#include "test/harness/scarce_memory.hpp"

using namespace kiln;
using namespace kiln::test;

namespace want_of_memory {

const std::string cas = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";
const std::string cache = "/build.bazel.remote.execution.v2.ActionCache/";

/// The services of a cache and of execution, where any one of the large allocations of a call may fail.
struct scarce_bench : execution_bench {
  scarce_bench() {
    auto zstd = make_compression(env(), {});
    add_routes(routes, std::vector{own(spawn_content_addressable_storage(actors(), env(), {}, zstd, blobs))});
    auto trees = own(spawn_tree_coalescer(actors(), env(), {}, blobs));
    add_routes(routes, own(spawn_get_tree(actors(), env(), {}, {}, blobs, trees)));
    auto actions = own(spawn_action_cache(actors(), {env(), results, blobs, {}}));
    add_routes(routes, actions);
    add_routes(routes, std::vector{own(spawn_byte_stream(actors(), env(), {}, {}, zstd, blobs))});
  }

  /// Whichever fails, the call ends, and those before and after it do as they would.
  void any_may_fail(const std::string& method, const google::protobuf::MessageLite& request,
                    std::size_t at_least = 8 << 10) {
    BOOST_TEST_CONTEXT(method) {
      const auto words = serialise(request);
      int failed = 0;
      bool felt = true;
      for (std::size_t which = 1; felt; ++which) {
        auto call = start(method, words);
        {
          scarce_memory scarce(at_least, which);
          run();
          felt = scarce.was_felt();
        }
        BOOST_TEST_REQUIRE(call->status().has_value(), "allocation " << which);
        if (call->finished_well()) continue;
        ++failed;
        BOOST_TEST((call->status()->code() == errc::resource_exhausted ||
                    call->status()->code() == errc::unavailable || call->status()->code() == errc::internal),
                   call->status()->to_string());
      }
      BOOST_TEST(failed > 0);
      BOOST_TEST(code_of(method, request) == errc::ok);
    }
  }

  static v2::Directory with_files(int count, const std::string& kind) {
    v2::Directory directory;
    for (int i = 0; i < count; ++i) {
      auto* file = directory.add_files();
      file->set_name(fmt::format("{}{:06}", kind, i));
      *file->mutable_digest() = wire(digest_of("content"));
    }
    return directory;
  }
  /// With directories that are too large to be parsed in place.
  digest large_tree() {
    v2::Directory root = with_files(2000, "a");
    for (int i = 0; i < 3; ++i) {
      auto* child = root.add_directories();
      child->set_name("d" + std::to_string(i));
      *child->mutable_digest() = wire(put(with_files(2000, std::to_string(i))));
    }
    return put(root);
  }

  store_actor results = spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
  digest content = put("content");
};

}  // namespace want_of_memory

BOOST_FIXTURE_TEST_SUITE(want_of_memory, scarce_bench)

BOOST_AUTO_TEST_CASE(fails_the_one_question_for_what_is_missing) {
  v2::FindMissingBlobsRequest request;
  for (int count : {2000, 8000}) {
    while (request.blob_digests_size() < count)
      *request.add_blob_digests() = wire(digest_of(std::to_string(request.blob_digests_size())));
    any_may_fail(cas + "FindMissingBlobs", request, 32 << 10);
  }
}

BOOST_AUTO_TEST_CASE(fails_the_one_batch) {
  v2::BatchReadBlobsRequest request;
  for (int i = 0; i < 20; ++i) *request.add_digests() = wire(put(noise(100'000)));
  any_may_fail(cas + "BatchReadBlobs", request);
  request.add_acceptable_compressors(v2::Compressor::ZSTD);
  any_may_fail(cas + "BatchReadBlobs", request);
}

BOOST_AUTO_TEST_CASE(fails_the_one_tree) {
  any_may_fail(cas + "GetTree", tree_bench::asking_for(large_tree()));
}

BOOST_AUTO_TEST_CASE(fails_the_one_result) {
  v2::Tree tree;
  *tree.mutable_root() = with_files(3000, "f");
  v2::ActionResult result;
  auto* directory = result.add_output_directories();
  directory->set_path("out");
  *directory->mutable_tree_digest() = wire(put(tree));
  for (int i = 0; i < 2000; ++i) {
    auto* file = result.add_output_files();
    file->set_path(std::to_string(i));
    *file->mutable_digest() = wire(content);
  }
  auto action = digest_of("an action");
  v2::UpdateActionResultRequest telling;
  *telling.mutable_action_digest() = wire(action);
  *telling.mutable_action_result() = result;
  any_may_fail(cache + "UpdateActionResult", telling);
  v2::GetActionResultRequest asking;
  *asking.mutable_action_digest() = wire(action);
  any_may_fail(cache + "GetActionResult", asking);
}

BOOST_AUTO_TEST_CASE(fails_the_one_read) {
  bs::ReadRequest request;
  request.set_resource_name("blobs/" + put(noise(5 << 20)).to_string());
  any_may_fail(read_method, request);
}

BOOST_AUTO_TEST_CASE(fails_the_one_execution) {
  v2::Command command = echo();
  for (int i = 0; i < 2000; ++i) command.add_arguments("an argument of some length");
  v2::Action action;
  *action.mutable_command_digest() = wire(put(command));
  *action.mutable_input_root_digest() = wire(large_tree());
  auto name = put(action);
  const auto words = serialise(request(name));
  bool felt = true;
  for (std::size_t which = 1; felt; ++which) {
    auto call = start(execute_method, words);
    {
      scarce_memory scarce(8 << 10, which);
      run();
      felt = scarce.was_felt();
    }
    // It waits for a worker, or it has failed.
    BOOST_TEST_REQUIRE((call->status().has_value() || heard(*call).size() == 1u), "allocation " << which);
    call->cancel();
    run();
  }
  BOOST_TEST(heard(*execute(request(name))).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
