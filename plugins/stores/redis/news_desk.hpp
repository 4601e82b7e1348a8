#pragma once

#include <cstdint>
#include <vector>

#include "core/contract/observers.hpp"
#include "plugins/stores/redis/keyspace_news.hpp"
#include "plugins/stores/redis/told_blobs.hpp"

namespace kiln::redis_store {

/// What listeners of a store are told, so that none believes for long in a blob that has left. While the
/// server is heard, its news go on. When it is not, everything that anybody was told to be there is taken
/// back; and what is answered while it is not heard is taken back behind the answer. Confined to the store's
/// actor.
class news_desk {
public:
  explicit news_desk(std::size_t most) : told_(most) {}

  void add(const store_observer& listener) {
    is_watched_ = true;
    observers_.add(listener);
  }
  bool is_watched() const noexcept { return is_watched_; }

  /// To be kept with a question, and given back with its answer.
  std::uint64_t period() const noexcept { return period_; }
  /// These were answered to be there. To be called when the answer has gone out.
  void answered(std::uint64_t asked_in, std::vector<digest> there);
  void trusted(bool all_is_heard);
  void heard(const std::vector<keyspace_news::event>& news);

private:
  void note(const digest& blob);

  store_observers observers_;
  told_blobs told_;
  std::uint64_t period_ = 0;  ///< odd while all is heard
  bool is_watched_ = false;
};

}  // namespace kiln::redis_store
