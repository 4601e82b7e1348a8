#include "core/store_kit/proofs.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

namespace kiln {
namespace {

// Twice as many names of some 80 bytes, and their nodes: a megabyte.
constexpr std::size_t remembered_claims = 4096;
// Each reads a blob that nobody takes delivery of, which costs the asker nothing.
constexpr std::size_t proofs_at_once = 4;

}  // namespace

// Of what was not asked for since as many others were, nothing is kept.
void proofs::remember(const digest& claim) {
  if (young_.size() == remembered_claims) old_ = std::exchange(young_, {});
  young_.insert(claim);
}

void proofs::disbelieve(const digest& claim) {
  young_.erase(claim);
  old_.erase(claim);
}

bool proofs::is_known(const digest& claim) {
  if (young_.contains(claim)) return true;
  if (!old_.contains(claim)) return false;
  remember(claim);
  return true;
}

void proofs::prove(const digest& claim, reading read, steady_time until, outcome then) {
  if (is_known(claim)) return then({});
  auto [place, first] = proofs_.try_emplace(claim);
  place->second.waiting.push_back(awaited<void>::make(times_, until, std::move(then)));
  if (!first) return;
  place->second.read = std::move(read);
  waiting_.push_back(claim);
  start_some();
}

void proofs::start_some() {
  while (running_ < proofs_at_once && !waiting_.empty()) {
    const digest next = waiting_.front();
    waiting_.pop_front();
    ++running_;
    start(next);
  }
}

void proofs::start(const digest& claim) {
  auto read = come_home<void>(resumable_store(self_),
                              [this, claim](const expected<void>& end) { ended(claim, end); });
  pump(
      proofs_.at(claim).read(times_.time().now() + longest),
      [](const byte_chain&) { return expected<void>(); }, read);
}

void proofs::ended(const digest& claim, const expected<void>& end) {
  --running_;
  if (end) remember(claim);
  auto done = proofs_.extract(claim);
  start_some();
  for (const auto& one : done.mapped().waiting) one->settle(end);
}

}  // namespace kiln
