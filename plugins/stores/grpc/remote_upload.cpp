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
// Of what was sent: more than a stream has on its way.
constexpr std::size_t kept_behind = 8 << 20;

std::string make_uuid(random_source& random) {
  std::uint64_t high = random.next(), low = random.next();
  high = (high & ~0xf000ULL) | 0x4000;
  low = (low & ~(3ULL << 62)) | (2ULL << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xffff,
                     low >> 48, low & 0xffffffffffff);
}

/// All of it on its strand. Two things go on at once: bytes are sent, and the server's answer is awaited,
/// which may come before the last byte if somebody else was faster. A call that breaks off is followed by
/// another one, behind what the server says it has, as long as the bytes from there on are still here.
class uploading : public std::enable_shared_from_this<uploading> {
public:
  uploading(remote_ptr where, const digest& blob, blob_source_ptr source, done<receipt> then)
      : where_(std::move(where)),
        blob_(blob),
        is_packed_(where_->speaks_zstd()),
        source_(is_packed_ ? packed(*where_, blob, std::move(source)) : std::move(source)),
        then_(std::move(then)),
        name_(make_write_name({where_->options().instance, blob_,
                               is_packed_ ? compressor::zstd : compressor::identity,
                               make_uuid(*where_->env().random), where_->options().name_functions})),
        attempts_(where_->new_attempts(where_->options().transfer_timeout)),
        room_(is_packed_ ? nullptr : where_->room_to_go_on(std::min<std::uint64_t>(size(), kept_behind))) {}

  void start() {
    strand_.run([self = shared_from_this()] {
      self->begin_call();
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

  void begin_call() {
    ++call_number_;
    is_named_ = is_writing_ = false;
    call_ = where_->start("/google.bytestream.ByteStream/Write", attempts_.time_left(*where_->env().time));
    await_answer();
  }

  void pull() {
    is_pulling_ = true;
    source_->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
      self->strand_.run([self, piece = std::move(piece)]() mutable { self->take(std::move(piece)); });
    }));
  }
  void take(expected<byte_chain> piece) {
    is_pulling_ = false;
    if (!then_) return;
    if (!piece) return finish(failure(piece.error()));
    if (piece->empty()) return end_of_source();
    if (!is_packed_ && piece->size() > size() - sent_ - held_.size())
      return refuse(fmt::format("more bytes came as blob {} than its digest says", blob_));
    held_.append(std::move(*piece));
    if (call_) go_on();
  }
  void end_of_source() {
    if (!is_packed_ && sent_ + held_.size() != size())
      return refuse(fmt::format("only {} bytes came as blob {}", sent_ + held_.size(), blob_));
    complete_ = true;
    if (call_) go_on();
  }
  // What would complete the blob waits for the end of the source.
  void go_on() {
    if (is_writing_) return;
    if (complete_ || (held_.size() >= least_message && (is_packed_ || sent_ + held_.size() < size())))
      send();
    else if (!is_pulling_)
      pull();
  }

  void send() {
    byte_chain data = held_.slice(0, largest_message);
    held_ = held_.slice(data.size());
    const bool last = complete_ && held_.empty();
    message_writer message;
    if (!std::exchange(is_named_, true)) message.text(1, name_);
    message.varint(2, sent_);
    message.varint(3, last ? 1 : 0);
    message.data(10, data);
    sent_ += data.size();
    keep_behind(std::move(data));
    is_writing_ = true;
    call_->write(message.finish(), [self = shared_from_this(), last, number = call_number_](bool taken) {
      self->strand_.run([self, last, number, taken] { self->sent(last, number, taken); });
    });
  }
  void keep_behind(byte_chain data) {
    if (!room_) return;
    recent_.append(std::move(data));
    if (recent_.size() > kept_behind) recent_ = recent_.slice(recent_.size() - kept_behind);
  }
  void sent(bool last, unsigned number, bool taken) {
    if (!then_ || !call_ || number != call_number_ || !taken) return;  // its answer says how it ended
    is_writing_ = false;
    if (last)
      call_->writes_done();
    else
      go_on();
  }

  void await_answer() {
    call_->read(
        [self = shared_from_this(), number = call_number_](expected<std::optional<byte_chain>> answer) {
          self->strand_.run([self, number, answer = std::move(answer)]() mutable {
            if (self->then_ && number == self->call_number_) self->answered(std::move(answer));
          });
        });
  }
  void answered(expected<std::optional<byte_chain>> answer) {
    if (!answer) return broke_off(answer.error());
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

  // What servers say of a packed upload that broke off means other things with each of them, so it has no
  // room.
  void broke_off(const error& fault) {
    auto wait = room_ ? attempts_.after(fault, where_->env()) : std::nullopt;
    if (!wait) return finish(where_->explain(fault));
    call_ = nullptr;
    where_->later(*wait, [self = shared_from_this(), fault] {
      google::bytestream::QueryWriteStatusRequest question;
      question.set_resource_name(self->name_);
      self->where_->ask("/google.bytestream.ByteStream/QueryWriteStatus", serialise(question),
                        [self, fault](expected<byte_chain> answer) {
                          self->strand_.run([self, fault, answer = std::move(answer)]() mutable {
                            self->go_on_behind(std::move(answer), fault);
                          });
                        });
    });
  }
  // A server that knows nothing of the upload has none of it.
  void go_on_behind(expected<byte_chain> answer, const error& fault) {
    if (!then_) return;
    auto status = std::move(answer).and_then(parse<google::bytestream::QueryWriteStatusResponse>);
    if (status && status->complete() && status->committed_size() == blob_.size)
      return finish(receipt{size(), false});
    const auto has =
        static_cast<std::uint64_t>(status ? std::max<std::int64_t>(status->committed_size(), 0) : 0);
    if (has > sent_ || sent_ - has > recent_.size()) return finish(where_->explain(fault));
    byte_chain again = recent_.slice(recent_.size() - (sent_ - has));
    recent_ = recent_.slice(0, recent_.size() - again.size());
    again.append(std::exchange(held_, {}));
    held_ = std::move(again);
    sent_ = has;
    begin_call();
    go_on();
  }

  void refuse(std::string why) { finish(fail(error(errc::invalid_argument, std::move(why)))); }
  void finish(expected<receipt> result) {
    if (!result && call_) call_->cancel();
    if (!complete_)
      source_->cancel(result ? error(errc::already_exists, "the blob is there already") : result.error());
    std::exchange(then_, nullptr)(std::move(result));
  }

  const remote_ptr where_;
  const digest blob_;
  const bool is_packed_;
  const blob_source_ptr source_;
  done<receipt> then_;  ///< null once it was called: the upload is over
  const std::string name_;
  attempts attempts_;
  const std::shared_ptr<const void> room_;  ///< for what is kept; null: nothing is
  strand strand_;
  std::shared_ptr<outbound_call> call_;  ///< null between a call that broke off and the next
  unsigned call_number_ = 0;
  bool is_named_ = false;
  bool is_pulling_ = false;
  bool is_writing_ = false;
  byte_chain held_;
  byte_chain recent_;  ///< what was sent last, which the server may not have
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
