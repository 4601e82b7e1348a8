#include "plugins/stores/filesystem/shared/publisher.hpp"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace kiln::filesystem {
namespace {

// Syncing the whole file system costs about as much as syncing so many files one by one.
constexpr std::size_t synced_one_by_one = 4;

template <class Step>
auto step_or_errno(Step step) noexcept -> decltype(step()) {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    return decltype(step()){tl::unexpected(disk_error{ENOMEM})};
  } catch (...) {
    return decltype(step()){tl::unexpected(disk_error{EIO})};
  }
}

named not_done(const disk_error& why) {
  return {tl::unexpected(why)};
}

}  // namespace

disk_result<publisher> publisher::open(shared_engine_ptr with) {
  auto usage =
      usage_file::open(with->on(), with->folder->locks(), with->folder->mode(), with->folder->slot());
  if (!usage) return tl::unexpected(usage.error());
  return publisher(std::move(with), std::move(*usage));
}

// One group at work; all its memory is there before anything is done.
struct publisher::group {
  publisher& of;
  const shared_engine& with;
  std::vector<name_order>& orders;
  std::vector<named> results;
  std::vector<std::size_t> unsynced;
  std::vector<std::size_t> published;

  group(publisher& p, std::vector<name_order>& all)
      : of(p), with(*p.with_), orders(all), results(all.size()) {
    unsynced.reserve(all.size());
    published.reserve(all.size());
  }

  void sync_bytes() noexcept {
    bool each = true;
    for (std::size_t i = 0; i < orders.size(); ++i) {
      if (!orders[i].file || orders[i].file->synced()) continue;
      unsynced.push_back(i);
      each = each && orders[i].file->file();
    }
    if (unsynced.empty()) return;
    if (each && unsynced.size() <= synced_one_by_one) {
      for (std::size_t i : unsynced) results[i].done = step_or_errno([&] { return orders[i].file->sync(); });
    } else {
      auto all = step_or_errno([&] { return with.on().sync_all(with.folder->root()); });
      for (std::size_t i : unsynced) results[i].done = all;
    }
  }

  void name_all() noexcept {
    for (std::size_t i = 0; i < orders.size(); ++i) {
      if (!results[i].done) continue;
      const name_order& what = orders[i];
      results[i] = step_or_errno(
          [&] { return what.file ? of.publish_over_damage(what) : of.remove(what.blob, what.only); });
      if (results[i].done && what.file) published.push_back(i);
    }
  }

  std::pair<digest_function, std::uint8_t> folder_of(std::size_t which) const {
    return {orders[which].blob.function, orders[which].blob.hash[0]};
  }

  void sync_names() noexcept {
    std::sort(published.begin(), published.end(),
              [this](std::size_t a, std::size_t b) { return folder_of(a) < folder_of(b); });
    std::size_t folders = 0;
    for (std::size_t i = 0; i < published.size(); ++i)
      folders += i == 0 || folder_of(published[i]) != folder_of(published[i - 1]);
    const bool all = folders > synced_one_by_one;
    disk_result<void> done;
    if (all) done = step_or_errno([&] { return with.on().sync_all(with.folder->root()); });
    for (std::size_t i = 0; i < published.size(); ++i) {
      const std::size_t which = published[i];
      if (!all && (i == 0 || folder_of(which) != folder_of(published[i - 1])))
        done = step_or_errno([&] { return sync_folder(orders[which].blob); });
      results[which].done = done;
      // Nobody was told of it by us, so it must not be found either; what was there before may have been
      // told.
      if (!done && !results[which].was_there)
        (void)step_or_errno([&] { return of.remove(orders[which].blob, {}); });
    }
  }

  disk_result<void> sync_folder(const digest& blob) {
    auto folder =
        with.on().open(with.tree_of(blob), folder_name(blob.hash[0]).data(), O_RDONLY | O_DIRECTORY);
    if (!folder) return tl::unexpected(folder.error());
    return with.on().sync(*folder);
  }
};

std::vector<name_outcome> publisher::work(std::vector<name_order> orders) noexcept {
  std::vector<name_outcome> outcomes;
  try {
    outcomes.reserve(orders.size());
    group now(*this, orders);
    if (with_->durable()) now.sync_bytes();
    now.name_all();
    if (with_->durable()) now.sync_names();
    for (std::size_t i = 0; i < orders.size(); ++i)
      outcomes.push_back({std::move(orders[i].then), now.results[i]});
  } catch (...) {  // nothing has been done
    for (auto& one : orders)
      if (outcomes.size() < outcomes.capacity())
        outcomes.push_back({std::move(one.then), not_done({ENOMEM})});
  }
  return outcomes;
}

