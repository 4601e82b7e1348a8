#pragma once

#include <functional>
#include <unordered_map>

#include "core/contract/composition.hpp"

namespace kiln::chunked {

/// What is needed to come back to the actor: the answer of a source that was read to its end elsewhere.
struct source_ended {
  std::uint64_t id = 0;
  expected<bytes> outcome;
};
using chunked_actor = store_actor::extend<caf::reacts_to<source_ended>>;

/// Which blobs are composed, and of what. Confined to the store's actor.
class library {
public:
  using found = std::unordered_map<digest, composition>;

  library(chunked_actor::pointer self, store_actor inner, store_actor layouts)
      : self_(self), inner_(std::move(inner)), layouts_(std::move(layouts)) {}

  /// Those of the blobs whose layout is known and whose parts are all there; touches all that. The records of
  /// a few blobs are in memory at a time, and what was found of all.
  void find(const std::vector<digest>& blobs, std::function<void(expected<found>)> then);

private:
  struct search;
  void read_some(const std::shared_ptr<search>& state);
  void check_parts(const std::shared_ptr<search>& state, found candidates);

  chunked_actor::pointer self_;
  const store_actor inner_;
  const store_actor layouts_;
};

}  // namespace kiln::chunked

KILN_MESSAGE(kiln::chunked::source_ended)
