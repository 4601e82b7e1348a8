#pragma once

#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/remote_asset/remote_asset.hpp"
#include "build/bazel/remote/asset/v1/remote_asset.pb.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/times.hpp"
#include "test/actors/services/common/service_bench.hpp"

namespace kiln::test {

namespace v1 = build::bazel::remote::asset::v1;
namespace v2 = build::bazel::remote::execution::v2;

/// The Remote Asset services before an action cache that checks what it answers.
struct remote_asset_bench : service_bench {
  using named_values = std::vector<std::pair<std::string, std::string>>;

  static constexpr const char* fetch_blob_method = "/build.bazel.remote.asset.v1.Fetch/FetchBlob";
  static constexpr const char* fetch_directory_method = "/build.bazel.remote.asset.v1.Fetch/FetchDirectory";
  static constexpr const char* push_blob_method = "/build.bazel.remote.asset.v1.Push/PushBlob";
  static constexpr const char* push_directory_method = "/build.bazel.remote.asset.v1.Push/PushDirectory";

  remote_asset_bench() { serve({}); }

  void serve(const remote_asset_settings& settings) {
    add_routes(routes, own(spawn_remote_asset(actors(), {env(), lookup, results, blobs, limits, settings})));
  }

  template <class Request>
  static Request about(const std::vector<std::string>& uris, const named_values& qualifiers = {}) {
    Request request;
    for (const auto& uri : uris) request.add_uris(uri);
    for (const auto& [name, value] : qualifiers) {
      auto* added = request.add_qualifiers();
      added->set_name(name);
      added->set_value(value);
    }
    return request;
  }
  static v1::PushBlobRequest pushing(const digest& blob, const std::vector<std::string>& uris,
                                     const named_values& qualifiers = {}) {
    auto request = about<v1::PushBlobRequest>(uris, qualifiers);
    to_wire(blob, request.mutable_blob_digest());
    request.set_digest_function(static_cast<v2::DigestFunction::Value>(blob.function));
    return request;
  }
  static v1::PushDirectoryRequest pushing_directory(const digest& root, const std::vector<std::string>& uris,
                                                    const named_values& qualifiers = {}) {
    auto request = about<v1::PushDirectoryRequest>(uris, qualifiers);
    to_wire(root, request.mutable_root_directory_digest());
    return request;
  }
  static v1::FetchBlobRequest fetching(const std::vector<std::string>& uris,
                                       const named_values& qualifiers = {}) {
    return about<v1::FetchBlobRequest>(uris, qualifiers);
  }
  static v1::FetchDirectoryRequest fetching_directory(const std::vector<std::string>& uris,
                                                      const named_values& qualifiers = {}) {
    return about<v1::FetchDirectoryRequest>(uris, qualifiers);
  }

  void push(const v1::PushBlobRequest& request) {
    BOOST_TEST_REQUIRE(code_of(push_blob_method, request) == errc::ok);
  }
  void push(const v1::PushDirectoryRequest& request) {
    BOOST_TEST_REQUIRE(code_of(push_directory_method, request) == errc::ok);
  }
  v1::FetchBlobResponse fetch(const v1::FetchBlobRequest& request) {
    return answer_of<v1::FetchBlobResponse>(fetch_blob_method, request);
  }
  v1::FetchDirectoryResponse fetch(const v1::FetchDirectoryRequest& request) {
    return answer_of<v1::FetchDirectoryResponse>(fetch_directory_method, request);
  }
  /// The status within the answer.
  template <class Request>
  errc outcome(const Request& request) {
    return static_cast<errc>(fetch(request).status().code());
  }
  void forget(const digest& blob) {
    BOOST_TEST_REQUIRE(ask<forgotten>(blobs, forget_blob{blob}).value().was_present);
  }

  store_actor results = spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
  cache_limits limits;
  action_cache_service lookup = own(spawn_action_cache(actors(), {env(), results, blobs, {}}));
};

}  // namespace kiln::test
