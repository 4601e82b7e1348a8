#include "actors/services/content_addressable_storage.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>

#include "actors/services/cas_messages.hpp"
#include "actors/services/empty_blob.hpp"

namespace kiln {
namespace {

using self_pointer = content_addressable_storage_actor::pointer;

struct serving {
  cache_limits limits;
  store_actor store;
};

// What a client takes by default is 4 MiB, and the announced limit is chosen so that an answer keeps within.
std::size_t answer_limit(const cache_limits& limits) {
  constexpr std::size_t taken_by_default = 4 << 20;
  constexpr std::size_t margin = 64 << 10;
  return std::max<std::size_t>(taken_by_default, limits.max_batch_total_size.bytes + margin);
}

expected<void> check_total(std::uint64_t total, const cache_limits& limits) {
  if (total <= limits.max_batch_total_size.bytes) return {};
  return fail(errc::invalid_argument, "a batch of {} bytes; the limit is {}", total,
              limits.max_batch_total_size.bytes);
}

expected<void> find(self_pointer self, const serving& with, find_missing_blobs& order) {
  auto request = read_find_missing_request(order.request);
  if (!request) return failure(request.error());
  request->blobs = without_empty(request->blobs);
  if (request->blobs.empty()) {
    order.call->reply({});
    return {};
  }
  self->request(with.store, caf::infinite, find_missing{std::move(request->blobs)})
      .then(
          [call = order.call](const missing_blobs& missing) {
            answer_call(call, [&]() -> expected<void> {
              call->reply(write_find_missing_response(missing.blobs));
              return {};
            });
          },
          fails(order.call));
  return {};
}

// An update under way: which blobs the store was asked to keep, and how the others ended at once.
struct updating {
  std::vector<update_request::entry> asked;
  std::vector<error> outcomes;
  std::vector<std::size_t> sent;  // positions in `asked` of what the store was sent
};

error check_entry(const update_request::entry& entry, const cache_limits& limits) {
  if (entry.compressor != 0) return {errc::invalid_argument, "compressed blobs are not taken in batches"};
  if (limits.too_large(entry.blob.size)) return {errc::invalid_argument, "the blob is larger than is taken"};
  if (static_cast<std::uint64_t>(entry.blob.size) != entry.data.size())
    return {errc::invalid_argument, fmt::format("{} bytes came for {}", entry.data.size(), entry.blob)};
  return {};
}

expected<void> update(self_pointer self, const serving& with, batch_update_blobs& order) {
  auto request = read_batch_update_request(order.request);
  if (!request) return failure(request.error());
  std::uint64_t total = 0;
  for (const auto& entry : request->entries) total += entry.data.size();
  if (auto fine = check_total(total, with.limits); !fine) return fine;

  auto state = std::make_shared<updating>();
  state->asked = std::move(request->entries);
  write_blobs batch;
  for (std::size_t i = 0; i < state->asked.size(); ++i) {
    auto& entry = state->asked[i];
    auto fault = check_entry(entry, with.limits);
    if (fault.ok() && !is_empty_blob(entry.blob)) {
      batch.entries.push_back({entry.blob, std::move(entry.data)});
      state->sent.push_back(i);
    }
    state->outcomes.push_back(std::move(fault));
  }
  if (batch.entries.empty()) {
    order.call->reply(write_batch_update_response(state->asked, state->outcomes));
    return {};
  }
  self->request(with.store, caf::infinite, std::move(batch))
      .then(
          [call = order.call, state](const receipts& kept) {
            answer_call(call, [&]() -> expected<void> {
              if (kept.results.size() != state->sent.size())
                return fail(errc::internal, "the store answered {} blobs of {}", kept.results.size(),
                            state->sent.size());
              for (std::size_t i = 0; i < state->sent.size(); ++i)
                if (!kept.results[i]) state->outcomes[state->sent[i]] = kept.results[i].error();
              call->reply(write_batch_update_response(state->asked, state->outcomes));
              return {};
            });
          },
          fails(order.call));
  return {};
}

expected<void> read(self_pointer self, const serving& with, batch_read_blobs& order) {
  auto request = read_batch_read_request(order.request);
  if (!request) return failure(request.error());
  std::uint64_t total = 0;
  for (const auto& blob : request->blobs) {
    total += static_cast<std::uint64_t>(blob.size);
    if (auto fine = check_total(total, with.limits); !fine) return fine;
  }

  read_blobs batch{without_empty(request->blobs)};
  auto asked = std::make_shared<std::vector<digest>>(std::move(request->blobs));
  auto limit = answer_limit(with.limits);
  self->request(with.store, caf::infinite, std::move(batch))
      .then(
          [call = order.call, asked, limit](blob_batch& found) {
            answer_call(call, [&]() -> expected<void> {
              auto results = with_empty(*asked, std::move(found));
              if (!results) return failure(results.error());
              call->reply(write_batch_read_response(*asked, *results, limit));
              return {};
            });
          },
          fails(order.call));
  return {};
}

}  // namespace

content_addressable_storage_actor spawn_content_addressable_storage(caf::actor_system& system,
                                                                    const environment& env,
                                                                    const cache_limits& limits,
                                                                    store_actor blobs) {
  return system.spawn([env, with = serving{limits, std::move(blobs)}](
                          self_pointer self) -> content_addressable_storage_actor::behavior_type {
    const clock& time = *env.time;
    return {
        [self, with, &time](find_missing_blobs& order) {
          begin_call(order.call, time, [&] { return find(self, with, order); });
        },
        [self, with, &time](batch_update_blobs& order) {
          begin_call(order.call, time, [&] { return update(self, with, order); });
        },
        [self, with, &time](batch_read_blobs& order) {
          begin_call(order.call, time, [&] { return read(self, with, order); });
        },
    };
  });
}

void add_routes(router& routes, std::vector<content_addressable_storage_actor> lanes) {
  const std::string service = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";
  add_route<find_missing_blobs>(routes, service + "FindMissingBlobs", lanes);
  add_route<batch_update_blobs>(routes, service + "BatchUpdateBlobs", lanes);
  add_route<batch_read_blobs>(routes, service + "BatchReadBlobs", lanes);
}

}  // namespace kiln
