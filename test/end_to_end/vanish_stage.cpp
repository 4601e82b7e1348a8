#include "test/end_to_end/vanish_stage.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "core/wire/digests.hpp"
#include "test/end_to_end/data_folder.hpp"
#include "test/end_to_end/remote_execution.hpp"

namespace kiln::end_to_end {
namespace fs = std::filesystem;
namespace {

// A client takes four megabytes of a stream that it does not read.
constexpr std::size_t more_than_is_taken = 16 << 20;
constexpr unsigned trees = 8;
constexpr unsigned actions = 8;

// Room for all interrupted uploads that are kept, for each takes what it was to become.
std::string config(const stage_options& options) {
  auto patience =
      options.resume_time.empty()
          ? std::string()
          : fmt::format("  byte_stream: {{resume_time: {0}}}\n  scheduler: {{abandon_after: {0}}}\n",
                        options.resume_time);
  return fmt::format(
      "stores:\n"
      "  blobs: {{type: filesystem, path: {0}/data/blobs, capacity: 16GiB}}\n"
      "  results: {{type: filesystem, path: {0}/data/results, capacity: 1GiB}}\n"
      "transports:\n"
      "  public: {{type: grpc, listen: [\"127.0.0.1:0\"]}}\n"
      "serve:\n"
      "  content: blobs\n"
      "  results: results\n"
      "  execution: {{}}\n"
      "{1}"
      "worker: {{cas: blobs, cache: blobs, work_root: {0}/data/work, sandbox: {{level: folder}}}}\n",
      options.folder, patience);
}

std::size_t entries_in(const fs::path& folder) {
  std::error_code gone;
  std::size_t count = 0;
  for (fs::directory_iterator at(folder, gone), end; at != end; at.increment(gone)) ++count;
  return count;
}

class pile {
public:
  explicit pile(const remote& to) : to_(to) {}

  digest add(std::string content) {
    auto name = digest_of(content);
    if (size_ + content.size() > (3 << 20)) upload();
    size_ += content.size();
    blobs_.emplace_back(name, std::move(content));
    return name;
  }
  expected<void> finish() {
    upload();
    return fault_;
  }

private:
  void upload() {
    auto results = to_.update_blobs(blobs_);
    if (!results) fault_ = failure(results.error());
    if (results)
      for (const auto& one : *results)
        if (!one.ok()) fault_ = failure(one);
    blobs_.clear();
    size_ = 0;
  }

  const remote& to_;
  std::vector<remote::blob> blobs_;
  std::size_t size_ = 0;
  expected<void> fault_;
};

// Few directories with long lists: that much to stream, at little cost of walking.
std::vector<digest> add_trees(pile& to) {
  constexpr int files = 200;
  v2::Directory root;
  for (std::size_t i = 0; i * files * 150 < more_than_is_taken; ++i) {
    v2::Directory leaf;
    for (int j = 0; j < files; ++j) {
      auto* file = leaf.add_files();
      file->set_name(fmt::format("{:04}-{:04}-{:050}", i, j, 0));
      to_wire(digest_of(""), file->mutable_digest());
    }
    auto* folder = root.add_directories();
    folder->set_name(fmt::format("{:06}", i));
    to_wire(to.add(leaf.SerializeAsString()), folder->mutable_digest());
  }
  auto* mark = root.add_files();
  to_wire(digest_of(""), mark->mutable_digest());
  std::vector<digest> roots;
  for (unsigned i = 0; i < trees; ++i) {
    mark->set_name(fmt::format("tree{}", i));
    roots.push_back(to.add(root.SerializeAsString()));
  }
  return roots;
}

// So that the server's memory of trees is full before it is looked at.
expected<void> take_whole(const remote& server, const std::vector<digest>& roots) {
  for (const auto& root : roots) {
    v2::GetTreeRequest request;
    to_wire(root, request.mutable_root_digest());
    auto ended = wait_for<void>([&](auto then) {
      server.client().follow(
          reapi("ContentAddressableStorage/GetTree"), request, [](const byte_chain&) {}, std::move(then));
    });
    if (!ended) return ended;
  }
  return {};
}

}  // namespace

expected<server_process> start_stage(const stage_options& options) {
  auto path = options.folder + "/node.yaml";
  std::ofstream(path) << config(options);
  return server_process::start({{options.binary, "serve", path}, options.folder + "/log"});
}

expected<crowd_order> furnish(const remote& server, const stage_options& options) {
  crowd_order order;
  auto content = made_bytes(2, more_than_is_taken);
  order.blob = digest_of(content);
  if (auto written = server.write(order.blob, bytes::adopt(std::move(content))); !written)
    return failure(written.error());
  pile blobs(server);
  order.trees = add_trees(blobs);
  if (auto uploaded = blobs.finish(); !uploaded) return failure(uploaded.error());
  if (auto taken = take_whole(server, order.trees); !taken) return failure(taken.error());
  // They wait for somebody who writes into the pipe, and nobody does.
  auto pipe = options.folder + "/pipe";
  if (::mkfifo(pipe.c_str(), 0666) != 0 || ::chmod(pipe.c_str(), 0666) != 0)
    return failure(system_error(errno, "making " + pipe));
  for (unsigned i = 0; i < actions; ++i) {
    auto action = upload_action(server, fmt::format("cat {} > out # {}", pipe, i));
    if (!action) return failure(action.error());
    order.actions.push_back(*action);
  }
  return order;
}

std::string holdings::to_string() const {
  return fmt::format("{} descriptors, {} temporary files, {:.1f} MiB", descriptors, files,
                     static_cast<double>(memory) / (1 << 20));
}

holdings holdings_of(const server_process& server, const stage_options& options) {
  auto data = options.folder + "/data";
  return {entries_in(fmt::format("/proc/{}/fd", server.pid())),
          left_overs(data).size() + entries_in(data + "/work/actions"), server.memory("VmRSS")};
}

}  // namespace kiln::end_to_end
