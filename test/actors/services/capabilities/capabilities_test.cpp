#include "actors/services/capabilities/capabilities.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/actors/services/common/service_bench.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace capabilities {

const std::string method = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities";

struct capabilities_bench : service_bench {
  v2::ServerCapabilities answer_with(const capabilities_options& options, const std::string& instance = "") {
    add_routes(routes, own(spawn_capabilities(actors(), env(), options)));
    v2::GetCapabilitiesRequest request;
    request.set_instance_name(instance);
    return answer_of<v2::ServerCapabilities>(method, request);
  }
};

}  // namespace capabilities

BOOST_FIXTURE_TEST_SUITE(capabilities, capabilities_bench)

BOOST_AUTO_TEST_CASE(a_cache_announces_what_it_holds_itself_to) {
  capabilities_options options;
  options.limits.max_blob_size = byte_size{12345};
  auto all = answer_with(options);
  BOOST_TEST(!all.has_execution_capabilities());
  BOOST_TEST(all.low_api_version().major() == 2);
  BOOST_TEST(all.low_api_version().minor() == 0);
  BOOST_TEST(all.high_api_version().major() == 2);
  BOOST_TEST(all.high_api_version().minor() == 3);
  const auto& cache = all.cache_capabilities();
  const std::vector<int> functions(cache.digest_functions().begin(), cache.digest_functions().end());
  BOOST_TEST((functions == std::vector<int>{v2::DigestFunction::SHA256, v2::DigestFunction::BLAKE3,
                                            v2::DigestFunction::SHA256TREE, v2::DigestFunction::SHA384,
                                            v2::DigestFunction::SHA512}));
  BOOST_TEST(cache.action_cache_update_capabilities().update_enabled());
  BOOST_TEST(cache.max_cas_blob_size_bytes() == 12345);
  BOOST_TEST(cache.max_batch_total_size_bytes() < 4 << 20);
  BOOST_TEST_REQUIRE(cache.supported_compressors_size() == 1);
  BOOST_TEST((cache.supported_compressors(0) == v2::Compressor::ZSTD));
  BOOST_TEST_REQUIRE(cache.supported_batch_update_compressors_size() == 1);
  BOOST_TEST((cache.supported_batch_update_compressors(0) == v2::Compressor::ZSTD));
  BOOST_TEST(!cache.split_blob_support());
  BOOST_TEST(!cache.splice_blob_support());
  BOOST_TEST(!cache.has_fast_cdc_2020_params());
  BOOST_TEST((cache.symlink_absolute_path_strategy() == v2::SymlinkAbsolutePathStrategy::ALLOWED));
}

// Rule 62.
BOOST_AUTO_TEST_CASE(chunks_are_announced_with_their_parameters_where_blobs_are_split_and_spliced) {
  capabilities_options options;
  options.chunking = fast_cdc_parameters{64 << 10, 7};
  const auto cache = answer_with(options).cache_capabilities();
  BOOST_TEST(cache.split_blob_support());
  BOOST_TEST(cache.splice_blob_support());
  BOOST_TEST(cache.fast_cdc_2020_params().avg_chunk_size_bytes() == 64u << 10);
  BOOST_TEST(cache.fast_cdc_2020_params().seed() == 7u);
  BOOST_TEST(!cache.has_rep_max_cdc_params());
}

BOOST_AUTO_TEST_CASE(execution_is_announced_where_it_is_served) {
  capabilities_options options;
  options.serves_cache = false;
  options.serves_execution = true;
  auto all = answer_with(options, "any/instance");
  BOOST_TEST(!all.has_cache_capabilities());
  BOOST_TEST(all.execution_capabilities().exec_enabled());
  BOOST_TEST((all.execution_capabilities().digest_function() == v2::DigestFunction::SHA256));
  BOOST_TEST(all.execution_capabilities().digest_functions_size() == 5);
  const auto& properties = all.execution_capabilities().supported_node_properties();
  BOOST_TEST(std::vector<std::string>(properties.begin(), properties.end()) ==
                 (std::vector<std::string>{"mtime", "unix_mode"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_functions_announced_are_those_of_the_configuration) {
  capabilities_options options;
  options.serves_execution = true;
  options.limits.digest_functions = {digest_function::blake3, digest_function::sha1};
  auto all = answer_with(options);
  BOOST_TEST_REQUIRE(all.cache_capabilities().digest_functions_size() == 2);
  BOOST_TEST((all.cache_capabilities().digest_functions(1) == v2::DigestFunction::SHA1));
  BOOST_TEST((all.execution_capabilities().digest_function() == v2::DigestFunction::BLAKE3));
}

BOOST_AUTO_TEST_CASE(a_request_that_makes_no_sense_is_refused) {
  answer_with({});
  v2::GetCapabilitiesRequest request;
  request.set_instance_name("a/blobs");
  BOOST_TEST(code_of(method, request) == errc::invalid_argument);
  auto call = start(method, bytes::of_static("\xff"));
  run();
  BOOST_TEST(call->status()->code() == errc::invalid_argument);
}

// Rule 222.
BOOST_AUTO_TEST_CASE(nothing_is_begun_after_the_deadline) {
  answer_with({});
  auto call = std::make_shared<direct_call>(method);
  call->set_deadline(env().time->now());
  hand_over(call);
  run();
  BOOST_TEST(call->status()->code() == errc::deadline_exceeded);
}

BOOST_AUTO_TEST_SUITE_END()
