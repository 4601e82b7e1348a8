#pragma once

#include <functional>

#include "core/base/thread_pool.hpp"
#include "core/contract/joined_reads.hpp"
#include "core/store_kit/proofs.hpp"

namespace kiln::chunked {

/// Which layouts were seen to be their blobs: before a part of one is served the whole is read and hashed,
/// once (core/store_kit/proofs.hpp). Confined to the store's actor.
class proven_layouts {
public:
  using outcome = proofs::outcome;

  /// `wrong` hears of layouts that are not their blobs.
  proven_layouts(resumable_store::pointer self, store_actor inner, std::shared_ptr<thread_pool> hashing,
                 read_ahead ahead, const clock& time, std::function<void(const digest&)> wrong)
      : self_(self),
        inner_(std::move(inner)),
        hashing_(std::move(hashing)),
        ahead_(std::move(ahead)),
        wrong_(std::move(wrong)),
        proofs_(self, time) {}

  /// Which layout of which blob it is.
  static digest name_of(const digest& blob, const composition& whole);

  void remember(const digest& layout) { proofs_.remember(layout); }
  /// All chunks are there.
  void prove(const digest& blob, const composition& whole, steady_time until, outcome then);

private:
  const resumable_store::pointer self_;
  const store_actor inner_;
  const std::shared_ptr<thread_pool> hashing_;
  const read_ahead ahead_;
  const std::function<void(const digest&)> wrong_;
  proofs proofs_;
};

}  // namespace kiln::chunked
