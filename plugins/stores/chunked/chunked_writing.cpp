#include <array>

#include "core/wire/message_limits.hpp"
#include "plugins/stores/chunked/chunked_state.hpp"

namespace kiln::chunked {

caf::result<receipt> chunked_state::take(write_blob& order) {
  if (!is_large(order.blob)) return pass_on(order);
  auto asker = owe<write_blob>();
  if (order.made_of)
    write_parts(std::move(order), asker);
  else if (may_cut(order))
    write_cut(std::move(order), asker);
  else
    write_whole(std::move(order), asker);
  return asker;
}

void chunked_state::write_parts(write_blob order, answer<receipt> asker) {
  auto blob = order.blob;
  const auto until = order.until;
  library_.find(
      {blob}, until, [=, this, order = std::move(order)](expected<library::found> composed) mutable {
        if (!composed) return asker.deliver(failure(std::move(composed).error()));
        if (!composed->empty())
          return give_up_copy({static_cast<std::uint64_t>(blob.size), true}, {blob, until}, 0, asker);
        find_missing parts{order.made_of->parts, until};
        const auto known = known_.begin(blob, std::array{layout_key(blob), old_layout_key(blob)});
        known_.need(known, *order.made_of);
        ask(std::move(parts), [=, this, order = std::move(order)](expected<missing_blobs> missing) mutable {
          if (!missing) known_.give_up(known);
          if (!missing) return asker.deliver(failure(std::move(missing).error()));
          // A part may itself be composed. Layouts do not nest, so such a blob is kept whole.
          const bool fits = check_size(largest::layout, write_layout(*order.made_of).size()).has_value();
          if (missing->blobs.empty() && fits) return compose(std::move(order), known, asker);
          known_.give_up(known);
          write_whole(std::move(order), asker);
        });
      });
}

// Bytes that come whole are taken whole, whatever a layout says of the blob, and take its place. Listeners
// hear first that the composed one goes, and then, of the inner store, that it came.
void chunked_state::write_whole(write_blob order, answer<receipt> asker) {
  auto blob = order.blob;
  known_.goes(blob);
  ask(std::move(order), [this, blob, asker](expected<receipt> kept) mutable {
    if (kept) drop_layout(blob);
    asker.deliver(std::move(kept));
  });
}

// The source hashes what it joins and ends in an error if that is not the blob, so it is read for that alone.
void chunked_state::compose(write_blob order, known_compositions::ticket known, answer<receipt> asker) {
  auto source = std::move(order.source);
  auto verified = come_home<void>(resumable_store(self()),
                                  [this, asker, known, blob = order.blob, until = order.until,
                                   whole = std::move(*order.made_of)](expected<void> outcome) mutable {
                                    if (!outcome) known_.give_up(known);
                                    if (!outcome) return asker.deliver(failure(std::move(outcome).error()));
                                    proven_.remember(proven_layouts::name_of(blob, whole));
                                    keep_layout(blob, whole, known, until, asker);
                                  });
  pump(
      std::move(source), [](const byte_chain&) { return expected<void>(); }, std::move(verified));
}

void chunked_state::keep_layout(const digest& blob, const composition& whole,
                                known_compositions::ticket known, order_deadline until,
                                answer<receipt> asker) {
  on_response(
      self()->request(layouts_, caf::infinite,
                      write_blob{layout_key(blob), source_of(write_layout(whole)), {}, until}),
      [=, this](const receipt&) {
        give_up_copy({static_cast<std::uint64_t>(blob.size), false}, {blob, until}, known, asker);
      },
      [=, this](const caf::error& fault) mutable {
        known_.give_up(known);
        asker.deliver(fail(from_caf(fault)));
      });
}

// The parts were acknowledged before, so with the layout all is durable, and a whole copy may go. Its news
// are sent before it is said to be gone, so that the last word is that the blob is there.
void chunked_state::give_up_copy(receipt kept, forget_blob copy, known_compositions::ticket known,
                                 answer<receipt> asker) {
  ask(copy, [=, this](const expected<forgotten>& gone) mutable {
    if (gone) kept.was_present = kept.was_present || gone->was_present;  // or it stays, which does no harm
    known_.stays(copy.blob, known);
    asker.deliver(kept);
  });
}

}  // namespace kiln::chunked