named publisher::publish_over_damage(const name_order& what) {
  named first = publish(what, {});
  if (!first.done || !first.was_there || !with_->verifies()) return first;
  // Another writer was faster, or somebody else put a file there.
  auto there = open_blob(*with_, blob_tree::content, what.blob);
  if (!there || try_to_prove(*with_, *there, what.blob) != proof::wrong) return first;
  // Its room is given back already, and a file of the same size takes the place of another.
  name_order again = what;
  again.taken = {};
  named second = publish(again, there->stamp);
  second.gave_back = true;
  return second;
}

disk_result<void> publisher::give_name(const name_order& what, unsigned flags) {
  blob_name name(what.blob);
  const descriptor& to = with_->tree_of(what.blob);
  auto rename = [&] {
    return with_->on().rename(with_->folder->temp(), what.file->name().c_str(), to, name.path(), flags);
  };
  auto done = rename();
  if (done || done.error().number != ENOENT) return done;
  if (auto made = with_->folder->make_place(blob_tree::content, what.blob, with_->durable()); !made)
    return made;
  return rename();
}

named publisher::publish(const name_order& what, std::optional<file_stamp> instead_of) {
  const bool replaces = with_->what == store_role::results;
  auto change = usage_.begin(what.blob.hash[0], with_->recount());
  if (!change) return not_done(change.error());
  // Before it has its name: whoever sees it sees it used.
  with_->uses->note(what.blob);
  const std::uint64_t weight = shared_weight(what.file->size());
  blob_name name(what.blob);
  auto there = with_->on().facts(with_->tree_of(what.blob), name.path());
  part_usage left;
  if (there) {
    const bool is_file = there->kind == file_kind::file;
    const bool may_stay = is_file && !replaces && there->size == what.file->size() &&
                          !(instead_of && stamp_of(*there) == *instead_of);
    if (may_stay) {
      if (auto done = change->settle({}, {}, what.taken); !done) return not_done(done.error());
      return {{}, true, 0, true};
    }
    if (is_file) left = {shared_weight(there->size), 1};
    // No file takes a folder's place.
    if (there->kind == file_kind::folder)
      (void)with_->on().rename(with_->tree_of(what.blob), name.path(), with_->folder->temp(),
                               with_->folder->fresh_temp_name().c_str(), RENAME_NOREPLACE);
  }
  auto done = give_name(what, there ? 0 : RENAME_NOREPLACE);
  if (!done) {
    (void)change->settle({}, {}, {});
    return not_done(done.error());
  }
  what.file->let_go();
  if (auto counted = change->settle({weight, 1}, left, what.taken); !counted)
    return not_done(counted.error());
  return {{}, false, 0, true};
}

// Out of sight first: to free the blocks of a large file takes time, and nobody has to wait for that.
named publisher::remove(const digest& blob, const std::optional<file_stamp>& only) {
  const std::string aside = with_->folder->fresh_temp_name();
  named result = put_aside(blob, only, aside.c_str());
  if (result.done && result.weight > 0) (void)with_->on().remove(with_->folder->temp(), aside.c_str());
  return result;
}

named publisher::put_aside(const digest& blob, const std::optional<file_stamp>& only, const char* aside) {
  auto change = usage_.begin(blob.hash[0], with_->recount());
  if (!change) return not_done(change.error());
  blob_name name(blob);
  const descriptor& from = with_->tree_of(blob);
  auto there = with_->on().facts(from, name.path());
  const bool is_file = there && there->kind == file_kind::file;
  const bool may_be_it =
      is_file && (with_->what == store_role::results || there->size == static_cast<std::uint64_t>(blob.size));
  const bool is_meant = is_file && (!only || stamp_of(*there) == *only || !may_be_it);
  named result;
  if (is_meant) {
    result.done = with_->on().rename(from, name.path(), with_->folder->temp(), aside);
    if (result.done) result.weight = shared_weight(there->size);
    result.was_there = result.done && may_be_it;
  } else if (!there && there.error().number != ENOENT) {
    result.done = tl::unexpected(there.error());
  }
  const part_usage left = result.weight > 0 ? part_usage{result.weight, 1} : part_usage{};
  auto counted = change->settle({}, left, {});
  if (result.done && !counted) result.done = counted;
  return result;
}

}  // namespace kiln::filesystem
