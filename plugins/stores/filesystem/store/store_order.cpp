#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

// After a kill, what was used in the last of them is not known to have been used.
constexpr auto order_kept_every = std::chrono::seconds(30);
// Blobs looked at in one turn, which takes some milliseconds.
constexpr std::size_t kept_at_once = 32768;

}  // namespace

void store::keep_order_later() {
  later(order_kept_every, [this] { keep_order(); });
}

// Some at a time: each once in a round, for what is used all the time changes all the time. Where the files
// are not all known yet, their old marks stay.
void store::keep_order(blob_index::mark_round from) {
  if (loading_) return keep_order_later();
  if (still_looking()) from.part = SIZE_MAX;
  auto marks = index_.take_changed_marks(from, kept_at_once);
  if (marks.empty()) return keep_order_later();
  auto write = [with = deps_, marks = std::move(marks)]() -> expected<void> {
    write_marks(*with->folder, marks);
    return {};
  };
  auto taken = on_pool(std::move(write), [this, from](const expected<void>&) { keep_order(from); });
  if (!taken) keep_order_later();
}

// At the end, all of it. Of packs that are not all entered the old marks stay.
void store::leave_order() {
  if (loading_) return;
  blob_index::mark_round all;
  if (still_looking()) all.part = SIZE_MAX;
  (void)deps_->pool->post([with = deps_, marks = index_.take_changed_marks(all, SIZE_MAX)] {
    write_marks(*with->folder, marks);
  });
}

}  // namespace kiln::filesystem
