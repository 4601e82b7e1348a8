#include <caf/actor_system.hpp>

#include "core/contract/checked_source.hpp"
#include "core/store_kit/blob_cutter.hpp"
#include "core/wire/message_limits.hpp"
#include "plugins/stores/chunked/chunked_state.hpp"

namespace kiln::chunked {
namespace {

// Of a chunk in a layout: hash, size, tags.
constexpr std::uint64_t largest_entry = 160;

}  // namespace

// Nobody waits for those who are slow to send: what cannot be cut now stays whole.
bool chunked_state::may_cut(const write_blob& order) const noexcept {
  if (!cut_to_ || !order.source || *cuts_ >= cuts_at_once_) return false;
  const std::uint64_t chunks =
      static_cast<std::uint64_t>(order.blob.size) / fast_cdc_parameters{cut_to_->bytes}.least() + 1;
  return check_size(largest::layout, chunks * largest_entry).has_value();
}

// Not read if it is there, as a whole or in chunks.
void chunked_state::write_cut(write_blob order, answer<receipt> asker) {
  const auto blob = order.blob;
  const auto until = order.until;
  const receipt present{static_cast<std::uint64_t>(blob.size), true};
  ask(find_missing{{blob}, until},
      [=, this, order = std::move(order)](expected<missing_blobs> missing) mutable {
        if (!missing) return asker.deliver(failure(std::move(missing).error()));
        if (missing->blobs.empty()) return asker.deliver(present);
        library_.find_present({blob}, until, [=, this, order = std::move(order)](auto composed) mutable {
          if (!composed) return asker.deliver(failure(std::move(composed).error()));
          if (!composed->empty()) return asker.deliver(present);
          may_cut(order) ? cut(std::move(order), asker) : write_whole(std::move(order), asker);
        });
      });
}

// Chunks are kept as they come, and are nobody's until the blob has proven to be one.
void chunked_state::cut(write_blob order, answer<receipt> asker) {
  ++*cuts_;
  std::shared_ptr<void> place(nullptr, [cuts = cuts_](void*) { --*cuts; });
  const auto blob = order.blob;
  const auto until = order.until;
  auto cutter = spawn_blob_cutter(self()->system(), fast_cdc_parameters{cut_to_->bytes}, inner(), hashing_);
  auto proven = checked(std::move(order.source), blob, hashing_);
  on_response(
      self()->request(cutter, caf::infinite, cut_blob{blob, {{}, std::move(proven)}, until}),
      [=, this](blob_chunks& chunks) mutable {
        place.reset();
        if (chunks.parts.size() == 1)  // which is the blob
          return asker.deliver(receipt{static_cast<std::uint64_t>(blob.size), false});
        const composition whole{chunking_function::fast_cdc_2020, std::move(chunks.parts)};
        proven_.remember(proven_layouts::name_of(blob, whole));
        // A chunk may have left while others came: listeners are told nothing of it until it is asked for.
        keep_layout(blob, whole, 0, until, asker);
      },
      [asker, place](const caf::error& fault) mutable {
        place.reset();
        asker.deliver(fail(from_caf(fault)));
      });
}

}  // namespace kiln::chunked
