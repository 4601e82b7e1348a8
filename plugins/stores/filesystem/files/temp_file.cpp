#include "plugins/stores/filesystem/files/temp_file.hpp"

#include <fcntl.h>

#include <boost/container/small_vector.hpp>

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
  std::swap(synced_, other.synced_);
  return *this;
}

temp_file::~temp_file() {
  if (!deps_) return;
  auto remove = [with = deps_, name = name_] {
    // What cannot be removed now is swept by the next start.
    (void)with->on().remove(with->places->temp(), name.c_str());
  };
  if (!deps_->pool->post(remove)) remove();  // the store is ending, and nothing waits for this thread
}

disk_result<temp_file> temp_file::create(file_engine_ptr with) {
  blob_places& folder = *with->places;
  temp_file made;
  made.name_ = folder.fresh_temp_name();
  // Read-only and executable from the start: a mode that changed later would change under hard links.
  auto file = folder.on().open(folder.temp(), made.name_.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0555);
  if (!file) return tl::unexpected(file.error());
  made.file_ = std::move(*file);
  made.deps_ = std::move(with);
  if (folder.mode_needs_help()) {
    if (auto done = folder.on().set_mode(made.file_, 0555); !done) return tl::unexpected(done.error());
  }
  return made;
}

disk_result<void> temp_file::append(const byte_chain& pieces) {
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

disk_result<void> temp_file::sync() {
  auto done = deps_->on().sync_data(file_);
  if (done) synced_ = true;
  return done;
}

}  // namespace kiln::filesystem
