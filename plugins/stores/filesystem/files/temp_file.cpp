#include "plugins/stores/filesystem/files/temp_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cerrno>

namespace kiln::filesystem {
namespace {

// Long uploads are written back as they come, so that the last sync does not wait for all of it.
constexpr std::uint64_t write_back_step = 8 << 20;

}  // namespace

temp_file& temp_file::operator=(temp_file&& other) noexcept {
  std::swap(deps_, other.deps_);
  std::swap(name_, other.name_);
  std::swap(file_, other.file_);
  std::swap(size_, other.size_);
  std::swap(started_, other.started_);
  std::swap(block_, other.block_);
  std::swap(in_block_, other.in_block_);
  std::swap(synced_, other.synced_);
  return *this;
}

temp_file::~temp_file() {
  if (!deps_) return;
  drop_block();
  auto remove = [with = deps_, name = name_] {
    // What cannot be removed now is swept by the next start.
    (void)with->on().remove(with->places->temp(), name.c_str());
  };
  if (!deps_->pool->post(remove)) remove();  // the store is ending, and nothing waits for this thread
}

disk_result<temp_file> temp_file::create(file_engine_ptr with, way how) {
  blob_places& folder = *with->places;
  temp_file made;
  made.name_ = folder.fresh_temp_name();
  if (how == way::direct) made.block_ = with->blocks->take();
  // Read-only and executable from the start: a mode that changed later would change under hard links.
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL;
  made.deps_ = with;
  auto file =
      folder.on().open(folder.temp(), made.name_.c_str(), made.block_ ? flags | O_DIRECT : flags, 0555);
  if (!file && made.block_ && file.error().number == EINVAL) {  // this file system knows no such writes
    made.drop_block();
    // Some have made the file before they say so.
    (void)folder.on().remove(folder.temp(), made.name_.c_str());
    file = folder.on().open(folder.temp(), made.name_.c_str(), flags, 0555);
  }
  if (!file) {
    made.drop_block();
    made.let_go();
    return tl::unexpected(file.error());
  }
  made.file_ = std::move(*file);
  if (folder.mode_needs_help()) {
    if (auto done = folder.on().set_mode(made.file_, 0555); !done) return tl::unexpected(done.error());
  }
  return made;
}

void temp_file::drop_block() noexcept {
  if (block_) deps_->blocks->give_back(std::move(block_));
}

disk_result<void> temp_file::allocate(std::uint64_t bytes) {
  auto done = deps_->on().allocate(file_, bytes);
  // Only a full disk matters: what makes no promise is written to all the same.
  if (!done && done.error().number == ENOSPC) return done;
  return {};
}

disk_result<void> temp_file::append(const byte_chain& pieces) {
  if (block_) return append_direct(pieces);
  boost::container::small_vector<iovec, 8> vectors;
  for (const auto& piece : pieces.pieces())
    vectors.push_back({const_cast<char*>(piece.data()), piece.size()});  // written from, never to
  if (auto done = write_all(deps_->on(), file_, {vectors.data(), vectors.size()}, size_); !done) return done;
  size_ += pieces.size();
  if (deps_->durable() && size_ - started_ >= write_back_step) {
    deps_->on().write_back(file_, started_, size_ - started_);
    started_ = size_;
  }
  return {};
}

disk_result<void> temp_file::append_direct(const byte_chain& pieces) {
  for (std::uint64_t done = 0; done < pieces.size();) {
    if (!block_) return append(pieces.slice(done));  // it was given up on the way
    const auto part = pieces.slice(done, aligned_block::size - in_block_);
    char* to = block_->data() + in_block_;
    for (const auto& piece : part.pieces()) to = std::copy_n(piece.data(), piece.size(), to);
    if (in_block_ + part.size() == aligned_block::size)
      if (auto written = write_block(aligned_block::size); !written) return written;
    in_block_ = (in_block_ + part.size()) % aligned_block::size;
    size_ += part.size();
    done += part.size();
  }
  return {};
}

// At its place in the file, which is behind all blocks before.
disk_result<void> temp_file::write_block(std::size_t size) {
  disk& on = deps_->on();
  const auto offset = size_ - in_block_;
  auto written = write_all(on, file_, {block_->data(), size}, offset);
  if (written || written.error().number != EINVAL) return written;
  // Other alignments are asked for there, or a write ended early, between two.
  auto again = on.open(deps_->places->temp(), name_.c_str(), O_WRONLY);
  if (!again) return tl::unexpected(again.error());
  file_ = std::move(*again);
  written = write_all(on, file_, {block_->data(), size}, offset);
  if (written) drop_block();
  return written;
}

disk_result<void> temp_file::end() {
  if (!block_ || in_block_ == 0) return {};
  // What fills up the last page is cut off again.
  const auto whole =
      (in_block_ + aligned_block::alignment - 1) / aligned_block::alignment * aligned_block::alignment;
  std::fill(block_->data() + in_block_, block_->data() + whole, '\0');
  if (auto written = write_block(whole); !written) return written;
  in_block_ = 0;
  drop_block();
  return deps_->on().resize(file_, size_);
}

disk_result<void> temp_file::sync() {
  auto done = deps_->on().sync_data(file_);
  if (done) synced_ = true;
  return done;
}

}  // namespace kiln::filesystem
