#include "plugins/stores/filesystem/shared/lock_files.hpp"

#include <fcntl.h>

#include <cerrno>

#include "core/base/descriptors.hpp"
#include "plugins/stores/filesystem/files/blob_places.hpp"

namespace kiln::filesystem {
namespace {

constexpr unsigned lock_file_mode = 0644;
// A byte of the lease's file that nobody else uses.
constexpr byte_range tried{1, 1};
constexpr byte_range lease{0, 1};

disk_result<descriptor> open_lock(disk& on, const descriptor& folder, const char* name) {
  return on.open(folder, name, O_RDWR | O_CREAT, lock_file_mode);
}

}  // namespace

std::string_view name_of(lock_mode which) noexcept {
  return which == lock_mode::fine ? "fine" : "coarse";
}

expected<void> fine_locks_work(disk& on, const descriptor& folder) {
  if (descriptors_for_files() < 2 * lock_descriptors)
    return fail(errc::resource_exhausted,
                "the process may have {} descriptors for files, and its locks take {}",
                descriptors_for_files(), lock_descriptors);
  auto file = open_lock(on, folder, "store.gc");
  if (!file) return fail(file.error().in_words("opening a lock file"));
  auto locked = on.lock_range(*file, tried, lock_kind::shared);
  if (!locked) return fail(locked.error().in_words("locking a byte of a file"));
  return {};
}

disk_result<std::unique_ptr<lock_files>> lock_files::open(disk& on, const descriptor& folder,
                                                          lock_mode mode) {
  std::unique_ptr<lock_files> made(new lock_files(on, mode));
  auto take = [&](descriptor& into, const char* name) -> disk_result<void> {
    auto file = open_lock(on, folder, name);
    if (!file) return tl::unexpected(file.error());
    into = std::move(*file);
    return {};
  };
  auto done = take(made->lease_, "store.gc");
  if (done && mode == lock_mode::coarse) done = take(made->all_, "coarse");
  if (mode == lock_mode::fine)
    for (unsigned i = 0; i < made->each_.size() && done; ++i)
      done = take(made->each_[i], folder_name(i).data());
  if (!done) return tl::unexpected(done.error());
  return made;
}

lock_name lock_files::stand_in(const lock_name& which) const noexcept {
  if (mode_ == lock_mode::fine || which.rank == lock_rank::eviction) return which;
  return {which.rank, 0, 0};
}

// Coarsely, nobody waits for who brings a blob: a client that has stopped sending would hold up all others.
disk_result<bool> lock_files::try_lock(const lock_name& which, lock_kind kind) {
  disk_result<void> done;
  const bool is_lease = which.rank == lock_rank::eviction;
  if (mode_ == lock_mode::fine)
    done = is_lease ? on_.lock_range(lease_, lease, kind)
                    : on_.lock_range(each_[which.file], {which.offset, 1}, kind);
  else if (is_lease || which.rank == lock_rank::presence)
    done = on_.lock_whole(is_lease ? lease_ : all_, kind);
  if (done) return true;
  if (done.error().number == EAGAIN || done.error().number == EACCES) return false;
  return tl::unexpected(done.error());
}

void lock_files::unlock(const lock_name& which) noexcept {
  const bool is_lease = which.rank == lock_rank::eviction;
  if (mode_ == lock_mode::fine)
    (void)(is_lease ? on_.unlock_range(lease_, lease)
                    : on_.unlock_range(each_[which.file], {which.offset, 1}));
  else if (is_lease || which.rank == lock_rank::presence)
    (void)on_.unlock_whole(is_lease ? lease_ : all_);
}

}  // namespace kiln::filesystem
