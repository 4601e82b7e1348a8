#include "plugins/stores/grpc/remote_upload.hpp"

#include <algorithm>
#include <utility>

#include "core/base/strand.hpp"
#include "core/compress/zstd_source.hpp"
#include "core/contract/checked_source.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_writer.hpp"
#include "core/wire/resource_name.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "plugins/stores/grpc/presence.hpp"

namespace kiln::grpc_store {
namespace {

// Small pieces travel together, large ones are parted.
constexpr std::size_t least_message = 256 << 10;
constexpr std::size_t largest_message = 1 << 20;

std::string make_uuid(random_source& random) {
  std::uint64_t high = random.next(), low = random.next();
  high = (high & ~0xf000ULL) | 0x4000;
  low = (low & ~(3ULL << 62)) | (2ULL << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xffff,
                     low >> 48, low & 0xffffffffffff);
}

/// All of it on its strand. Two things go on at once: bytes are sent, and the server's answer is awaited,
/// which may come before the last byte if somebody else was faster.
class uploading : public std::enable_shared_from_this<uploading> {
public:
  uploading(remote_ptr where, const digest& blob, blob_source_ptr source, done<receipt> then)
      : where_(std::move(where)),
        blob_(blob),
        is_packed_(where_->speaks_zstd()),
        source_(is_packed_ ? packed(*where_, blob, std::move(source)) : std::move(source)),
        then_(std::move(then)) {}

  void start() {
    auto self = shared_from_this();
    strand_.run([self] {
      self->call_ = self->where_->start("/google.bytestream.ByteStream/Write",
                                        self->where_->options().transfer_timeout);
      self->await_answer();
      self->pull();
    });
  }

private:
  // A frame ends only after the blob has, and the blob only if it is one.
  static blob_source_ptr packed(const remote& where, const digest& blob, blob_source_ptr source) {
    return zstd_encoded({}, checked(std::move(source), blob, where.hashing()),
                        static_cast<std::uint64_t>(blob.size), *where.options().zstd_level, where.hashing());
  }
  std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(blob_.size); }

  void pull() {
    source_->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
      self->strand_.run([self, piece = std::move(piece)]() mutable { self->take(std::move(piece)); });
    }));
  }
  void take(expected<byte_chain> piece) {
    if (!then_) return;
    if (!piece) return finish(failure(piece.error()));
    if (piece->empty()) return end_of_source();
    if (!is_packed_ && piece->size() > size() - sent_ - held_.size())
      return refuse(fmt::format("more bytes came as blob {} than its digest says", blob_));
    held_.append(std::move(*piece));
    go_on();
  }
  void end_of_source() {
    if (!is_packed_ && sent_ + held_.size() != size())
      return refuse(fmt::format("only {} bytes came as blob {}", sent_ + held_.size(), blob_));
    complete_ = true;
    send();
  }
  // What would complete the blob waits for the end of the source.
  void go_on() {
    if (held_.size() >= least_message && (is_packed_ || sent_ + held_.size() < size()))
      send();
    else
      pull();
  }

  void send() {
    byte_chain data = held_.slice(0, largest_message);
    held_ = held_.slice(data.size());
    const bool last = complete_ && held_.empty();
    message_writer message;
    if (sent_ == 0)
      message.text(1, make_write_name({where_->options().instance, blob_,
                                       is_packed_ ? compressor::zstd : compressor::identity,
                                       make_uuid(*where_->env().random), where_->options().name_functions}));
    message.varint(2, sent_);
    message.varint(3, last ? 1 : 0);
    message.data(10, data);
    sent_ += data.size();
    call_->write(message.finish(), [self = shared_from_this(), last](bool taken) {
      self->strand_.run([self, last, taken] { self->sent(last, taken); });
    });
  }
  void sent(bool last, bool taken) {
    if (!then_ || !taken) return;  // the call is over: the answer says how
    if (last)
      call_->writes_done();
    else if (complete_)
      send();
    else
      go_on();
  }

  void await_answer() {
    call_->read([self = shared_from_this()](expected<std::optional<byte_chain>> answer) {
      self->strand_.run([self, answer = std::move(answer)]() mutable { self->answered(std::move(answer)); });
    });
  }
  void answered(expected<std::optional<byte_chain>> answer) {
    if (!then_) return;
    if (!answer) return finish(where_->explain(answer.error()));
    if (*answer) {
      auto message = parse<google::bytestream::WriteResponse>(**answer);
      committed_ = message ? message->committed_size() : 0;
      return await_answer();  // only the status behind it says that it counts
    }
    if (!is_all(committed_))
      return finish(where_->explain(
          {errc::internal, fmt::format("it took {} bytes of blob {} and said no more", committed_, blob_)}));
    finish(receipt{size(), false});
  }

  // Of what is packed, servers say how much of that came; -1 if somebody else was faster.
  bool is_all(std::int64_t committed) const noexcept {
    return committed == blob_.size ||
           (is_packed_ && (committed == -1 || committed == static_cast<std::int64_t>(sent_)));
  }

  void refuse(std::string why) { finish(fail(error(errc::invalid_argument, std::move(why)))); }
  void finish(expected<receipt> result) {
    if (!result) call_->cancel();
    if (!complete_)
      source_->cancel(result ? error(errc::already_exists, "the blob is there already") : result.error());
    std::exchange(then_, nullptr)(std::move(result));
  }

  const remote_ptr where_;
  const digest blob_;
  const bool is_packed_;
  const blob_source_ptr source_;
  done<receipt> then_;  ///< null once it was called: the upload is over
  strand strand_;
  std::shared_ptr<outbound_call> call_;
  byte_chain held_;
  std::uint64_t sent_ = 0;
  std::int64_t committed_ = 0;
  bool complete_ = false;  ///< the source has ended well, and with all the bytes
};

}  // namespace

void write_there(remote_ptr where, const digest& blob, blob_source_ptr source, done<receipt> then) {
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (is_empty_blob(blob)) return then(receipt{0, true});
  find_missing_there(where, {blob},
                     [where, blob, size, source = std::move(source),
                      then = std::move(then)](expected<missing_blobs> absent) mutable {
                       if (!absent) return then(failure(absent.error()));
                       if (absent->blobs.empty()) return then(receipt{size, true});
                       std::make_shared<uploading>(where, blob, std::move(source), std::move(then))->start();
                     });
}

}  // namespace kiln::grpc_store
