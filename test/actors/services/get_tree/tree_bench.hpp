#pragma once

#include <set>
#include <string>
#include <vector>

#include "actors/services/get_tree/get_tree.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "test/actors/services/common/service_bench.hpp"
#include "test/actors/worker/counting_store.hpp"
#include "test/actors/worker/stalling_store.hpp"

namespace kiln::test {

namespace v2 = build::bazel::remote::execution::v2;

/// GetTree over a store whose reads are counted and may be held, and trees to ask for.
struct tree_bench : service_bench {
  static constexpr const char* method = "/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree";

  explicit tree_bench(const get_tree_options& given = {})
      : options(given),
        counted(spawn_counting_store(actors(), blobs)),
        slow(spawn_stalling_store(actors(), own(counted.actor))),
        trees(own(spawn_tree_coalescer(actors(), env(), options, own(slow.actor)))) {
    add_routes(routes, own(spawn_get_tree(actors(), env(), options, {}, slow.actor, trees)));
  }

  digest put_directory(const v2::Directory& directory) { return put(directory.SerializeAsString()); }
  static void add(v2::Directory& to, const std::string& name, const digest& child) {
    auto* node = to.add_directories();
    node->set_name(name);
    to_wire(child, node->mutable_digest());
  }
  static v2::Directory with_file(const std::string& name) {
    v2::Directory directory;
    directory.add_files()->set_name(name);
    return directory;
  }
  digest leaf(const std::string& file) { return put_directory(with_file(file)); }
  /// A root with `width` leaves.
  digest flat_tree(int width, const std::string& kind = "") {
    v2::Directory root;
    for (int i = 0; i < width; ++i) add(root, fmt::format("d{:05}", i), leaf(kind + std::to_string(i)));
    return put_directory(root);
  }
  /// A root with `branches` branches of `leaves` leaves.
  digest deep_tree(int branches, int leaves, std::size_t padding = 0) {
    v2::Directory root;
    for (int branch = 0; branch < branches; ++branch) {
      v2::Directory middle;
      write_blobs order;
      for (int i = 0; i < leaves; ++i) {
        auto text =
            with_file(fmt::format("{}/{}/{}", branch, i, std::string(padding, 'x'))).SerializeAsString();
        order.entries.push_back({digest_of(text), bytes::copy_of(text)});
        add(middle, fmt::format("leaf{:05}", i), order.entries.back().blob);
      }
      BOOST_TEST_REQUIRE(ask<receipts>(blobs, std::move(order)).has_value());
      add(root, fmt::format("branch{:05}", branch), put_directory(middle));
    }
    return put_directory(root);
  }
  void forget(const digest& blob) { BOOST_TEST(ask<forgotten>(blobs, forget_blob{blob})->was_present); }

  static v2::GetTreeRequest asking_for(const digest& root, int page_size = 0, const std::string& token = "") {
    v2::GetTreeRequest request;
    to_wire(root, request.mutable_root_digest());
    request.set_digest_function(static_cast<v2::DigestFunction::Value>(root.function));
    request.set_page_size(page_size);
    request.set_page_token(token);
    return request;
  }
  static std::vector<v2::GetTreeResponse> answers_of(const direct_call& call) {
    BOOST_TEST_REQUIRE(call.finished_well(), call.status().value_or(error()).to_string());
    std::vector<v2::GetTreeResponse> all;
    for (const auto& message : call.messages()) {
      BOOST_TEST(message.size() < 2u << 20);
      all.push_back(parse<v2::GetTreeResponse>(message).value());
    }
    return all;
  }
  std::vector<v2::GetTreeResponse> answers_to(const v2::GetTreeRequest& request) {
    return answers_of(*ask_service(method, request));
  }
  static std::vector<std::string> directories_in(const std::vector<v2::GetTreeResponse>& answers) {
    std::vector<std::string> all;
    for (const auto& answer : answers)
      for (const auto& directory : answer.directories()) all.push_back(directory.SerializeAsString());
    return all;
  }
  std::vector<std::string> tree_of(const digest& root) {
    return directories_in(answers_to(asking_for(root)));
  }
  static std::size_t count_in(const direct_call& call) { return directories_in(answers_of(call)).size(); }

  std::shared_ptr<direct_call> begin_call(const v2::GetTreeRequest& request,
                                          const std::string& peer = "ipv4:10.0.0.1:1") {
    return start(method, serialise(request), peer);
  }
  std::vector<std::shared_ptr<direct_call>> begin_calls(std::size_t count, const digest& root) {
    std::vector<std::shared_ptr<direct_call>> calls;
    while (calls.size() < count) calls.push_back(begin_call(asking_for(root)));
    return calls;
  }

  double walks_under_way() { return metrics().gauges("kiln_tree_walks", "").with().value(); }

  get_tree_options options;
  counting_store counted;
  stalling_store slow;
  tree_coalescer_actor trees;
};

/// With bounds of its own.
template <class Bounds>
struct bounded_tree_bench : tree_bench {
  bounded_tree_bench() : tree_bench(Bounds::options()) {}
};

/// Bounds under which nothing is remembered.
struct forgetful {
  static get_tree_options options() {
    get_tree_options given;
    given.tree_cache.capacity = byte_size{0};
    given.subtree_cache.capacity = byte_size{0};
    return given;
  }
};

}  // namespace kiln::test
