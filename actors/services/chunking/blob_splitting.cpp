#include "actors/services/chunking/blob_splitting.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/base/peer.hpp"
#include "core/contract/on_response.hpp"
#include "core/contract/wanted_source.hpp"
#include "core/store_kit/blob_cutter.hpp"

namespace kiln {

expected<void> blob_splitting::begin(const split_blob& order) {
  auto blob = read_split_request(order.request, on_.limits);
  if (!blob) return failure(blob.error());
  if (is_empty_blob(*blob)) {
    order.call->reply(write_split_response({chunking_function::fast_cdc_2020, {*blob}}));
    return {};
  }
  auto known = by_blob_.find(*blob);
  auto id = known == by_blob_.end() ? 0 : known->second;
  if (id == 0) {
    id = ++next_id_;
    auto has_place = places_.take(id, client_of(order.call->info().peer), [this, id] { start(id); });
    if (!has_place) return failure(has_place.error());
    jobs_[id].blob = *blob;
    by_blob_.emplace(*blob, id);
    jobs_[id].calls.push_back(order.call);
    if (*has_place) start(id);
  } else {
    jobs_.at(id).calls.push_back(order.call);
  }
  // Its client has left, or its deadline has passed.
  order.call->on_cancel(
      [this, to = chunking_actor(on_.self), id] { caf::anon_send(to, resume{[this, id] { left(id); }}); });
  return {};
}

// One that is under way keeps its place until it has noticed that nobody waits for it.
void blob_splitting::left(std::uint64_t id) {
  auto found = jobs_.find(id);
  if (found == jobs_.end() || ++found->second.left < found->second.calls.size()) return;
  *found->second.wanted = false;
  by_blob_.erase(found->second.blob);
  if (places_.waits(id)) end(id, fail(errc::cancelled, "the client has left"));
}

// Whether there is nothing more to be done for it.
bool blob_splitting::is_over(std::uint64_t id) {
  auto found = jobs_.find(id);
  if (found == jobs_.end()) return true;
  if (*found->second.wanted) return false;
  end(id, fail(errc::cancelled, "nobody waits for the split"));
  return true;
}

void blob_splitting::start(std::uint64_t id) {
  auto begun = caught([&]() -> expected<void> {
    find_layout(id);
    return {};
  });
  if (!begun) end(id, failure(begun.error()));
}

// Reading is how to learn of a layout, and also what has to be done if there is none.
void blob_splitting::find_layout(std::uint64_t id) {
  on_response(
      on_.self->request(on_.blobs, caf::infinite, read_blob{jobs_.at(id).blob}),
      [this, id](blob_content& content) { take(id, std::move(content)); }, ends(id));
}

void blob_splitting::take(std::uint64_t id, blob_content content) {
  if (is_over(id)) return;
  const auto& blob = jobs_.at(id).blob;
  if (content.made_of) return end(id, std::move(*content.made_of));
  if (static_cast<std::uint64_t>(blob.size) <= on_.options.parameters().least())
    return end(id, composition{chunking_function::fast_cdc_2020, {blob}});
  cut(id, std::move(content));
}

void blob_splitting::cut(std::uint64_t id, blob_content content) {
  const auto& [blob, calls, left, wanted] = jobs_.at(id);
  if (content.rest)
    content.rest = while_wanted(std::move(content.rest), [wanted = wanted] { return wanted->load(); });
  auto cutter = spawn_blob_cutter(on_.self->system(), on_.options.parameters(), on_.blobs, on_.pool);
  on_response(
      on_.self->request(cutter, caf::infinite, cut_blob{blob, std::move(content)}),
      [this, id](blob_chunks& chunks) {
        composition whole{chunking_function::fast_cdc_2020, std::move(chunks.parts)};
        whole.parts.size() > 1 ? check(id, whole) : end(id, std::move(whole));
      },
      ends(id));
}

// In a store that has hardly any room the last chunks may have driven the first ones out.
void blob_splitting::check(std::uint64_t id, const composition& whole) {
  if (is_over(id)) return;
  on_response(
      on_.self->request(on_.blobs, caf::infinite, find_missing{whole.parts}),
      [this, id, whole](const missing_blobs& missing) {
        if (missing.blobs.empty()) return remember(id, whole);
        end(id, fail(errc::resource_exhausted, "there is no room for the {} chunks of a blob",
                     whole.parts.size()));
      },
      ends(id));
}

// A store that keeps compositions now has the blob as one. To any other it is a blob that is there.
void blob_splitting::remember(std::uint64_t id, const composition& whole) {
  if (is_over(id)) return;
  const auto& job = jobs_.at(id);
  auto order =
      on_.order_of_parts(job.blob, whole, waits_for_ever, [wanted = job.wanted] { return wanted->load(); });
  on_response(
      on_.self->request(on_.blobs, caf::infinite, std::move(order)),
      [this, id, whole](const receipt&) { end(id, whole); }, ends(id));
}

void blob_splitting::end(std::uint64_t id, expected<composition> outcome) {
  auto answer = caught([&]() -> expected<bytes> {
    if (!outcome) return failure(outcome.error());
    return write_split_response(*outcome);
  });
  auto ended = jobs_.extract(id);
  if (ended.empty()) return;
  if (auto known = by_blob_.find(ended.mapped().blob); known != by_blob_.end() && known->second == id)
    by_blob_.erase(known);
  for (const auto& call : ended.mapped().calls)
    answer_call(call, [&]() -> expected<void> {
      if (!answer) return failure(answer.error());
      call->reply(*answer);
      return {};
    });
  places_.give_back(id);
}

}  // namespace kiln
