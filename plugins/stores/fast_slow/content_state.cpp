#include "plugins/stores/fast_slow/content_state.hpp"

#include <utility>

namespace kiln::fast_slow {
namespace {

// Of batches and of large blobs that lending waits for; a batch holds some MiB.
constexpr std::size_t lend_fills_at_once = 16;

counter& reads_from(const setting& with, const char* which) {
  return with.env.metrics
      ->counters("kiln_fast_slow_reads_total", "Blobs read, by the store that they came from.",
                 {"store", "from"})
      .with({with.name, which});
}

}  // namespace

content_state::content_state(resumable_store::pointer self, setting given)
    : two_stores(self, std::move(given)),
      fast_reads_(reads_from(with(), "fast")),
      slow_reads_(reads_from(with(), "slow")),
      fills_(self, with(),
             {[this](const digest& blob, const error& why) { note_degraded(blob, why); },
              [this](const read_blob& order, opening then) { ask_slow(order, std::move(then)); },
              [this](const read_blob& order) { return from_anywhere(order, &content_state::go_on); },
              [this](const digest& blob) { drop_fast_copy(blob, waits_for_ever); }}),
      lend_fills_(lend_fills_at_once),
      writes_(self, *env().time, options().fast_timeout) {
  if (options().early_ack) early_.emplace(self, with());
}

}  // namespace kiln::fast_slow
