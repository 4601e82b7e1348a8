#include "plugins/stores/filesystem/files/name_lane.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <new>

namespace kiln::filesystem {
namespace {

// Syncing the whole file system costs about as much as syncing so many files one by one.
constexpr std::size_t few = 4;
// Closing the last descriptor of a removed file frees its blocks, which takes time for a large one.
constexpr std::int64_t large = 16 << 20;

/// What `step` throws is its failure, so that nobody waits for an answer in vain.
template <class Step>
disk_result<void> attempt(Step step) noexcept {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    return tl::unexpected(disk_error{ENOMEM});
  } catch (...) {
    return tl::unexpected(disk_error{EIO});
  }
}

}  // namespace

// One group at work: results beside the orders, and what has to be synced. All its memory is there before
// anything is done.
struct name_lane::group {
  const engine& with;
  std::vector<order> orders;
  std::vector<disk_result<void>> results;
  std::vector<std::size_t> unsynced;
  std::vector<std::size_t> published;
  std::vector<bool> found_there;  // beside the orders: an older file has the name, and keeps it
  std::vector<outcome> outcomes;

  group(const engine& engine, std::vector<order>& taken)
      : with(engine), results(taken.size()), found_there(taken.size()) {
    unsynced.reserve(taken.size());
    published.reserve(taken.size());
    outcomes.reserve(taken.size());
    orders.swap(taken);
  }

  void work() noexcept {
    if (with.durable()) sync_bytes();
    apply();
    if (with.durable()) sync_names();
    for (std::size_t i = 0; i < orders.size(); ++i)
      if (orders[i].then) outcomes.push_back({std::move(orders[i].then), results[i]});
  }

  static bool is_kept(const order& what) noexcept { return what.file && what.tree == blob_tree::content; }

  void sync_bytes() noexcept {
    bool each = true;
    for (std::size_t i = 0; i < orders.size(); ++i) {
      if (!is_kept(orders[i]) || orders[i].file->synced()) continue;
      unsynced.push_back(i);
      each = each && orders[i].file->file();
    }
    if (unsynced.empty()) return;
    if (each && unsynced.size() <= few) {
      for (std::size_t i : unsynced) results[i] = attempt([&] { return orders[i].file->sync(); });
    } else {
      auto all = attempt([&] { return with.on().sync_all(with.folder->root()); });
      for (std::size_t i : unsynced) results[i] = all;
    }
  }

  void apply() noexcept {
    for (std::size_t i = 0; i < orders.size(); ++i) {
      if (!results[i] || !orders[i].blob) continue;
      results[i] = attempt([&] { return orders[i].file ? publish(i) : remove(orders[i]); });
      if (results[i] && is_kept(orders[i])) published.push_back(i);
    }
  }

  disk_result<void> publish(std::size_t which) {
    order& what = orders[which];
    disk& on = with.on();
    blob_name name(*what.blob);
    const descriptor& to = with.folder->tree(what.tree, what.blob->function);
    const char* from = what.file->name().c_str();
    auto done = on.rename(with.folder->temp(), from, to, name.path(), RENAME_NOREPLACE);
    if (!done && done.error().number == ENOENT) {
      done = with.folder->make_place(what.tree, *what.blob, is_kept(what) && with.durable());
      if (done) done = on.rename(with.folder->temp(), from, to, name.path(), RENAME_NOREPLACE);
    }
    if (!done && done.error().number == EEXIST) {
      // Hard links to the file that is there stay good, so it is kept if it can be the blob.
      auto there = on.facts(to, name.path());
      if (there && there->kind == file_kind::file && there->size == what.file->size() && !what.replaces) {
        found_there[which] = true;
        return {};
      }
      // No file takes a folder's place.
      if (there && there->kind == file_kind::folder) (void)set_aside(to, name.path());
      done = on.rename(with.folder->temp(), from, to, name.path());
    }
    if (done) what.file->let_go();
    return done;
  }

