#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>

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

  // Those of the blobs whose layout is known and whose parts are all there; touches all that.

  /// With what they are made of.
  void find(const std::vector<digest>& blobs, std::function<void(expected<found>)> then);
  /// Which they are. A layout may have tens of thousands of parts, so only those of a few blobs are in memory
  /// at a time.
  void find_present(const std::vector<digest>& blobs,
                    std::function<void(expected<std::unordered_set<digest>>)> then);

private:
  using visitor = std::function<void(const digest&, composition)>;
  struct search;
  /// Shows each of them to `see`, and then tells that this was all.
  void visit(const std::vector<digest>& blobs, visitor see, std::function<void(expected<void>)> then);
  void read_some(const std::shared_ptr<search>& state);
  void check_parts(const std::shared_ptr<search>& state, found candidates);

  chunked_actor::pointer self_;
  const store_actor inner_;
  const store_actor layouts_;
};

}  // namespace kiln::chunked

KILN_MESSAGE(kiln::chunked::source_ended)
