#include "actors/services/content_addressable_storage/content_addressable_storage.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <unordered_set>

#include "actors/services/common/empty_blob.hpp"
#include "actors/services/content_addressable_storage/batch_compression.hpp"
#include "actors/services/content_addressable_storage/cas_messages.hpp"
#include "core/contract/on_response.hpp"

namespace kiln {

namespace {

using cas_pointer = content_addressable_storage_actor::pointer;

// Blobs in one question to the store: enough to be cheap. There may be a layout behind each large one, so few
// of these.
constexpr std::size_t found_at_once = 4096;
constexpr std::int64_t large = 1 << 20;
constexpr std::size_t weight_of_large = 64;

// Behind those that one question, from here on, may be about.
std::vector<digest>::const_iterator end_of_question(std::vector<digest>::const_iterator from,
                                                    std::vector<digest>::const_iterator end) {
  for (std::size_t weight = 0; from != end; ++from) {
    weight += from->size < large ? 1 : weight_of_large;
    if (weight > found_at_once) break;
  }
  return from;
}

struct serving {
  cache_limits limits;
  compression zstd;
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

// The digests of one request are of one function.
expected<void> check_functions(const std::vector<digest>& blobs, const cache_limits& limits) {
  return blobs.empty() ? expected<void>() : limits.check_function(blobs.front().function);
}

// A question about many blobs is asked in parts, so that it ends when its client has left.
struct finding {
  call_ptr call;
  std::vector<digest> asked;
  std::size_t next = 0;
  std::vector<digest> missing;
  std::unordered_set<digest> told;
};

void find_some(cas_pointer self, const serving& with, const std::shared_ptr<finding>& state) {
  if (state->call->cancelled()) return state->call->finish({errc::cancelled, "the client has left"});
  if (state->next == state->asked.size())
    return state->call->reply(write_find_missing_response(state->missing));
  const auto from = state->asked.cbegin() + static_cast<std::ptrdiff_t>(state->next);
  const auto end = end_of_question(from, state->asked.cend());
  state->next += static_cast<std::size_t>(end - from);
  find_missing some{{from, end}, waits_until(state->call)};
  on_response(
      self->request(with.store, caf::infinite, std::move(some)),
      [self, with, state](const missing_blobs& missing) {
        for (const auto& blob : missing.blobs)
          if (state->told.insert(blob).second) state->missing.push_back(blob);
        find_some(self, with, state);
      },
      fails(state->call));
}

expected<void> find(cas_pointer self, const serving& with, find_missing_blobs& order) {
  auto request = read_find_missing_request(order.request);
  if (!request) return failure(request.error());
  if (auto fine = check_functions(request->blobs, with.limits); !fine) return fine;
  request->blobs = without_empty(request->blobs);
  if (request->blobs.empty()) {
    order.call->reply({});
    return {};
  }
  if (end_of_question(request->blobs.cbegin(), request->blobs.cend()) != request->blobs.cend()) {
    find_some(self, with, std::make_shared<finding>(finding{order.call, std::move(request->blobs)}));
    return {};
  }
  on_response(
      self->request(with.store, caf::infinite,
                    find_missing{std::move(request->blobs), waits_until(order.call)}),
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
struct batch_update {
  call_ptr call;
  std::vector<update_request::entry> asked;
  std::vector<error> outcomes;
  std::vector<std::size_t> sent;  // positions in `asked` of what the store was sent
};

error check_entry(const update_request::entry& entry, const cache_limits& limits) {
  if (entry.form != compressor::identity && entry.form != compressor::zstd)
    return {errc::invalid_argument, "blobs are taken as they are or as zstd"};
  if (limits.too_large(entry.blob.size)) return {errc::invalid_argument, "the blob is larger than is taken"};
  if (entry.form == compressor::identity && static_cast<std::uint64_t>(entry.blob.size) != entry.data.size())
    return {errc::invalid_argument, fmt::format("{} bytes came for {}", entry.data.size(), entry.blob)};
  return {};
}

// How much a batch is, at the most, before or behind its compression.
expected<std::uint64_t> size_of(const std::vector<update_request::entry>& entries,
                                const cache_limits& limits) {
  std::uint64_t total = 0;
  for (const auto& entry : entries) {
    total += entry.form == compressor::identity
                 ? entry.data.size()
                 : std::max<std::uint64_t>(entry.data.size(), static_cast<std::uint64_t>(entry.blob.size));
    if (auto fine = check_total(total, limits); !fine) return failure(fine.error());
  }
  return total;
}

expected<void> keep(cas_pointer self, const serving& with, const std::shared_ptr<batch_update>& state) {
  write_blobs batch{{}, waits_until(state->call)};
  for (std::size_t i = 0; i < state->asked.size(); ++i) {
    auto& entry = state->asked[i];
    if (!state->outcomes[i].ok() || is_empty_blob(entry.blob)) continue;
    batch.entries.push_back({entry.blob, std::move(entry.data)});
    state->sent.push_back(i);
  }
  if (batch.entries.empty()) {
    state->call->reply(write_batch_update_response(state->asked, state->outcomes));
    return {};
  }
  on_response(
      self->request(with.store, caf::infinite, std::move(batch)),
      [state](const receipts& kept) {
        answer_call(state->call, [&]() -> expected<void> {
          if (kept.results.size() != state->sent.size())
            return fail(errc::internal, "the store answered {} blobs of {}", kept.results.size(),
                        state->sent.size());
          for (std::size_t i = 0; i < state->sent.size(); ++i)
            if (!kept.results[i]) state->outcomes[state->sent[i]] = kept.results[i].error();
          state->call->reply(write_batch_update_response(state->asked, state->outcomes));
          return {};
        });
      },
      fails(state->call));
  return {};
}

expected<void> update(cas_pointer self, const serving& with, batch_update_blobs& order) {
  auto request = read_batch_update_request(order.request);
  if (!request) return failure(request.error());
  if (!request->entries.empty())
    if (auto fine = with.limits.check_function(request->entries.front().blob.function); !fine) return fine;
  auto size = size_of(request->entries, with.limits);
  if (!size) return failure(size.error());

  auto state = std::make_shared<batch_update>();
  state->call = order.call;
  state->asked = std::move(request->entries);
  for (const auto& entry : state->asked) state->outcomes.push_back(check_entry(entry, with.limits));
  if (!any_compressed(state->asked)) return keep(self, with, state);
  auto go_on = [self, with, state](expected<void> unpacked) {
    answer_call(state->call, [&] { return unpacked ? keep(self, with, state) : unpacked; });
  };
  auto unpacked = come_home<void>(content_addressable_storage_actor(self), std::move(go_on));
  return with.zstd.run(*size, [state, unpacked, log = with.zstd.window_log] {
    unpacked(caught([&]() -> expected<void> {
      if (state->call->cancelled()) return fail(errc::cancelled, "the client has left");
      unpack(state->asked, state->outcomes, log);
      return {};
    }));
  });
}

// A read under way: what was asked, and what was found.
struct batch_reading {
  call_ptr call;
  std::vector<digest> asked;
  std::vector<expected<bytes>> results;
  std::size_t limit = 0;

  void reply(const std::vector<compressor>& forms) {
    call->reply(write_batch_read_response(asked, results, limit, forms));
  }
  void pack_and_reply(int level) {
    answer_call(call, [&]() -> expected<void> {
      if (call->cancelled()) return fail(errc::cancelled, "the client has left");
      reply(pack(results, level));
      return {};
    });
  }
};

expected<void> read(cas_pointer self, const serving& with, batch_read_blobs& order) {
  auto request = read_batch_read_request(order.request);
  if (!request) return failure(request.error());
  if (auto fine = check_functions(request->blobs, with.limits); !fine) return fine;
  std::uint64_t total = 0;
  for (const auto& blob : request->blobs) {
    total += static_cast<std::uint64_t>(blob.size);
    if (auto fine = check_total(total, with.limits); !fine) return fine;
  }

  read_blobs batch{without_empty(request->blobs), waits_until(order.call)};
  auto reading = std::make_shared<batch_reading>();
  reading->call = order.call;
  reading->asked = std::move(request->blobs);
  reading->limit = answer_limit(with.limits);
  on_response(
      self->request(with.store, caf::infinite, std::move(batch)),
      [reading, total, packed = request->takes_zstd, zstd = with.zstd](blob_batch& found) {
        answer_call(reading->call, [&]() -> expected<void> {
          auto results = with_empty(reading->asked, std::move(found));
          if (!results) return failure(results.error());
          reading->results = std::move(*results);
          if (packed)
            return zstd.run(total, [reading, level = zstd.level] { reading->pack_and_reply(level); });
          reading->reply({});
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
                                                                    const compression& zstd,
                                                                    store_actor blobs) {
  return system.spawn([env, with = serving{limits, zstd, std::move(blobs)}](
                          cas_pointer self) -> content_addressable_storage_actor::behavior_type {
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
        resuming(),
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
