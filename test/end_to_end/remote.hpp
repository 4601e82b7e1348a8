#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/tools/bench/client.hpp"
#include "core/digest/digest.hpp"

namespace kiln::end_to_end {

namespace v2 = build::bazel::remote::execution::v2;

/// Waits for the one value that an asynchronous call gives to its continuation.
template <class T, class Start>
expected<T> wait_for(Start start) {
  auto promise = std::make_shared<std::promise<expected<T>>>();
  auto value = promise->get_future();
  start([promise](expected<T> result) { promise->set_value(std::move(result)); });
  return value.get();
}

/// A server as a client that waits for each answer sees it. Any number of threads.
class remote {
public:
  explicit remote(std::shared_ptr<channel> to) : client_(std::move(to), "") {}

  using blob = std::pair<digest, std::string>;
  /// For each, in order, what came of it. All are named under one function.
  expected<std::vector<error>> update_blobs(const std::vector<blob>& blobs) const;
  /// ByteStream.Write; ok once all bytes are committed.
  expected<void> write(const digest& name, byte_chain content) const;
  expected<std::vector<digest>> find_missing(const std::vector<digest>& blobs) const;
  /// SpliceBlob.
  expected<void> splice(const digest& whole, const std::vector<digest>& chunks) const;
  /// All are named under one function. For each, in order: what hashes right, or the server's error;
  /// DATA_LOSS for bytes that do not.
  expected<std::vector<error>> check_blobs(const std::vector<digest>& blobs) const;
  /// ByteStream.Read of the whole, hashed as it comes; DATA_LOSS if that is not the blob.
  expected<void> check_blob(const digest& blob) const;

  expected<void> update_result(const digest& action, const v2::ActionResult& result) const;
  expected<v2::ActionResult> get_result(const digest& action) const;

  /// One message there, one back.
  template <class Answer>
  expected<Answer> ask(const std::string& method, const google::protobuf::MessageLite& request) const {
    auto raw = wait_for<byte_chain>([&](auto then) { client_.ask(method, request, std::move(then)); });
    if (!raw) return failure(raw.error());
    return parse<Answer>(*raw);
  }
  const bench::client& client() const noexcept { return client_; }

private:
  bench::client client_;
};

/// "/build.bazel.remote.execution.v2.SERVICE/METHOD".
std::string reapi(std::string_view method);

/// `size` bytes that nothing compresses, the same for the same key.
std::string made_bytes(std::uint64_t key, std::size_t size);

}  // namespace kiln::end_to_end
