#include "plugins/stores/filesystem/files/file_range_source.hpp"

#include <algorithm>

namespace kiln::filesystem {

expected<bytes> read_segment(disk& on, const descriptor& file, const digest& blob, std::uint64_t offset,
                             std::uint64_t size) {
  buffer into(size);
  auto count = read_all(on, file, {into.data(), size}, offset);
  if (!count)
    return fail(errc::unavailable, "blob {} cannot be read from the disk: {}", blob,
                count.error().in_words("reading").message());
  if (*count < size)
    return fail(errc::not_found, "the file of blob {} ends after {} bytes", blob, offset + *count);
  return into.freeze(size);
}

file_source::file_source(file_engine_ptr with, segment what, judge tell)
    : deps_(std::move(with)), what_(std::move(what)), tell_(std::move(tell)) {}

file_source::~file_source() {
  tell({});
}

void file_source::tell(read_verdict found) {
  found.stamp = what_.stamp;
  if (tell_) std::exchange(tell_, nullptr)(std::move(found));
}

void file_source::start() {
  {
    std::lock_guard lock(mutex_);
    if (fetching_ || over_ || ready_) return;
    fetching_ = true;
  }
  auto posted = deps_->pool->post([self = shared_from_this()] { self->fetch(); });
  if (posted) return;
  next then;
  {
    std::lock_guard lock(mutex_);
    fetching_ = false;
    then = std::move(waiting_);
    waiting_ = nullptr;
    if (then)
      over_ = true;
    else
      ready_ = failure(posted.error());
  }
  if (then) then(failure(posted.error()));
}

void file_source::read(next then) {
  std::optional<expected<byte_chain>> now;
  {
    std::lock_guard lock(mutex_);
    if (over_) {
      now = byte_chain();
    } else if (ready_) {
      now = std::move(ready_);
      ready_.reset();
      over_ = !*now || (*now)->empty();
    } else {
      waiting_ = std::move(then);
    }
  }
  bool more = !now || (*now && !(*now)->empty());
  if (more) start();
  if (now) then(std::move(*now));
}

void file_source::cancel(const error&) noexcept {
  next dropped;  // what it holds is dropped outside the lock
  std::optional<expected<byte_chain>> unread;
  std::lock_guard lock(mutex_);
  over_ = true;
  dropped.swap(waiting_);
  unread.swap(ready_);
}

void file_source::fetch() {
  auto piece = caught([this] { return next_piece(); });
  next then;
  {
    std::lock_guard lock(mutex_);
    fetching_ = false;
    if (over_) return;
    if (!waiting_) {
      ready_ = std::move(piece);
      return;
    }
    then = std::move(waiting_);
    waiting_ = nullptr;
    over_ = !piece || piece->empty();
  }
  bool more = piece && !piece->empty();
  if (more) start();
  then(std::move(piece));
}

expected<byte_chain> file_source::next_piece() {
  std::uint64_t size = std::min(piece_size, what_.end - what_.offset);
  if (size == 0) return byte_chain();
  auto piece = read_segment(deps_->on(), *what_.file, what_.blob, what_.offset, size);
  if (!piece) {
    tell({blob_state::broken, 0, piece.error()});
    // Part of it went out already, so this is not the blob's absence: it is its end.
    return fail(errc::data_loss, "{}; it ends here", piece.error().message());
  }
  what_.offset += size;
  if (auto right = check(*piece); !right) return fail(std::move(right).error());
  return byte_chain(std::move(*piece));
}

expected<void> file_source::check(const bytes& piece) {
  if (!what_.proof) return {};
  what_.proof->update(piece.view());
  if (what_.offset < static_cast<std::uint64_t>(what_.blob.size)) return {};
  bool right = what_.proof->finish() == what_.blob;
  what_.proof.reset();
  if (right) {
    tell({blob_state::proved, 0, {}});
    return {};
  }
  error why(errc::data_loss, fmt::format("blob {} was damaged on the disk and is dropped", what_.blob));
  tell({blob_state::broken, 0, {errc::not_found, why.message()}});
  return fail(std::move(why));
}

}  // namespace kiln::filesystem
