#include "plugins/stores/redis/news_desk.hpp"

#include <utility>

namespace kiln::redis_store {

void news_desk::note(const digest& blob) {
  if (auto gone = told_.note(blob); !gone.empty()) observers_.tell_evicted(std::move(gone));
}

void news_desk::answered(std::uint64_t asked_in, std::vector<digest> there) {
  if (!is_watched_) return;
  const bool all_was_heard = asked_in == period_ && period_ % 2 == 1;
  if (!all_was_heard) return observers_.tell_evicted(std::move(there));
  for (const auto& blob : there) note(blob);
}

void news_desk::trusted(bool all_is_heard) {
  if ((period_ % 2 == 1) == all_is_heard) return;
  ++period_;
  if (!all_is_heard) observers_.tell_evicted(told_.give_up());
}

void news_desk::heard(const std::vector<keyspace_news::event>& news) {
  if (!is_watched_) return;
  for (const auto& one : news) {
    if (one.is_there) {
      observers_.note_stored(one.blob);
      note(one.blob);
    } else {
      told_.drop(one.blob);
      observers_.tell_evicted({one.blob});
    }
  }
  observers_.tell();
}

}  // namespace kiln::redis_store
