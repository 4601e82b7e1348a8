#include "core/wire/message_limits.hpp"
#include "plugins/stores/chunked/chunked_state.hpp"

namespace kiln::chunked {

caf::result<receipt> chunked_state::write(write_blob order) {
  auto asker = make_answer<receipt>(self_);
  auto parts = std::dynamic_pointer_cast<composed_source>(order.source);
  parts ? write_parts(std::move(order), parts->made_of(), asker) : write_whole(std::move(order), asker);
  return asker;
}

void chunked_state::write_parts(write_blob order, const composition& whole, answer<receipt> asker) {
  auto blob = order.blob;
  library_.find({blob}, [=, this, order = std::move(order)](expected<library::found> composed) mutable {
    if (!composed) return asker.deliver(failure(std::move(composed).error()));
    if (!composed->empty()) return give_up_copy({static_cast<std::uint64_t>(blob.size), true}, blob, asker);
    hear(
        self_->request(inner_, caf::infinite, find_missing{whole.parts}),
        [=, this, order = std::move(order)](const missing_blobs& missing) mutable {
          // A part may itself be composed. Layouts do not nest, so such a blob is kept whole.
          const bool fits = check_size(largest::layout, write_layout(whole).size()).has_value();
          if (!missing.blobs.empty() || !fits) return write_whole(std::move(order), asker);
          compose(std::move(order), whole, asker);
        },
        fails(asker));
  });
}

// Bytes that come whole are taken whole, whatever a layout says of the blob, and take its place.
void chunked_state::write_whole(write_blob order, answer<receipt> asker) {
  auto blob = order.blob;
  hear(
      self_->request(inner_, caf::infinite, std::move(order)),
      [this, blob, asker](const receipt& kept) mutable {
        drop_layout(blob);
        asker.deliver(kept);
      },
      fails(asker));
}

// The source hashes what it joins and ends in an error if that is not the blob, so it is read for that alone.
void chunked_state::compose(write_blob order, const composition& whole, answer<receipt> asker) {
  auto verified = back_here([=, this, blob = order.blob](expected<bytes> outcome) mutable {
    if (!outcome) return asker.deliver(failure(std::move(outcome).error()));
    remember(proven_layouts::name_of(blob, whole));
    keep_layout(blob, whole, asker);
  });
  pump(
      std::move(order.source), [](const byte_chain&) { return expected<void>(); },
      [verified](expected<void> end) {
        verified(end ? expected<bytes>(bytes()) : failure(std::move(end).error()));
      });
}

void chunked_state::keep_layout(const digest& blob, const composition& whole, answer<receipt> asker) {
  hear(
      self_->request(layouts_, caf::infinite, write_blob{layout_key(blob), source_of(write_layout(whole))}),
      [=, this](const receipt&) {
        give_up_copy({static_cast<std::uint64_t>(blob.size), false}, blob, asker);
      },
      fails(asker));
}

// The parts were acknowledged before, so with the layout all is durable, and a whole copy may go.
void chunked_state::give_up_copy(receipt kept, const digest& blob, answer<receipt> asker) {
  hear(
      self_->request(inner_, caf::infinite, forget_blob{blob}),
      [=](const forgotten& copy) mutable {
        kept.was_present = kept.was_present || copy.was_present;
        asker.deliver(kept);
      },
      [=](const caf::error&) mutable { asker.deliver(kept); });  // it stays, which does no harm
}

}  // namespace kiln::chunked
