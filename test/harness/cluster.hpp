#pragma once

#include <google/protobuf/message_lite.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "actors/system/assembly.hpp"
#include "core/wire/message.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/direct_network.hpp"
#include "test/harness/temporary_folder.hpp"

namespace kiln::test {

/// A whole Kiln, assembled from a configuration as `kiln serve` does it: real actors, stores and plugins; but
/// time stands still, chance comes from a seed, calls arrive without a wire, and who runs next is the seed's
/// choice. The same seed does the same; another one tries another order.
///
///     cluster kiln(R"(
///       stores: {blobs: {type: memory, capacity: 64MiB}}
///       transports: {door: {type: direct, listen: [cache]}}
///       serve: {content: blobs})", seed);
///     auto name = kiln.upload("hello").value();
class cluster {
public:
  /// ${KILN_DATA} is a folder of this cluster. Throws, with all that is wrong, if it cannot be started.
  explicit cluster(const std::string& yaml, std::uint64_t seed = 1, pick how = pick::by_seed);
  /// Without a node so far: for a disk and processes of the test's, which `system` is told before `join`.
  explicit cluster(std::uint64_t seed, pick how = pick::by_seed);
  /// Clients leave, then the nodes end, the newest first.
  ~cluster();
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  /// Another node, which the others reach where it listens.
  void join(const std::string& yaml);
  /// A node ends at once, without a drain. The first is 0; those behind it move up.
  void end(std::size_t node);

  deterministic_system& system() noexcept { return system_; }
  std::string data() const { return folder_.path().string(); }
  scheduler_actor scheduler() const { return nodes_.front()->scheduler(); }
  const assembly& node(std::size_t which) const { return *nodes_.at(which); }
  trace done() const noexcept { return system_.done(); }
  void run() { system_.run(); }
  void pass(duration how_long) { system_.pass(how_long); }

  // Clients of the first node.

  /// A call under way; nobody has acted on it yet.
  std::shared_ptr<direct_call> begin(const std::string& method);
  /// Those that have not ended.
  std::vector<std::shared_ptr<direct_call>> open_calls() const;
  /// The same at any address of any node.
  std::shared_ptr<direct_call> begin_at(const std::string& address, outbound_request request);
  /// The same, with all its one client has to say.
  std::shared_ptr<direct_call> begin(const std::string& method, const google::protobuf::MessageLite& request);
  /// A call with one request, to its end. Throws if there is none.
  std::shared_ptr<direct_call> call(const std::string& method, const google::protobuf::MessageLite& request);
  /// The one answer of such a call.
  template <class Answer>
  expected<Answer> ask(const std::string& method, const google::protobuf::MessageLite& request) {
    auto done = call(method, request);
    if (!done->end()->ok()) return failure(*done->end());
    if (done->messages().size() != 1) throw std::runtime_error(method + " had no single answer");
    return parse<Answer>(byte_chain(done->messages().front()));
  }

  /// Through ByteStream, in messages of `step` bytes.
  expected<digest> upload(const std::string& content, std::size_t step = 1 << 20);
  expected<std::string> download(const digest& blob);
  /// Through BatchUpdateBlobs.
  expected<digest> put(const std::string& content);
  digest put(const google::protobuf::MessageLite& message);
  bool has(const digest& blob);

  /// Begins the drain of the first node: filled when it has come to its end.
  std::shared_ptr<std::optional<expected<drained>>> begin_drain();

private:
  temporary_folder folder_;
  deterministic_system system_;
  direct_network network_{system_};
  direct_plugin plugin_{network_};
  plugin_registry plugins_;
  std::vector<std::unique_ptr<assembly>> nodes_;
  std::vector<std::weak_ptr<direct_call>> calls_;
};

}  // namespace kiln::test
