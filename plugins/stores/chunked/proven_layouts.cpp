#include "plugins/stores/chunked/proven_layouts.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "core/digest/hasher.hpp"
#include "plugins/stores/chunked/proven_source.hpp"

namespace kiln::chunked {
namespace {

// Twice as many names of 48 bytes, and their nodes: some megabyte.
constexpr std::size_t remembered = 4096;
// Each reads a blob that nobody takes delivery of, which costs the asker nothing.
constexpr std::size_t proofs_at_once = 4;

}  // namespace

digest proven_layouts::name_of(const digest& blob, const composition& whole) {
  hasher mixed(digest_function::sha256);
  auto add = [&](const digest& one) {
    const auto hash = one.hash_bytes();
    mixed.update({reinterpret_cast<const char*>(hash.data()), hash.size()});
    mixed.update(fmt::format("/{}/{};", static_cast<int>(one.function), one.size));
  };
  add(blob);
  for (const auto& part : whole.parts) add(part);
  return mixed.finish();
}

// Of what was not asked for since as many others were, nothing is kept.
void proven_layouts::remember(const digest& layout) {
  if (young_.size() == remembered) old_ = std::exchange(young_, {});
  young_.insert(layout);
}

bool proven_layouts::is_known(const digest& layout) {
  if (young_.contains(layout)) return true;
  if (!old_.contains(layout)) return false;
  remember(layout);
  return true;
}

void proven_layouts::prove(const digest& blob, const composition& whole, outcome then) {
  const digest layout = name_of(blob, whole);
  if (is_known(layout)) return then({});
  auto [place, first] = proofs_.try_emplace(layout);
  place->second.waiting.push_back(std::move(then));
  if (!first) return;
  place->second.blob = blob;
  place->second.whole = whole;
  waiting_.push_back(layout);
  start_some();
}

void proven_layouts::start_some() {
  while (running_ < proofs_at_once && !waiting_.empty()) {
    const digest next = waiting_.front();
    waiting_.pop_front();
    ++running_;
    start(next);
  }
}

void proven_layouts::start(const digest& layout) {
  const proof& mine = proofs_.at(layout);
  resumable_store home(self_);
  auto wrong = [this, home, blob = mine.blob] {
    caf::anon_send(home, resume{[this, blob] { wrong_(blob); }});
  };
  auto read = come_home<void>(home, [this, layout](const expected<void>& end) { ended(layout, end); });
  pump(
      proven_source(self_->system(), inner_, mine.blob, mine.whole, waits_for_ever, hashing_,
                    {std::move(wrong), [] {}}, ahead_),
      [](const byte_chain&) { return expected<void>(); }, read);
}

void proven_layouts::ended(const digest& layout, const expected<void>& end) {
  --running_;
  if (end) remember(layout);
  auto done = proofs_.extract(layout);
  start_some();
  for (const auto& then : done.mapped().waiting) then(end);
}

}  // namespace kiln::chunked
