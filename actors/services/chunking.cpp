#include "actors/services/chunking.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <unordered_map>

#include "actors/services/blob_cutter.hpp"
#include "actors/services/chunk_messages.hpp"
#include "core/base/machine.hpp"
#include "core/contract/checked_source.hpp"
#include "core/contract/composition.hpp"

namespace kiln {
namespace {

class chunking_state {
public:
  chunking_state(chunking_actor::pointer self, const environment& env, const chunking_options& options,
                 const cache_limits& limits, store_actor blobs)
      : self_(self),
        options_(options),
        limits_(limits),
        blobs_(std::move(blobs)),
        hands_(env.crews->make("kiln-chunking", options.threads.value_or(std::max(processors() / 2, 1U)))) {}

  expected<void> split(const split_blob& order);
  expected<void> splice(const splice_blob& order);

private:
  void find_layout(const digest& blob);
  void cut(const digest& blob, blob_content content);
  void check(const digest& blob, composition whole);
  void remember(const digest& blob, composition whole);
  void settle(const digest& blob, const expected<composition>& outcome);
  void join(const digest& blob, composition whole, const call_ptr& to);

  auto fails_split(const digest& blob) {
    return [this, blob](const caf::error& fault) { settle(blob, fail(from_caf(fault))); };
  }
  std::shared_ptr<composed_source> source_of_parts(const digest& blob, composition whole) {
    auto joined = checked(join_reads(self_->system(), blobs_, reads_of(whole)), blob, hands_);
    return std::make_shared<composed_source>(std::move(whole), std::move(joined));
  }

