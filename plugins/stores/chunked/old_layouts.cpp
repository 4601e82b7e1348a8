#include "plugins/stores/chunked/old_layouts.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "core/contract/on_response.hpp"
#include "plugins/stores/chunked/layout.hpp"
#include "plugins/stores/chunked/proven_source.hpp"

namespace kiln::chunked {

void old_layouts::adopt(const digest& blob, const composition& whole, outcome then) {
  auto& others = waiting_[blob];
  others.push_back(std::move(then));
  if (others.size() > 1) return;
  resumable_store home(self_);
  auto wrong = [this, home, blob] { caf::anon_send(home, resume{[this, blob] { wrong_(blob); }}); };
  auto read = come_home<void>(home, [this, blob, whole](const expected<void>& end) {
    end ? proven(blob, whole) : settle(blob, false);
  });
  pump(
      proven_source(self_->system(), inner_, blob, whole, waits_for_ever, hashing_, {wrong, [] {}},
                    {.reads = 3}),
      [](const byte_chain&) { return expected<void>(); }, read);
}

// The old one goes when the new one is kept; where it is not kept, the old one is proven again next time.
void old_layouts::proven(const digest& blob, const composition& whole) {
  on_response(
      self_->request(layouts_, caf::infinite, write_blob{layout_key(blob), source_of(write_layout(whole))}),
      [this, blob](const receipt&) {
        on_response(
            self_->request(layouts_, caf::infinite, forget_blob{old_layout_key(blob)}),
            [](const forgotten&) {}, [](const caf::error&) {});
        settle(blob, true);
      },
      [this, blob](const caf::error&) { settle(blob, true); });
}

void old_layouts::settle(const digest& blob, bool is_right) {
  auto ended = waiting_.extract(blob);
  if (ended.empty()) return;
  for (const auto& then : ended.mapped()) then(is_right);
}

}  // namespace kiln::chunked
