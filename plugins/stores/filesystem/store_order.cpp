#include <caf/actor_cast.hpp>

#include "plugins/stores/filesystem/store.hpp"

namespace kiln::filesystem {
namespace {

// After a kill, what was used in the last of them is not known to have been used.
constexpr auto order_kept_every = std::chrono::seconds(30);
// At once: each is one file of some hundred KiB at most, and some milliseconds of the actor.
constexpr std::size_t most_kept_at_once = 16;

}  // namespace

void store::keep_order_later() {
  delayed_send(caf::actor_cast<inner_actor>(this), order_kept_every, order_due{});
}

// Where the files are not all known yet, their old marks stay.
void store::keep_order() {
  keep_order_later();
  if (keeping_order_ || loading_) return;
  auto marks = index_.take_changed_marks(most_kept_at_once, !still_looking());
  if (marks.empty()) return;
  auto write = [with = with_, marks = std::move(marks)] {
    write_marks(*with->folder, marks);
    return true;
  };
  keeping_order_ = on_crew(std::move(write), [this](bool) { keeping_order_ = false; }).has_value();
}

// At the end, all of it. Of packs that are not all entered the old marks stay.
void store::leave_order() {
  if (loading_) return;
  auto marks = index_.take_changed_marks(SIZE_MAX, !still_looking());
  (void)with_->hands->post([with = with_, marks = std::move(marks)] { write_marks(*with->folder, marks); });
}

}  // namespace kiln::filesystem
