#include "core/observe/log.hpp"
#include "plugins/stores/filesystem/store.hpp"

namespace kiln::filesystem {
namespace {

constexpr unsigned folders_of_function = 256;

}  // namespace

// One pack after the other, the newest first; while the actor enters one, the crew loads the next. Who asks
// for what is not known yet waits until the last one: that is short, for all of it is indices.
void store::load_packs(std::size_t next) {
  if (next == packs_to_load_.size()) {
    loading_ = false;
    index_.forget_erasures();
    auto waiting = std::exchange(when_loaded_, {});
    if (with_->what == holds::content) {
      scan(0);
    } else {
      scanning_ = false;
      sweep();
    }
    for (auto& one : waiting) one();
    return;
  }
  auto number = packs_to_load_[next];
  auto load = [with = with_, number] { return load_pack(*with, number); };
  auto taken = on_crew(std::move(load), [this, next, number](expected<loaded_pack> pack) {
    const bool last = next + 1 == packs_to_load_.size();
    if (!last) load_packs(next + 1);
    if (pack)
      take_pack(*pack);
    else if (with_->env.log)
      with_->env.log->warn("a pack cannot be read and its blobs are lost",
                           {{"store", with_->name}, {"pack", number}, {"error", pack.error()}});
    if (last) load_packs(next + 1);
  });
  if (!taken) load_packs(next + 1);  // the store is ending
}

void store::take_pack(const loaded_pack& pack) {
  if (pack.records.empty()) {
    (void)with_->hands->post([with = with_, number = pack.file->number] { remove_pack(*with, number); });
    return;
  }
  held_pack& held = index_.insert_old_pack(pack.file, pack.size, index_.hours_before(pack.hours_unused));
  if (pack.marks) index_.set_order(held, *pack.marks);
  for (const auto& record : pack.records) {
    auto used = pack.marks ? pack.marks->find(record.offset) : std::nullopt;
    index_.insert_old_packed(held, record, used.value_or(held.filled));
  }
  held.changed = !pack.marks;
}

// One folder after the other: the crew lists, the actor enters. Until the last one a miss asks the disk.
void store::scan(unsigned folder) {
  auto functions = digest_functions();
  if (folder == functions.size() * folders_of_function) {
    scanning_ = false;
    file_marks_ = {};
    stop_looking();
    if (with_->env.log)
      with_->env.log->info("a store knows all its blobs",
                           {{"store", with_->name}, {"blobs", index_.size()}, {"bytes", index_.weight()}});
    trim();  // the capacity may have been larger before
    return sweep();
  }
  auto list = [with = with_, function = functions[folder / folders_of_function].function,
               number = folder % folders_of_function] { return list_blobs(*with, function, number); };
  auto taken = on_crew(std::move(list), [this, folder](folder_listing listing) {
    for (const auto& found : listing.blobs) take_found(found);
    figures_.broken.add(listing.damaged);
    if (listing.foreign > 0 && with_->env.log && !std::exchange(warned_of_foreign_, true))
      with_->env.log->warn("files that are no blobs are left alone",
                           {{"store", with_->name}, {"path", with_->folder->path()}});
    scan(folder + 1);
  });
  // What is not listed yet is still found by asking; it goes on when the crew has done something else.
  if (!taken) scan_stopped_at_ = folder;
}

void store::take_found(const found_blob& found) {
  if (removed_meanwhile_.contains(found.blob)) return;
  auto there = index_.find(found.blob);
  if (!there) {
    auto used = file_marks_.find(mark_key(found.blob));
    index_.insert_old_file(found.blob, found.size, used.value_or(index_.hours_before(found.hours_unused)));
  } else if (there->packed()) {  // it is in a pack, too
    removed_meanwhile_.insert(found.blob);
    (void)lane_->submit({{found.blob, blob_tree::content, nullptr, 0}});
  }
}

void store::when_known(std::vector<digest> blobs, std::function<void()> then) {
  std::erase_if(blobs, [this](const digest& blob) { return index_.find(blob) != nullptr; });
  if (blobs.empty() || !still_looking())
    then();
  else if (loading_)
    when_loaded_.push_back([this, blobs, then] { when_known(blobs, then); });
  else if (scanning_)
    look_on_disk(std::move(blobs), std::move(then));
  else
    then();
}

void store::look_on_disk(std::vector<digest> blobs, std::function<void()> then) {
  ++looking_;
  auto look = [with = with_, blobs = std::move(blobs)] { return look_for(*with, blobs); };
  using answers = std::vector<std::optional<found_blob>>;
  auto taken = on_crew(std::move(look), [this, then](const answers& found) {
    --looking_;
    for (const auto& one : found)
      if (one) take_found(*one);
    stop_looking();
    then();
  });
  if (taken) return;
  --looking_;
  then();
}

void store::stop_looking() {
  if (!still_looking()) removed_meanwhile_.clear();
}

// What is not swept now, the next start sweeps.
void store::sweep() {
  (void)on_crew([with = with_] { return sweep_trash(*with); },
                [this](bool more) {
                  if (more) sweep();
                });
}

}  // namespace kiln::filesystem
