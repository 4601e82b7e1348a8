#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/chunked/known_compositions.hpp"
#include "plugins/stores/chunked/old_layouts.hpp"

namespace kiln::chunked {

/// Which blobs are composed, and of what. Confined to the store's actor.
class library {
public:
  using found = std::unordered_map<digest, composition>;

  /// `known` hears of each blob before anybody is told that it is there.
  library(resumable_store::pointer self, store_actor inner, store_actor layouts,
          std::shared_ptr<thread_pool> hashing, known_compositions& known,
          std::function<void(const digest&)> wrong)
      : self_(self),
        inner_(inner),
        layouts_(layouts),
        known_(known),
        old_(self, std::move(inner), std::move(layouts), std::move(hashing), std::move(wrong)) {}

  // Those of the blobs whose layout is known and whose parts are all there; touches all that. The asker waits
  // until then.

  /// With what they are made of.
  void find(const std::vector<digest>& blobs, order_deadline until,
            std::function<void(expected<found>)> then);
  /// Which they are. A layout may have tens of thousands of parts, so only those of a few blobs are in memory
  /// at a time.
  void find_present(const std::vector<digest>& blobs, order_deadline until,
                    std::function<void(expected<std::unordered_set<digest>>)> then);

  /// Tells whether there was a layout.
  void forget(const digest& blob, order_deadline until, std::function<void(expected<bool>)> then);

private:
  using visitor = std::function<void(const digest&, composition)>;
  struct search;
  struct candidate;
  using candidates = std::vector<candidate>;
  /// Shows each of them to `see`, and then tells that this was all.
  void visit(const std::vector<digest>& blobs, order_deadline until, visitor see,
             std::function<void(expected<void>)> then);
  void read_some(const std::shared_ptr<search>& state);
  void check_parts(const std::shared_ptr<search>& state, candidates some);
  void see_next(const std::shared_ptr<search>& state, const std::shared_ptr<candidates>& some);

  resumable_store::pointer self_;
  const store_actor inner_;
  const store_actor layouts_;
  known_compositions& known_;
  old_layouts old_;
};

}  // namespace kiln::chunked
