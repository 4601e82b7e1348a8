#pragma once

#include <google/protobuf/message_lite.h>

#include <functional>
#include <memory>
#include <string>

#include "core/contract/stream.hpp"
#include "core/contract/transport.hpp"
#include "core/digest/digest.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln::bench {

/// The server under load, as any REAPI client sees it. Continuations run on the transport's threads.
class client {
public:
  /// `metadata` goes with every call.
  client(std::shared_ptr<channel> to, std::string instance, call_metadata metadata = {})
      : to_(std::move(to)), instance_(std::move(instance)), metadata_(std::move(metadata)) {}

  const std::string& instance() const noexcept { return instance_; }

  /// One message there, one back; parsed by whoever wants to.
  void ask(const std::string& method, const google::protobuf::MessageLite& request,
           std::function<void(expected<byte_chain>)> then) const {
    to_->ask({method, metadata_, timeout}, serialise(request), std::move(then));
  }
  /// A server stream: `each` for every message, then `done`.
  void follow(const std::string& method, const google::protobuf::MessageLite& request,
              std::function<void(byte_chain)> each, std::function<void(expected<void>)> done) const;

  /// ByteStream.Write of `content` in messages of 1 MiB. Answers the committed size.
  void upload(const digest& blob, byte_chain content, std::function<void(expected<std::int64_t>)> done,
              compressor form = compressor::identity) const;
  /// A segment of a blob; limit 0 for all that follows.
  struct range {
    std::uint64_t offset = 0;
    std::uint64_t limit = 0;
  };
  /// ByteStream.Read. Answers the number of bytes that came.
  void download(const digest& blob, range part, std::function<void(expected<std::uint64_t>)> done,
                compressor form = compressor::identity) const;
  /// The same, to be read piece by piece; without a deadline, for nobody knows how long the blob takes. Who
  /// reads it looks whether the bytes are the blob's.
  blob_source_ptr open(const digest& blob) const;

private:
  static constexpr duration timeout = std::chrono::seconds(60);
  std::shared_ptr<channel> to_;
  std::string instance_;
  call_metadata metadata_;
};

}  // namespace kiln::bench
