#include "plugins/stores/filesystem/shared/evictor.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "plugins/stores/filesystem/files/inspect.hpp"

namespace kiln::filesystem {
namespace {

bool used_earlier(const leaving_blob& one, const leaving_blob& other) {
  return one.used < other.used;
}

// The latest of those that are kept is the first to make way for an earlier one.
void keep_earliest(std::vector<leaving_blob>& heap, const leaving_blob& next, std::size_t most) {
  if (heap.size() == most) {
    if (!used_earlier(next, heap.front())) return;
    std::pop_heap(heap.begin(), heap.end(), used_earlier);
    heap.pop_back();
  }
  heap.push_back(next);
  std::push_heap(heap.begin(), heap.end(), used_earlier);
}

// Nothing but its file says when a blob was used that has no mark, as after a power cut.
use_time use_of(const shared_engine& with, const use_times::table& times, const digest& blob) {
  if (auto marked = times.of(blob); marked != 0) return marked;
  auto facts = with.on().facts(with.tree_of(blob), blob_name(blob).path());
  return facts ? static_cast<use_time>(std::max<std::int64_t>(stamp_of(*facts), 0)) : 0;
}

}  // namespace

disk_result<std::vector<leaving_blob>> list_least_used(const shared_engine& with, std::size_t most) {
  auto times = with.uses->all();
  if (!times) return tl::unexpected(times.error());
  std::vector<leaving_blob> earliest;
  for (const auto& info : digest_functions())
    for (unsigned part = 0; part < usage_file::parts; ++part) {
      const auto two = folder_name(part);
      auto folder = with.on().open(with.folder->tree(blob_tree::content, info.function), two.data(),
                                   O_RDONLY | O_DIRECTORY);
      if (!folder && folder.error().number == ENOENT) continue;
      if (!folder) return tl::unexpected(folder.error());
      auto listed = with.on().list(*folder, [&](std::string_view leaf, file_kind kind) {
        auto blob = kind == file_kind::file ? parse_blob_name(info.function, two.data(), leaf) : std::nullopt;
        if (blob) keep_earliest(earliest, {*blob, use_of(with, *times, *blob)}, most);
        return true;
      });
      if (!listed) return tl::unexpected(listed.error());
    }
  std::sort(earliest.begin(), earliest.end(),
            [](const auto& one, const auto& other) { return used_earlier(other, one); });
  return earliest;
}

disk_result<evictor> evictor::open(shared_engine_ptr with) {
  auto usage =
      usage_file::open(with->on(), with->folder->locks(), with->folder->mode(), with->folder->slot());
  if (!usage) return tl::unexpected(usage.error());
  return evictor(std::move(with), std::move(*usage));
}

expected<usage_file::totals> evictor::look() {
  if (auto done = with_->folder->sweep_dead(usage_); !done) return fail(std::move(done).error());
  auto now = usage_.read();
  if (!now) return fail(now.error().in_words("reading locks/usage"));
  auto in_doubt = now->in_doubt;
  in_doubt.insert(in_doubt.end(), now->in_change.begin(), now->in_change.end());
  if (in_doubt.empty()) return std::move(*now);
  for (unsigned part : in_doubt)
    if (auto done = usage_.settle_doubt(part, with_->recount()); !done)
      return fail(done.error().in_words("counting blobs anew"));
  now = usage_.read();
  if (!now) return fail(now.error().in_words("reading locks/usage"));
  return std::move(*now);
}

evictor::outcome evictor::evict(const leaving_blob& which) {
  const std::string aside = with_->folder->fresh_temp_name();
  outcome result = put_aside(which, aside.c_str());
  if (result.what == fate::gone && result.weight > 0)
    (void)with_->on().remove(with_->folder->temp(), aside.c_str());
  return result;
}

// Used means: not now. So it is asked before its name is taken away and again after that. Nobody can give the
// name to another file in between, for that takes the same latch.
evictor::outcome evictor::put_aside(const leaving_blob& which, const char* aside) {
  auto change = usage_.begin(which.blob.hash[0], with_->recount());
  if (!change) return {fate::failed};
  blob_name name(which.blob);
  const descriptor& from = with_->tree_of(which.blob);
  const use_time before = with_->uses->of(which.blob);
  outcome result;
  part_usage left;
  auto there = with_->on().facts(from, name.path());
  if (before > which.used) {
    result = {fate::used_again, 0, before};
  } else if (there && there->kind == file_kind::file) {
    result.what =
        with_->on().rename(from, name.path(), with_->folder->temp(), aside) ? fate::gone : fate::failed;
    const use_time after = with_->uses->of(which.blob);
    if (result.what == fate::gone && after != before) {
      // Where it cannot be put back it has left all the same.
      if (with_->on().rename(with_->folder->temp(), aside, from, name.path()))
        result = {fate::used_again, 0, after};
    }
    if (result.what == fate::gone) {
      result.weight = shared_weight(there->size);
      left = {result.weight, 1};
    }
  }
  (void)change->settle({}, left, {});
  return result;
}

}  // namespace kiln::filesystem