  disk_result<void> set_aside(const descriptor& from, const char* path) {
    const std::string name = "trash/" + with.folder->fresh_temp_name() + ".aside";
    return with.on().rename(from, path, with.folder->root(), name.c_str(), RENAME_NOREPLACE);
  }

  disk_result<void> remove(const order& what) {
    disk& on = with.on();
    const digest& blob = *what.blob;
    blob_name name(blob);
    const descriptor& from = with.folder->tree(what.tree, blob.function);
    std::shared_ptr<descriptor> keeper;
    if (blob.size >= large)
      if (auto opened = on.open(from, name.path(), O_RDONLY))
        keeper = std::make_shared<descriptor>(std::move(*opened));
    auto done = on.remove(from, name.path());
    if (keeper) (void)with.pool->post([keeper] {});
    if (!done && done.error().number == ENOENT) return {};
    return done;
  }

  void sync_names() noexcept {
    auto folder_of = [this](std::size_t i) {
      return std::pair(orders[i].blob->function, orders[i].blob->hash[0]);
    };
    std::sort(published.begin(), published.end(),
              [&](std::size_t a, std::size_t b) { return folder_of(a) < folder_of(b); });
    std::size_t folders = 0;
    for (std::size_t i = 0; i < published.size(); ++i)
      folders += i == 0 || folder_of(published[i]) != folder_of(published[i - 1]);
    bool all = folders > few;
    disk_result<void> done;
    if (all) done = attempt([&] { return with.on().sync_all(with.folder->root()); });
    for (std::size_t i = 0; i < published.size(); ++i) {
      std::size_t which = published[i];
      if (!all && (i == 0 || folder_of(which) != folder_of(published[i - 1])))
        done = attempt([&] { return sync_folder(*orders[which].blob); });
      results[which] = done;
      // Nobody was told of it, so it must not be found either; but what was there before may have been told.
      if (!done && !found_there[which]) (void)attempt([&] { return remove(orders[which]); });
    }
  }

  disk_result<void> sync_folder(const digest& blob) {
    auto folder = with.on().open(with.folder->tree(blob_tree::content, blob.function),
                                 folder_name(blob.hash[0]).data(), O_RDONLY | O_DIRECTORY);
    if (!folder) return tl::unexpected(folder.error());
    return with.on().sync(*folder);
  }
};

expected<void> name_lane::submit(std::vector<order> orders) {
  std::size_t count = orders.size();
  {
    std::lock_guard lock(mutex_);
    std::move(orders.begin(), orders.end(), std::back_inserter(waiting_));
    if (std::exchange(working_, true)) return {};
  }
  auto posted = caught([this] { return deps_->pool->post([self = shared_from_this()] { self->work(); }); });
  if (posted) return {};
  orders.clear();
  std::lock_guard lock(mutex_);
  working_ = false;
  // What they hold is dropped outside the lock.
  std::move(waiting_.end() - static_cast<std::ptrdiff_t>(count), waiting_.end(), std::back_inserter(orders));
  waiting_.resize(waiting_.size() - count);
  return posted;
}

void name_lane::work() {
  for (;;) {
    std::vector<order> taken;
    {
      std::lock_guard lock(mutex_);
      taken.swap(waiting_);
      if (taken.empty()) {
        working_ = false;
        return;
      }
    }
    try {
      work_on(std::move(taken));
    } catch (...) {  // the next group is served all the same
    }
  }
}

void name_lane::work_on(std::vector<order> taken) {
  std::vector<outcome> outcomes;
  try {
    group now(*deps_, taken);
    now.work();
    outcomes = std::move(now.outcomes);
  } catch (...) {  // nothing has been done
    for (auto& one : taken)
      if (one.then) outcomes.push_back({std::move(one.then), tl::unexpected(disk_error{ENOMEM})});
  }
  if (!outcomes.empty()) tell_(std::move(outcomes));
}

}  // namespace kiln::filesystem
