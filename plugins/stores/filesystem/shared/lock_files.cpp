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

disk_result<bool> or_busy(const disk_result<void>& locked) {
  if (locked) return true;
  if (locked.error().number == EAGAIN || locked.error().number == EACCES) return false;
  return tl::unexpected(locked.error());
}

std::string held_name(unsigned slot) {
  return fmt::format("held-{:02x}", slot);
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

disk_result<std::unique_ptr<lock_files>> lock_files::open(disk& on, const descriptor& folder, lock_mode mode,
                                                          unsigned slot) {
  std::unique_ptr<lock_files> made(new lock_files(on, folder, mode, slot));
  auto take = [&](descriptor& into, const char* name) -> disk_result<void> {
    auto file = open_lock(on, folder, name);
    if (!file) return tl::unexpected(file.error());
    into = std::move(*file);
    return {};
  };
  auto done = take(made->lease_, "store.gc");
  if (mode == lock_mode::coarse) {
    if (done) done = take(made->gate_, "coarse");
    if (done) done = take(made->mine_, held_name(slot).c_str());
  } else {
    for (unsigned i = 0; i < made->each_.size() && done; ++i)
      done = take(made->each_[i], folder_name(i).data());
  }
  if (!done) return tl::unexpected(done.error());
  return made;
}

// Coarsely, nobody waits for who brings a blob: a client that has stopped sending would hold up all others.
disk_result<bool> lock_files::try_lock(const lock_name& which, lock_kind kind) {
  if (mode_ == lock_mode::fine)
    return or_busy(which.rank == lock_rank::eviction
                       ? on_.lock_range(lease_, lease, kind)
                       : on_.lock_range(each_[which.file], {which.offset, 1}, kind));
  if (which.rank == lock_rank::eviction) return or_busy(on_.lock_whole(lease_, kind));
  if (which.rank == lock_rank::construction) return true;
  return kind == lock_kind::shared ? hold_all() : keep_all_out();
}

void lock_files::unlock(const lock_name& which, lock_kind kind) noexcept {
  const bool is_lease = which.rank == lock_rank::eviction;
  if (mode_ == lock_mode::fine)
    (void)(is_lease ? on_.unlock_range(lease_, lease)
                    : on_.unlock_range(each_[which.file], {which.offset, 1}));
  else if (is_lease)
    (void)on_.unlock_whole(lease_);
  else if (which.rank == lock_rank::presence && kind == lock_kind::shared && --holds_ == 0)
    (void)on_.unlock_whole(mine_);
  else if (which.rank == lock_rank::presence && kind == lock_kind::exclusive && --keeps_out_ == 0)
    (void)on_.unlock_whole(gate_);
}

disk_result<bool> lock_files::hold_all() {
  if (holds_ > 0) return ++holds_, true;
  // Where this process evicts, the gate is its own already.
  if (keeps_out_ == 0)
    if (auto passed = or_busy(on_.lock_whole(gate_, lock_kind::shared)); !passed || !*passed) return passed;
  auto held = or_busy(on_.lock_whole(mine_, lock_kind::exclusive));
  if (keeps_out_ == 0) (void)on_.unlock_whole(gate_);
  if (held && *held) ++holds_;
  return held;
}

disk_result<bool> lock_files::keep_all_out() {
  if (keeps_out_ > 0) return ++keeps_out_, true;
  if (auto passed = or_busy(on_.lock_whole(gate_, lock_kind::exclusive)); !passed || !*passed) return passed;
  auto others = others_hold();
  if (others && !*others) return ++keeps_out_, true;
  (void)on_.unlock_whole(gate_);
  if (!others) return others;
  return false;
}

disk_result<bool> lock_files::others_hold() const {
  for (unsigned number = 0; number < most_sharers; ++number) {
    if (number == slot_) continue;
    auto file = on_.open(folder_, held_name(number).c_str(), O_RDWR);
    if (!file && file.error().number == ENOENT) continue;
    if (!file) return tl::unexpected(file.error());
    auto free = or_busy(on_.lock_whole(*file, lock_kind::exclusive));
    if (!free || !*free) return free ? disk_result<bool>(true) : free;
  }
  return false;
}

}  // namespace kiln::filesystem