  chunking_actor::pointer self_;
  const chunking_options options_;
  const cache_limits limits_;
  const store_actor blobs_;
  const std::shared_ptr<crew> hands_;
  std::unordered_map<digest, std::vector<call_ptr>> splitting_;  // and who waits for it
  std::size_t splicing_ = 0;
};

// Whoever asks for a blob that is being split already waits for the same.
expected<void> chunking_state::split(const split_blob& order) {
  auto blob = read_split_request(order.request, limits_);
  if (!blob) return failure(blob.error());
  if (is_empty_blob(*blob)) {
    order.call->reply(write_split_response({chunking_function::fast_cdc_2020, {*blob}}));
    return {};
  }
  auto known = splitting_.find(*blob);
  if (known == splitting_.end()) {
    if (splitting_.size() >= options_.max_running) return fail(busy("too many blobs are being split"));
    splitting_[*blob].push_back(order.call);
    find_layout(*blob);
  } else {
    known->second.push_back(order.call);
  }
  return {};
}

// Reading is how to learn of a layout, and also what has to be done if there is none.
void chunking_state::find_layout(const digest& blob) {
  self_->request(blobs_, caf::infinite, read_blob{blob})
      .then(
          [this, blob](blob_content& content) {
            if (auto composed = std::dynamic_pointer_cast<composed_source>(content.rest))
              return settle(blob, composed->made_of());
            if (static_cast<std::uint64_t>(blob.size) <= options_.parameters().least())
              return settle(blob, composition{chunking_function::fast_cdc_2020, {blob}});
            cut(blob, std::move(content));
          },
          fails_split(blob));
}

void chunking_state::cut(const digest& blob, blob_content content) {
  auto cutter = spawn_blob_cutter(self_->system(), options_.parameters(), blobs_, hands_);
  self_->request(cutter, caf::infinite, cut_blob{blob, std::move(content)})
      .then(
          [this, blob](blob_chunks& chunks) {
            composition whole{chunking_function::fast_cdc_2020, std::move(chunks.parts)};
            whole.parts.size() > 1 ? check(blob, std::move(whole)) : settle(blob, whole);
          },
          fails_split(blob));
}

// In a store that has hardly any room the last chunks may have driven the first ones out.
void chunking_state::check(const digest& blob, composition whole) {
  self_->request(blobs_, caf::infinite, find_missing{whole.parts})
      .then(
          [this, blob, whole](const missing_blobs& missing) {
            if (missing.blobs.empty()) return remember(blob, whole);
            settle(blob, fail(errc::resource_exhausted, "there is no room for the {} chunks of blob {}",
                              whole.parts.size(), blob));
          },
          fails_split(blob));
}

// A store that keeps compositions now has the blob as one. To any other it is a blob that is there.
void chunking_state::remember(const digest& blob, composition whole) {
  self_->request(blobs_, caf::infinite, write_blob{blob, source_of_parts(blob, whole)})
      .then([this, blob, whole](const receipt&) { settle(blob, whole); }, fails_split(blob));
}

void chunking_state::settle(const digest& blob, const expected<composition>& outcome) {
  auto place = splitting_.extract(blob);
  if (place.empty()) return;
  bytes answer = outcome ? write_split_response(*outcome) : bytes();
  for (const auto& call : place.mapped()) outcome ? call->reply(answer) : call->finish(outcome.error());
}

expected<void> chunking_state::splice(const splice_blob& order) {
  auto request = read_splice_request(order.request, limits_, options_.max_chunks);
  if (!request) return failure(request.error());
  if (is_empty_blob(request->blob)) {
    order.call->reply(write_splice_response(request->blob));
    return {};
  }
  if (splicing_ >= options_.max_running) return fail(busy("too many blobs are being spliced"));
  ++splicing_;
  // The blob first: what is missing comes in the order that was asked.
  find_missing wanted{{request->blob}};
  wanted.blobs.insert(wanted.blobs.end(), request->whole.parts.begin(), request->whole.parts.end());
  self_->request(blobs_, caf::infinite, std::move(wanted))
      .then(
          [=, this, blob = request->blob, whole = std::move(request->whole),
           to = order.call](const missing_blobs& missing) {
            --splicing_;
            auto absent = missing.blobs.size();
            if (absent == 0) return to->reply(write_splice_response(blob));
            if (missing.blobs.front() != blob)
              return to->finish(
                  {errc::already_exists,
                   fmt::format("blob {} is there, but {} of the chunks are not", blob, absent)});
            if (absent > 1)
              return to->finish({errc::not_found, fmt::format("{} of the chunks are missing, {} is the first",
                                                              absent - 1, missing.blobs[1])});
            join(blob, whole, to);
          },
          [this, to = order.call](const caf::error& fault) {
            --splicing_;
            to->finish(from_caf(fault));
          });
  return {};
}

void chunking_state::join(const digest& blob, composition whole, const call_ptr& to) {
  ++splicing_;
  self_->request(blobs_, caf::infinite, write_blob{blob, source_of_parts(blob, std::move(whole))})
      .then(
          [this, blob, to](const receipt&) {
            --splicing_;
            to->reply(write_splice_response(blob));
          },
          [this, to](const caf::error& fault) {
            --splicing_;
            to->finish(from_caf(fault));
          });
}

}  // namespace

chunking_actor spawn_chunking(caf::actor_system& system, const environment& env,
                              const chunking_options& options, const cache_limits& limits,
                              store_actor blobs) {
  using pointer = chunking_actor::stateful_pointer<std::unique_ptr<chunking_state>>;
  return system.spawn([=](pointer self) -> chunking_actor::behavior_type {
    self->state = std::make_unique<chunking_state>(self, env, options, limits, blobs);
    auto* state = self->state.get();
    return {
        [=](const split_blob& order) {
          begin_call(order.call, *env.time, [&] { return state->split(order); });
        },
        [=](const splice_blob& order) {
          begin_call(order.call, *env.time, [&] { return state->splice(order); });
        },
    };
  });
}

void add_routes(router& routes, const chunking_actor& to) {
  const std::string service = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";
  add_route<split_blob>(routes, service + "SplitBlob", to);
  add_route<splice_blob>(routes, service + "SpliceBlob", to);
}

}  // namespace kiln
