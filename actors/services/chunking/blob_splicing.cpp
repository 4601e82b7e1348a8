#include "actors/services/chunking/blob_splicing.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <unordered_set>
#include <utility>

#include "core/base/peer.hpp"
#include "core/contract/checked_source.hpp"
#include "core/contract/joined_reads.hpp"
#include "core/contract/on_response.hpp"
#include "core/contract/wanted_source.hpp"

namespace kiln {

write_blob chunking_context::order_of_parts(const digest& blob, composition whole, order_deadline until,
                                            std::function<bool()> is_wanted) const {
  auto parts = while_wanted(join_reads(self->system(), blobs, reads_of(whole, until)), std::move(is_wanted));
  return {blob, checked(std::move(parts), blob, pool), std::move(whole), until};
}

// Who has to wait is not parsed meanwhile, but as it came: it counts among the client's messages there.
expected<void> blob_splicing::begin(const splice_blob& order) {
  auto request = read_splice_request(order.request, on_.limits, on_.options.max_chunks);
  if (!request) return failure(request.error());
  if (is_empty_blob(request->blob)) {
    order.call->reply(write_splice_response(request->blob));
    return {};
  }
  const auto id = ++next_id_;
  auto later = [this, id, words = order.request] { enter(id, words); };
  auto has_place = places_.take(id, client_of(order.call->info().peer), std::move(later));
  if (!has_place) return failure(has_place.error());
  calls_.emplace(id, order.call);
  // Its client has left, or its deadline has passed.
  order.call->on_cancel(
      [this, to = chunking_actor(on_.self), id] { caf::anon_send(to, resume{[this, id] { left(id); }}); });
  if (*has_place) step(id, [&] { check_room(id, *request); });
  return {};
}

void blob_splicing::enter(std::uint64_t id, const byte_chain& request) {
  step(id, [&] {
    auto parsed = read_splice_request(request, on_.limits, on_.options.max_chunks);
    if (!parsed) return end(id, failure(parsed.error()));
    check_room(id, *parsed);
  });
}

// One that is under way notices it before its next step.
void blob_splicing::left(std::uint64_t id) {
  if (places_.waits(id)) end(id, fail(errc::cancelled, "the client has left"));
}

bool blob_splicing::is_left(std::uint64_t id) const {
  auto found = calls_.find(id);
  return found == calls_.end() || found->second->cancelled();
}

// Chunks may be named over and over, so what they come to says nothing about what there is.
void blob_splicing::check_room(std::uint64_t id, const splice_request& request) {
  if (!capacity_) {
    auto go_on = [this, id, request](std::uint64_t capacity) {
      capacity_ = capacity;
      step(id, [&] { check_room(id, request); });
    };
    return on_response(
        on_.self->request(on_.blobs, caf::infinite, measure_store{}),
        [go_on](const store_stats& stats) { go_on(stats.capacity); },
        [go_on](const caf::error&) { go_on(0); });  // a store without stats
  }
  if (*capacity_ > 0 && static_cast<std::uint64_t>(request.blob.size) > *capacity_)
    return end(id,
               fail(errc::resource_exhausted, "blob {} is larger than the {} bytes that there is room for",
                    request.blob, *capacity_));
  look(id, request);
}

// The blob first: what is missing comes in the order that was asked.
void blob_splicing::look(std::uint64_t id, const splice_request& request) {
  find_missing wanted{{request.blob}, until(id)};
  std::unordered_set<digest> named;
  for (const auto& part : request.whole.parts)
    if (named.insert(part).second) wanted.blobs.push_back(part);
  on_response(
      on_.self->request(on_.blobs, caf::infinite, std::move(wanted)),
      [this, id, request](const missing_blobs& missing) { judge(id, request, missing); }, ends(id));
}

void blob_splicing::judge(std::uint64_t id, const splice_request& request, const missing_blobs& missing) {
  const auto absent = missing.blobs.size();
  if (absent == 0) return end(id, request.blob);
  if (missing.blobs.front() != request.blob)
    return end(id, fail(errc::already_exists, "blob {} is there, but {} of the chunks are not", request.blob,
                        absent));
  if (absent > 1)
    return end(id, fail(errc::not_found, "{} of the chunks are missing, {} is the first", absent - 1,
                        missing.blobs[1]));
  join(id, request);
}

void blob_splicing::join(std::uint64_t id, const splice_request& request) {
  if (is_left(id)) return end(id, fail(errc::cancelled, "the client has left"));
  auto order = on_.order_of_parts(request.blob, request.whole, until(id),
                                  [call = calls_.at(id)] { return !call->cancelled(); });
  on_response(
      on_.self->request(on_.blobs, caf::infinite, std::move(order)),
      [this, id, blob = request.blob](const receipt&) { end(id, blob); }, ends(id));
}

void blob_splicing::end(std::uint64_t id, expected<digest> outcome) {
  auto ended = calls_.extract(id);
  if (ended.empty()) return;
  answer_call(ended.mapped(), [&]() -> expected<void> {
    if (!outcome) return failure(outcome.error());
    ended.mapped()->reply(write_splice_response(*outcome));
    return {};
  });
  places_.give_back(id);
}

}  // namespace kiln
