#include "plugins/stores/grpc/remote_download.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/strand.hpp"
#include "core/contract/checked_source.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "plugins/stores/grpc/presence.hpp"
#include "plugins/stores/grpc/zstd_intake.hpp"

namespace kiln::grpc_store {
namespace {

// Messages without bytes are allowed, as signs of life; a stream of nothing else is not.
constexpr unsigned empty_messages_in_a_row = 1000;

class download final : public blob_source, public std::enable_shared_from_this<download> {
public:
  download(remote_ptr where, const digest& blob, std::uint64_t offset, std::uint64_t length)
      : where_(std::move(where)),
        blob_(blob),
        offset_(offset),
        length_(length),
        attempts_(where_->new_attempts(where_->options().transfer_timeout)),
        // A limit says nothing about the middle of a frame.
        is_packed_(offset + length == static_cast<std::uint64_t>(blob.size) && where_->speaks_zstd()) {}
  ~download() override { hang_up(); }

  void read(next then) override {
    strand_.run([self = shared_from_this(), then = std::move(then)] { self->pull(then); });
  }
  void cancel(const error&) noexcept override { hang_up(); }

private:
  void pull(const next& then) {
    if (intake_ && intake_->has_more()) return unpack(then);
    auto call = current_call();
    if (!call) return then(fail(errc::cancelled, "the reading of blob {} was given up", blob_));
    call->read([self = shared_from_this(), call, then](expected<std::optional<byte_chain>> message) {
      self->strand_.run(
          [self, message = std::move(message), then]() mutable { self->take(std::move(message), then); });
    });
  }

  void take(expected<std::optional<byte_chain>> message, const next& then) {
    if (!message) return broke_off(message.error(), then);
    if (!*message) return ended(then);
    field_reader fields(**message);
    byte_chain data;
    while (fields.next())
      if (fields.is(10, wire_type::length)) data = fields.chain();
    if (fields.broken())
      return give_up(error(errc::internal, "a message of the stream cannot be read"), then);
    if (data.empty()) {
      if (++empty_ > empty_messages_in_a_row)
        return give_up(error(errc::internal, "the stream brings messages without bytes only"), then);
      return pull(then);
    }
    empty_ = 0;
    if (!intake_) return pass_on(std::move(data), then);
    intake_->put(std::move(data));
    unpack(then);
  }
  void unpack(const next& then) {
    auto posted = where_->hashing()->post([self = shared_from_this(), then] {
      auto piece = caught([&] { return self->intake_->take(); });
      self->strand_.run([self, piece = std::move(piece), then]() mutable {
        if (!piece) return self->give_up(error(errc::data_loss, piece.error().message()), then);
        if (piece->empty()) return self->pull(then);
        self->pass_on(std::move(*piece), then);
      });
    });
    if (!posted) give_up(posted.error(), then);
  }
  void pass_on(byte_chain data, const next& then) {
    if (data.size() > length_ - got_)
      return give_up(error(errc::data_loss, fmt::format("more bytes than asked for came of blob {}", blob_)),
                     then);
    got_ += data.size();
    then(std::move(data));
  }

  void ended(const next& then) {
    if (intake_)
      if (auto whole = intake_->end(); !whole)
        return give_up(error(errc::data_loss, fmt::format("blob {}: {}", blob_, whole.error().message())),
                       then);
    if (got_ == length_) return then(byte_chain());
    give_up(error(errc::data_loss, fmt::format("only {} of {} bytes came of blob {}", got_, length_, blob_)),
            then);
  }
  void broke_off(const error& fault, const next& then) {
    if (fault.code() == errc::unavailable && got_ == length_) return then(byte_chain());
    auto wait = attempts_.after(fault, where_->env());
    if (!wait || !forget_call()) return give_up(fault, then);
    where_->later(
        *wait, [self = shared_from_this(), then] { self->strand_.run([self, then] { self->pull(then); }); });
  }
  void give_up(const error& why, const next& then) {
    hang_up();
    then(where_->explain(why));
  }

  std::shared_ptr<outbound_call> start() {
    google::bytestream::ReadRequest request;
    request.set_resource_name(make_read_name({where_->options().instance, blob_,
                                              is_packed_ ? compressor::zstd : compressor::identity,
                                              std::string(), where_->options().name_functions}));
    request.set_read_offset(static_cast<std::int64_t>(offset_ + got_));
    // Without a limit where it would say nothing: not every server knows limits.
    if (offset_ + length_ < static_cast<std::uint64_t>(blob_.size))
      request.set_read_limit(static_cast<std::int64_t>(length_ - got_));
    if (is_packed_) intake_.emplace(length_ - got_);
    auto call = where_->start("/google.bytestream.ByteStream/Read", attempts_.time_left(*where_->env().time));
    call->write(serialise(request), [](bool) {});  // a failure shows in what `read` brings
    call->writes_done();
    return call;
  }

  // `cancel` may come from any thread while the strand works: only these know both.
  std::shared_ptr<outbound_call> current_call() {
    {
      std::lock_guard lock(mutex_);
      if (call_ || over_) return call_;
    }
    auto fresh = start();
    std::lock_guard lock(mutex_);
    if (!over_) call_ = fresh;
    return call_;
  }
  bool forget_call() {
    std::lock_guard lock(mutex_);
    call_ = nullptr;
    return !over_;
  }
  void hang_up() noexcept {
    std::shared_ptr<outbound_call> call;
    {
      std::lock_guard lock(mutex_);
      over_ = true;
      call = std::exchange(call_, nullptr);
    }
    if (call) call->cancel();
  }

  const remote_ptr where_;
  const digest blob_;
  const std::uint64_t offset_;
  const std::uint64_t length_;
  attempts attempts_;
  const bool is_packed_;
  strand strand_;
  std::optional<zstd_intake> intake_;  ///< of the call that runs
  std::uint64_t got_ = 0;
  unsigned empty_ = 0;
  std::mutex mutex_;
  std::shared_ptr<outbound_call> call_;
  bool over_ = false;
};

// Whether there is such a blob shows with its first bytes, so they are awaited.
void open(blob_source_ptr source, std::uint64_t length, done<blob_content> then) {
  source->read([source, length, then = std::move(then)](expected<byte_chain> first) {
    if (!first) return then(failure(first.error()));
    const bool whole = first->size() == length;
    then(blob_content{std::move(*first), whole ? nullptr : source});
    // Read to its end, or the server would see a reader that runs away.
    if (whole) source->read([source](const expected<byte_chain>&) {});
  });
}

}  // namespace

void read_there(remote_ptr where, const read_blob& order, done<blob_content> then) {
  const digest& blob = order.blob;
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (order.offset > size)
    return then(fail(errc::out_of_range, "offset {} lies behind the end of blob {}", order.offset, blob));
  if (is_empty_blob(blob)) return then(blob_content{});
  const std::uint64_t rest = size - order.offset;
  const std::uint64_t length = order.limit == 0 ? rest : std::min(order.limit, rest);
  if (length == 0)
    return find_missing_there(where, {blob}, [then = std::move(then), blob](expected<missing_blobs> absent) {
      if (!absent) return then(failure(absent.error()));
      if (!absent->blobs.empty()) return then(fail(errc::not_found, "no blob {}", blob));
      then(blob_content{});
    });
  blob_source_ptr source = std::make_shared<download>(where, blob, order.offset, length);
  if (length == size) source = checked(std::move(source), blob, where->hashing(), errc::data_loss);
  open(std::move(source), length, std::move(then));
}

}  // namespace kiln::grpc_store
