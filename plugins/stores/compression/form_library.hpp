#pragma once

#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/compression/packed_form.hpp"

namespace kiln::compressing {

/// Which blobs lie compressed, and how. Nothing is remembered here, so whoever asks for a blob prolongs the
/// life of its record, too. Confined to the store's actor.
class form_library {
public:
  using found = std::unordered_map<digest, packed_form>;
  using heard = std::function<void(expected<found>)>;

  form_library(resumable_store::pointer self, store_actor inner, store_actor index)
      : self_(self), inner_(std::move(inner)), index_(std::move(index)) {}

  /// Those that have a record. One batch to the index; more than a thousand are more.
  void look_up(const std::vector<digest>& blobs, order_deadline until, heard then);
  /// Of these, those whose segments are all there: one batch to the inner store.
  void find(const std::vector<digest>& blobs, order_deadline until, heard then);

  void keep(const digest& blob, const packed_form& form, order_deadline until,
            std::function<void(expected<void>)> then);
  /// Tells whether there was a record.
  void forget(const digest& blob, order_deadline until, std::function<void(expected<bool>)> then);

private:
  struct search;
  void read_some(const std::shared_ptr<search>& state);

  const resumable_store::pointer self_;
  const store_actor inner_;
  const store_actor index_;
};

}  // namespace kiln::compressing
