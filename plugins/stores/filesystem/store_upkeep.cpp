#include "core/observe/log.hpp"
#include "plugins/stores/filesystem/store.hpp"

namespace kiln::filesystem {
namespace {

constexpr unsigned folders_of_function = 256;

}  // namespace

// One folder after the other: the crew lists, the actor enters. Until the last one a miss asks the disk.
void store::scan(unsigned folder) {
  auto functions = digest_functions();
  if (folder == functions.size() * folders_of_function) {
    scanning_ = false;
    stop_looking();
    if (with_->env.log)
      with_->env.log->info("a store knows all its blobs",
                           {{"store", with_->name}, {"blobs", index_.size()}, {"bytes", index_.weight()}});
    std::vector<digest> evicted;  // the capacity may have been larger before
    index_.reserve(0, evicted);
    figures_.evictions.add(evicted.size());
    dismiss(std::move(evicted));
    show_figures();
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
  if (removed_meanwhile_.contains(found.blob) || index_.find(found.blob)) return;
  index_.insert_old(found.blob, found.size, found.hours_unused);
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
