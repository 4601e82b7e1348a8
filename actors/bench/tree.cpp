#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "actors/bench/workload.hpp"
#include "core/wire/digests.hpp"

// GetTree over a source tree's shape: 10 directories of 200 directories, each with ten files. With the root
// that makes 2,011 directories.
namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr int branches = 10;
constexpr int leaves = 200;
constexpr int files = 10;
constexpr int directories = 1 + branches + branches * leaves;

std::string add(std::vector<std::string>& blobs, const v2::Directory& directory, v2::Digest* name) {
  blobs.push_back(directory.SerializeAsString());
  to_wire(digest_of(blobs.back()), name);
  return name->hash();
}

v2::Digest make_tree(std::vector<std::string>& blobs, std::uint64_t seed) {
  v2::Directory root;
  for (int branch = 0; branch < branches; ++branch) {
    v2::Directory middle;
    for (int leaf = 0; leaf < leaves; ++leaf) {
      v2::Directory bottom;
      for (int i = 0; i < files; ++i) {
        auto* file = bottom.add_files();
        file->set_name(fmt::format("file{:02}.cpp", i));
        to_wire(digest_of(fmt::format("{} {} {} {}", seed, branch, leaf, i)), file->mutable_digest());
      }
      auto* node = middle.add_directories();
      node->set_name(fmt::format("leaf{:03}", leaf));
      add(blobs, bottom, node->mutable_digest());
    }
    auto* node = root.add_directories();
    node->set_name(fmt::format("branch{:02}", branch));
    add(blobs, middle, node->mutable_digest());
  }
  v2::Digest name;
  add(blobs, root, &name);
  return name;
}

}  // namespace

std::vector<workload> tree_workloads(std::uint64_t seed) {
  auto request = std::make_shared<v2::GetTreeRequest>();
  return {{"get_tree", fmt::format("GetTree, {} directories", directories), 2, 0, false,
           [request, seed](const client& server) {
             std::vector<std::string> blobs;
             request->set_instance_name(server.instance());
             *request->mutable_root_digest() = make_tree(blobs, seed);
             return store(server, blobs);
           },
           [request](const client& server, std::uint64_t, finished done) {
             auto received = std::make_shared<std::uint64_t>(0);
             server.follow(
                 "/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree", *request,
                 [received](byte_chain message) { *received += message.size(); },
                 [received, done = std::move(done)](expected<void> ended) {
                   if (!ended) return done(std::move(ended));
                   // Every file node takes some ninety bytes: a tree cut short shows.
                   if (*received < std::uint64_t{branches} * leaves * files * 80)
                     return done(fail(errc::data_loss, "the tree came with {} bytes", *received));
                   done({});
                 });
           }}};
}

}  // namespace kiln::bench
