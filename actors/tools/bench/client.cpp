#include "actors/tools/bench/client.hpp"

#include <google/bytestream/bytestream.pb.h>

#include <atomic>

namespace kiln::bench {
namespace {

constexpr std::size_t piece_size = 1 << 20;

// Reads a stream to its end. Holds itself alive through the continuation it hands out.
class following : public std::enable_shared_from_this<following> {
public:
  following(std::shared_ptr<outbound_call> call, std::function<void(byte_chain)> each,
            std::function<void(expected<void>)> done)
      : call_(std::move(call)), each_(std::move(each)), done_(std::move(done)) {}

  void next() {
    call_->read([self = shared_from_this()](expected<std::optional<byte_chain>> message) {
      if (!message) return self->done_(failure(std::move(message).error()));
      if (!*message) return self->done_({});
      self->each_(std::move(**message));
      self->next();
    });
  }

private:
  std::shared_ptr<outbound_call> call_;
  std::function<void(byte_chain)> each_;
  std::function<void(expected<void>)> done_;
};

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

// The header of a WriteRequest; the data lies behind it as its own slice, never copied.
bytes write_header(const std::string& name, std::uint64_t offset, bool last, std::size_t data_size) {
  std::string header;
  if (offset == 0) {
    header.push_back(0x0a);
    append_varint(header, name.size());
    header += name;
  } else {
    header.push_back(0x10);
    append_varint(header, offset);
  }
  if (last) header += std::string("\x18\x01", 2);
  header.push_back(0x52);
  append_varint(header, data_size);
  return bytes::adopt(std::move(header));
}

class uploading : public std::enable_shared_from_this<uploading> {
public:
  uploading(std::shared_ptr<outbound_call> call, std::string name, byte_chain content,
            std::function<void(expected<std::int64_t>)> done)
      : call_(std::move(call)),
        name_(std::move(name)),
        content_(std::move(content)),
        done_(std::move(done)) {}

  void start() {
    next();
    call_->read([self = shared_from_this()](expected<std::optional<byte_chain>> message) {
      if (!message) return self->done_(failure(std::move(message).error()));
      if (!*message) return self->done_(fail(errc::internal, "the write ended without an answer"));
      auto answer = parse<google::bytestream::WriteResponse>(**message);
      if (!answer) return self->done_(failure(answer.error()));
      self->call_->read([self, size = answer->committed_size()](expected<std::optional<byte_chain>> last) {
        if (!last) return self->done_(failure(std::move(last).error()));
        self->done_(size);
      });
    });
  }

private:
  void next() {
    auto piece = content_.slice(offset_, piece_size);
    bool last = offset_ + piece.size() == content_.size();
    byte_chain message(write_header(name_, offset_, last, piece.size()));
    offset_ += piece.size();
    message.append(std::move(piece));
    call_->write(std::move(message), [self = shared_from_this(), last](bool sent) {
      if (last || !sent) return self->call_->writes_done();
      self->next();
    });
  }

  std::shared_ptr<outbound_call> call_;
  std::string name_;
  byte_chain content_;
  std::uint64_t offset_ = 0;
  std::function<void(expected<std::int64_t>)> done_;
};

// The number of bytes in a ReadResponse's data: all but its tag and length.
std::uint64_t data_size_of(const byte_chain& message) {
  if (message.empty()) return 0;
  auto head = message.slice(0, 11).flatten();
  std::size_t at = 1;
  while (at < head.size() && (head.data()[at] & 0x80) != 0) ++at;
  return message.size() - std::min(message.size(), at + 1);
}

// A blob that is read as its reader asks.
class reading final : public blob_source, public std::enable_shared_from_this<reading> {
public:
  explicit reading(std::shared_ptr<outbound_call> call) : call_(std::move(call)) {}
  ~reading() override { call_->cancel(); }

  void read(next then) override {
    call_->read(
        [self = shared_from_this(), then = std::move(then)](expected<std::optional<byte_chain>> message) {
          if (!message) return then(failure(std::move(message).error()));
          if (!*message) return then(byte_chain());
          auto answer = parse<google::bytestream::ReadResponse>(**message);
          if (!answer) return then(failure(std::move(answer).error()));
          // An empty piece would be the end.
          if (answer->data().empty()) return self->read(then);
          then(byte_chain(bytes::adopt(std::move(*answer->mutable_data()))));
        });
  }
  void cancel(const error&) noexcept override { call_->cancel(); }

private:
  std::shared_ptr<outbound_call> call_;
};

}  // namespace

void client::follow(const std::string& method, const google::protobuf::MessageLite& request,
                    std::function<void(byte_chain)> each, std::function<void(expected<void>)> done) const {
  auto call = to_->start({method, metadata_, timeout});
  call->write(serialise(request), [call](bool) { call->writes_done(); });
  std::make_shared<following>(call, std::move(each), std::move(done))->next();
}

void client::upload(const digest& blob, byte_chain content, std::function<void(expected<std::int64_t>)> done,
                    compressor form) const {
  static std::atomic<std::uint64_t> uploads{0};
  auto uuid = fmt::format("00000000-0000-4000-8000-{:012x}", ++uploads);
  auto call = to_->start({"/google.bytestream.ByteStream/Write", metadata_, timeout});
  auto name = make_write_name({instance_, blob, form, std::move(uuid)});
  std::make_shared<uploading>(call, std::move(name), std::move(content), std::move(done))->start();
}

void client::download(const digest& blob, range part, std::function<void(expected<std::uint64_t>)> done,
                      compressor form) const {
  google::bytestream::ReadRequest request;
  request.set_read_offset(static_cast<std::int64_t>(part.offset));
  request.set_read_limit(static_cast<std::int64_t>(part.limit));
  request.set_resource_name(make_read_name({instance_, blob, form, {}}));
  auto received = std::make_shared<std::uint64_t>(0);
  follow(
      "/google.bytestream.ByteStream/Read", request,
      [received](byte_chain message) { *received += data_size_of(message); },
      [received, done = std::move(done)](expected<void> ended) {
        if (!ended) return done(failure(std::move(ended).error()));
        done(*received);
      });
}

blob_source_ptr client::open(const digest& blob) const {
  google::bytestream::ReadRequest request;
  request.set_resource_name(make_read_name({instance_, blob, compressor::identity, {}}));
  auto call = to_->start({"/google.bytestream.ByteStream/Read", metadata_, {}});
  call->write(serialise(request), [call](bool) { call->writes_done(); });
  return std::make_shared<reading>(std::move(call));
}

}  // namespace kiln::bench
