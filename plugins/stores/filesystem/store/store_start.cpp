#include <algorithm>

#include "core/observe/log.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

constexpr unsigned folders_of_function = 256;
// Of the actor's time, some milliseconds: others are served between two of them.
constexpr std::size_t entered_at_once = 2048;
// A pack that cannot be opened for a reason that may pass is tried again once the others are known.
constexpr int load_tries = 3;

}  // namespace

// First it is found out which packs there are and what is in each, on all threads of the thread pool: from
// then on any question can be answered by looking into them. Then the index is filled, the newest pack first,
// some records at a time.
void store::load_packs() {
  while (loads_running_ < deps_->options.io_threads && !packs_to_load_.empty()) {
    auto next = packs_to_load_.front();
    packs_to_load_.pop_front();
    ++loads_running_;
    surely_on_pool([with = deps_, number = next.number] { return load_pack(*with, number); },
                   [this, next](expected<loaded_pack> pack) {
                     --loads_running_;
                     pack_loaded(next, std::move(pack));
                     load_packs();
                   });
  }
  if (loads_running_ == 0 && packs_to_load_.empty() && !listed_) packs_listed();
}

void store::pack_loaded(pack_to_load which, expected<loaded_pack> pack) {
  if (!pack && pack.error().code() == errc::failed_precondition) {
    if (deps_->env.log)
      deps_->env.log->warn(
          "what has the name of a pack is left alone",
          {{"store", deps_->name}, {"pack", pack_name(which.number)}, {"error", pack.error()}});
    return;
  }
  if (!pack && ++which.tries < load_tries) return packs_to_load_.push_back(which);
  if (!pack) return keep_unreadable(which.number, pack.error());
  if (pack->unreadable) index_.note_unreadable(which.number);
  if (pack->unsynced) ++unproven_;
  if (pack->hurt()) {
    stats_.damaged_packs.add();
    if (deps_->env.log)
      deps_->env.log->warn("a pack is damaged: what is whole in it is served, and it is kept",
                           {{"store", deps_->name},
                            {"pack", pack_name(which.number)},
                            {"records", pack->records->size()},
                            {"damaged_places", pack->holes},
                            {"unreadable", pack->unreadable}});
  }
  if (pack->bare)
    remove_packs({which.number});
  else
    loaded_.push_back(std::move(*pack));
}

void store::packs_listed() {
  listed_ = true;
  std::sort(loaded_.begin(), loaded_.end(), [](const loaded_pack& one, const loaded_pack& other) {
    return one.file->number > other.file->number;
  });
  for (const auto& one : loaded_) {
    held_pack& held = index_.insert_old_pack(one.file, one.size, index_.hours_before(one.hours_unused));
    if (one.marks) index_.set_order(held, *one.marks);
  }
  tables_ = std::make_shared<const std::vector<loaded_pack>>(std::exchange(loaded_, {}));
  for (auto& one : std::exchange(when_listed_, {})) outlive(one);
  enter_records(0, 0);
}

std::function<expected<std::vector<record>>()> store::read_records(const loaded_pack& pack,
                                                                   std::size_t from) const {
  return [with = deps_, records = pack.records, from]() -> expected<std::vector<record>> {
    auto read = records->read(with->on(), from, entered_at_once);
    if (!read) return fail(read.error().in_words("reading its index"));
    return std::move(*read);
  };
}

void store::enter_records(std::size_t table, std::size_t from) {
  while (table < tables_->size() && from >= (*tables_)[table].records->size()) {
    ++table;
    from = 0;
  }
  if (table == tables_->size()) return packs_known();
  surely_on_pool(read_records((*tables_)[table], from),
                 [this, table, from](const expected<std::vector<record>>& got) {
                   const loaded_pack& pack = (*tables_)[table];
                   if (!got) {
                     keep_unreadable(pack.file->number, got.error());
                     return enter_records(table + 1, 0);
                   }
                   enter(pack, *got);
                   enter_records(table, from + entered_at_once);
                 });
}

void store::enter(const loaded_pack& pack, std::span<const record> records) {
  held_pack* held = index_.find_pack(pack.file->number);
  if (!held || held->leaving) return;
  // What its marks tell already is no change.
  const bool changed = held->changed || !pack.marks;
  evicted_blobs gone;
  for (const auto& one : records) {
    auto used = pack.marks ? pack.marks->find(one.offset) : std::nullopt;
    index_.insert_old_packed(*held, one, used.value_or(held->filled), gone);
  }
  held->changed = changed;
  // Of what is erased while packs are loaded nobody has heard yet.
  if (!loading_) dismiss(std::move(gone));
}

void store::packs_known() {
  loading_ = false;
  tables_ = std::make_shared<const std::vector<loaded_pack>>();
  reload_later();
  trim();  // the capacity may have been larger before
  auto waiting = std::exchange(when_loaded_, {});
  if (deps_->what == store_role::content)
    scan(0);
  else
    all_known();
  for (auto& one : waiting) outlive(one);
}

// One folder after the other: the thread pool lists, the actor enters. Until the last one a miss asks the
// disk.
void store::scan(unsigned folder) {
  auto functions = digest_functions();
  if (folder == functions.size() * folders_of_function) {
    trim();
    return all_known();
  }
  using listed = std::shared_ptr<const folder_listing>;
  auto list = [with = deps_, function = functions[folder / folders_of_function].function,
               number = folder % folders_of_function]() -> expected<listed> {
    auto found = list_blobs(*with, function, number);
    if (!found) return fail(std::move(found).error());
    return std::make_shared<const folder_listing>(std::move(*found));
  };
  surely_on_pool(std::move(list), [this, folder](const expected<listed>& listing) {
    if (!listing) return not_listed(folder, listing.error());
    stats_.broken.add((*listing)->damaged);
    unproven_ += (*listing)->unproven;
    if ((*listing)->foreign > 0 && deps_->env.log && !std::exchange(warned_of_foreign_, true))
      deps_->env.log->warn("files that are no blobs are left alone",
                           {{"store", deps_->name}, {"path", deps_->folder->path()}});
    enter_files(folder, *listing, 0);
  });
}

