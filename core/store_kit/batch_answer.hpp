#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/contract/actor.hpp"

namespace kiln {

/// An answer of many `results`, each of which comes when it may. It is given when nobody owes one any more: a
/// place that was dropped has failed with UNAVAILABLE, and the others have not. Confined to the actor, but
/// for the dropping.
template <class Answer>
class batch_answer {
  using result = typename decltype(Answer::results)::value_type;

  struct owed {
    owed(answer<Answer> to_, std::size_t count) : to(std::move(to_)), results(count) {}
    ~owed() {
      try {
        Answer all;
        all.results.reserve(results.size());
        for (auto& one : results)
          all.results.push_back(one ? std::move(*one) : fail(errc::unavailable, "the request was dropped"));
        to.deliver_anywhere(std::move(all));
      } catch (...) {  // NOLINT: the duty is dropped, which answers
      }
    }
    answer<Answer> to;
    std::vector<std::optional<result>> results;
  };

public:
  /// One of them. Copies share it; the first result counts.
  class place {
  public:
    void deliver(result one) {
      if (!of_) return;
      if (auto& mine = of_->results[at_]; !mine) mine = std::move(one);
      of_.reset();
    }

  private:
    friend class batch_answer;
    place(std::shared_ptr<owed> of, std::size_t at) : of_(std::move(of)), at_(at) {}

    std::shared_ptr<owed> of_;
    std::size_t at_;
  };

  batch_answer(answer<Answer> to, std::size_t count) : owed_(std::make_shared<owed>(std::move(to), count)) {}

  place operator[](std::size_t at) const { return {owed_, at}; }

private:
  const std::shared_ptr<owed> owed_;
};

}  // namespace kiln
