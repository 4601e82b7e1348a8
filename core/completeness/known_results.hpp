#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/completeness/completeness_index.hpp"
#include "core/completeness/store_asker.hpp"

namespace kiln {

/// The list of results that an index knows, kept as a record in the store of results: those used last, a few
/// thousand, written now and then. It says what to look up, never that anything is complete, so one that is
/// old or lost costs nothing but walks. Lives in the actor of its asker.
class known_results {
public:
  using names = std::vector<completeness_index::name_of_result>;

  static constexpr std::size_t most = 4096;
  static constexpr duration first_after = std::chrono::minutes(1);
  static constexpr duration then_every = std::chrono::minutes(10);

  /// `of`: whose list it is.
  known_results(store_asker& asker, store_actor results, const std::string& of);

  /// Those used last come last. Nothing, where there is no list.
  void read(std::function<void(names)> then);
  /// Something changed: before long `now` is asked for what is known, those used last first.
  void note_change(std::function<names()> now);

  static bytes in_words(const names& all);
  static names of_words(const bytes& record);

private:
  store_asker& asker_;
  const store_actor results_;
  const digest key_;
  bool waiting_ = false;
  duration delay_ = first_after;
};

}  // namespace kiln