void store::not_listed(unsigned folder, const error& why) {
  ++unproven_;
  if (deps_->env.log)
    deps_->env.log->warn("a folder of blobs could not be listed; they are found by the next start",
                         {{"store", deps_->name}, {"folder", folder_name(folder).data()}, {"error", why}});
  scan(folder + 1);
}

void store::enter_files(unsigned folder, const std::shared_ptr<const folder_listing>& listing,
                        std::size_t from) {
  const auto end = std::min(listing->blobs.size(), from + entered_at_once);
  for (; from < end; ++from) take_found(listing->blobs[from]);
  if (end == listing->blobs.size()) return scan(folder + 1);
  later([this, folder, listing, end] { enter_files(folder, listing, end); });
}

void store::all_known() {
  scanning_ = false;
  file_marks_ = {};
  stop_looking();
  if (deps_->env.log)
    deps_->env.log->info("a store knows all its blobs",
                         {{"store", deps_->name}, {"blobs", index_.size()}, {"bytes", index_.weight()}});
  settle();
  sweep();
}

// Whatever was doubted has been looked at. What could not be read stays in doubt.
void store::settle() {
  if (!deps_->folder->unsettled() || unproven_ > 0 || !index_.unread().empty()) return;
  surely_on_pool([with = deps_] { return with->folder->settle(); },
                 [this](const expected<void>& done) {
                   if (!done && deps_->env.log)
                     deps_->env.log->warn("what was proven could not be noted, and is proven again next time",
                                          {{"store", deps_->name}, {"error", done.error()}});
                 });
}

void store::take_found(const found_blob& found) {
  // One that is being published enters when that is done; until then it may go again.
  if (removed_meanwhile_.contains(found.blob) || publishing_.contains(found.blob)) return;
  auto there = index_.find(found.blob);
  if (!there) {
    auto used = file_marks_.find(mark_key(found.blob));
    index_.insert_old_file(found.blob, found.size, used.value_or(index_.hours_before(found.hours_unused)));
  } else if (there->packed()) {  // it is in a pack, too
    removed_meanwhile_.insert(found.blob);
    remove_files({{found.blob, blob_tree::content, nullptr, {}}});
  }
}

void store::when_known(std::vector<digest> blobs, std::function<void()> then) {
  if (!still_looking()) return then();
  if (!listed_) {
    when_listed_.push_back([this, blobs, then] { when_known(blobs, then); });
    return;
  }
  // Of a result that is known a newer one may still be in a pack.
  if (deps_->what == store_role::content) forget_known(blobs);
  if (blobs.empty())
    then();
  else if (loading_)
    look_in_packs(std::move(blobs), std::move(then));
  else if (scanning_)
    look_on_disk(std::move(blobs), std::move(then));
  else
    then();
}

void store::forget_known(std::vector<digest>& blobs) {
  std::erase_if(blobs, [this](const digest& blob) { return index_.find(blob) != nullptr; });
}

void store::look_in_packs(std::vector<digest> blobs, std::function<void()> then) {
  struct answers {
    std::vector<std::vector<record>> found;  // beside the packs
    bool complete = true;
  };
  auto look = [with = deps_, tables = tables_, blobs]() -> expected<answers> {
    answers result;
    result.found.resize(tables->size());
    for (std::size_t i = 0; i < tables->size(); ++i)
      for (const auto& blob : blobs)
        result.complete = (*tables)[i].records->find(with->on(), blob, result.found[i]) && result.complete;
    return result;
  };
  surely_on_pool(std::move(look),
                 [this, tables = tables_, blobs, then](const expected<answers>& result) mutable {
                   if (result)
                     for (std::size_t i = 0; i < tables->size() && loading_; ++i)
                       enter((*tables)[i], result->found[i]);
                   if (!(result && result->complete) && loading_)
                     return when_loaded_.push_back([this, blobs, then] { when_known(blobs, then); });
                   forget_known(blobs);
                   if (blobs.empty() || deps_->what != store_role::content || !scanning_)
                     then();
                   else
                     look_on_disk(std::move(blobs), std::move(then));
                 });
}

void store::look_on_disk(std::vector<digest> blobs, std::function<void()> then) {
  ++looking_;
  using answers = std::vector<std::optional<found_blob>>;
  auto look = [with = deps_, blobs = std::move(blobs)]() -> expected<answers> {
    return look_for(*with, blobs);
  };
  surely_on_pool(std::move(look), [this, then](const expected<answers>& found) {
    --looking_;
    if (found)
      for (const auto& one : *found)
        if (one) take_found(*one);
    stop_looking();
    if (found) then();  // or who asked hears that it was dropped
  });
}

void store::stop_looking() {
  if (!still_looking()) removed_meanwhile_.clear();
}

// What is not swept now, the next start sweeps.
void store::sweep() {
  (void)on_pool([with = deps_]() -> expected<bool> { return sweep_trash(*with); },
                [this](const expected<bool>& more) {
                  if (more && *more) sweep();
                });
}

}  // namespace kiln::filesystem
