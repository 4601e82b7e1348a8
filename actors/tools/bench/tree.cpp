#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <mutex>

#include "actors/tools/bench/workload.hpp"
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

constexpr int new_roots = 4000;
constexpr unsigned crowd = 54;  // the actions that one build began at once, in others' published figures
constexpr std::uint64_t least_bytes = std::uint64_t{branches} * leaves * files * 80;

void add(std::vector<std::string>& blobs, const v2::Directory& directory, v2::Digest* name) {
  blobs.push_back(directory.SerializeAsString());
  to_wire(digest_of(blobs.back()), name);
}

v2::Directory make_tree(std::vector<std::string>& blobs, std::uint64_t seed) {
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
  return root;
}

// Trees that differ in a file of their root.
using root_requests = std::shared_ptr<std::vector<v2::GetTreeRequest>>;

expected<void> prepare(const client& server, std::uint64_t seed, int roots, const root_requests& made) {
  std::vector<std::string> blobs;
  auto root = make_tree(blobs, seed);
  auto* file = root.add_files();
  for (int i = 0; i < roots; ++i) {
    file->set_name(fmt::format("version{:05}", i));
    auto& request = made->emplace_back();
    request.set_instance_name(server.instance());
    add(blobs, root, request.mutable_root_digest());
  }
  return store(server, blobs);
}

void get(const client& server, const v2::GetTreeRequest& request, finished done) {
  auto received = std::make_shared<std::uint64_t>(0);
  server.follow(
      "/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree", request,
      [received](byte_chain message) { *received += message.size(); },
      [received, done = std::move(done)](expected<void> ended) {
        if (!ended) return done(std::move(ended));
        // Every file node takes some ninety bytes: a tree cut short shows.
        if (*received < least_bytes)
          return done(fail(errc::data_loss, "the tree came with {} bytes", *received));
        done({});
      });
}

// Ended with the last of them, badly if one of them did.
finished after_all(unsigned count, finished done) {
  struct gathering {
    std::mutex mutex;
    unsigned open;
    expected<void> outcome;
  };
  auto all = std::make_shared<gathering>();
  all->open = count;
  return [all, done = std::move(done)](expected<void> one) {
    {
      std::lock_guard lock(all->mutex);
      if (!one) all->outcome = std::move(one);
      if (--all->open > 0) return;
    }
    done(std::move(all->outcome));
  };
}

workload load(std::string name, std::string title, unsigned in_flight, std::uint64_t seed, int roots,
              unsigned at_once) {
  auto made = std::make_shared<std::vector<v2::GetTreeRequest>>();
  return {std::move(name),
          std::move(title),
          in_flight,
          0,
          false,
          [=](const client& server) { return prepare(server, seed, roots, made); },
          [=](const client& server, std::uint64_t n, finished done) {
            auto one = at_once == 1 ? std::move(done) : after_all(at_once, std::move(done));
            for (unsigned i = 0; i < at_once; ++i) get(server, (*made)[n % made->size()], one);
          }};
}

}  // namespace

std::vector<workload> tree_workloads(std::uint64_t seed) {
  auto title = fmt::format("GetTree, {} directories", directories);
  return {load("get_tree", title, 2, seed, 1, 1),
          load("get_tree_new_root", title + ", a root never asked for", 2, seed + 1, new_roots, 1),
          load("get_tree_54", fmt::format("{}, {} at once, a new root", title, crowd), 1, seed + 2, new_roots,
               crowd)};
}

}  // namespace kiln::bench
