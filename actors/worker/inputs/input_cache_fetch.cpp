#include <algorithm>
#include <utility>

#include "actors/worker/inputs/batch_size.hpp"
#include "actors/worker/inputs/input_cache_state.hpp"
#include "actors/worker/inputs/joined_source.hpp"
#include "actors/worker/inputs/private_copy.hpp"
#include "core/contract/on_response.hpp"

/// Inputs that the cache does not have: from the content store into it, or into files of our own.
namespace kiln::lending {

void input_cache_state::fetch(const flight_ptr& one) {
  (is_large(one->which.blob) ? large : small).push_back(one);
}

void input_cache_state::fetch_batch() {
  ++batches;
  std::vector<flight_ptr> batch;
  auto asked = caught([&]() -> expected<void> {
    batch.reserve(std::min(small.size(), batch_blobs));
    ask_for_batch(batch);
    return {};
  });
  if (asked) return;
  fail_batch(batch, asked.error());
  // If nothing was begun, nobody would come back for these.
  for (auto& one : batch.empty() ? std::exchange(small, {}) : std::deque<flight_ptr>())
    land(one, failure(asked.error()));
}

void input_cache_state::fail_batch(const std::vector<flight_ptr>& batch, const error& why) {
  --batches;
  for (const auto& one : batch) land(one, failure(why));
}

/// `batch` has the room. What is in it when something is thrown is nowhere else.
void input_cache_state::ask_for_batch(std::vector<flight_ptr>& batch) {
  read_blobs order;
  order.blobs.reserve(batch.capacity());
  for (std::int64_t room = batch_bytes; !small.empty() && batch.size() < batch_blobs;) {
    room -= small.front()->which.blob.size;
    if (room < 0 && !batch.empty()) break;
    batch.push_back(std::move(small.front()));
    small.pop_front();
    order.blobs.push_back(batch.back()->which.blob);
  }
  on_response(
      self->request(context.cas, caf::infinite, std::move(order)),
      [self = self, batch](blob_batch& content) { self->state.keep_batch(batch, std::move(content)); },
      [self = self, batch](const caf::error& fault) {
        self->state.fail_batch(batch, from_caf(fault));
        self->state.go_on();
      });
}

void input_cache_state::keep_batch(std::vector<flight_ptr> batch, blob_batch content) {
  content.results.resize(batch.size(), fail(errc::internal, "a store answered too few blobs"));
  write_blobs order;
  std::vector<flight_ptr> kept;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto& result = content.results[i];
    if (result) {
      kept.push_back(batch[i]);
      order.entries.push_back({batch[i]->which.blob, std::move(*result)});
    } else if (result.error().code() == errc::not_found) {
      land(batch[i], lent_input_ptr());
    } else {
      land(batch[i], failure(result.error()));
    }
  }
  if (!lends) {
    auto write_all = [root = context.root, pool = context.pool, kept, order = std::move(order)] {
      std::vector<expected<lent_input_ptr>> results;
      for (std::size_t i = 0; i < kept.size(); ++i)
        results.push_back(make_private_copy(root, pool, kept[i]->which, order.entries[i].content));
      return expected<std::vector<expected<lent_input_ptr>>>(std::move(results));
    };
    return offload(me(), *context.pool, std::move(write_all),
                   [self = self, kept](expected<std::vector<expected<lent_input_ptr>>> results) {
                     --self->state.batches;
                     for (std::size_t i = 0; i < kept.size(); ++i)
                       self->state.land(kept[i], results ? (*results)[i] : failure(results.error()));
                     self->state.go_on();
                   });
  }
  self->request(context.cache, caf::infinite, std::move(order))
      .then(
          [self = self, kept](receipts& written) {
            auto& state = self->state;
            --state.batches;
            written.results.resize(kept.size(), fail(errc::internal, "a store answered too few receipts"));
            for (std::size_t i = 0; i < kept.size(); ++i) {
              kept[i]->fetched = true;
              if (written.results[i])
                state.to_ask.push_back(kept[i]);
              else
                state.land(kept[i], failure(written.results[i].error()));
            }
            state.go_on();
          },
          [self = self, kept](const caf::error& fault) {
            --self->state.batches;
            for (const auto& one : kept) self->state.land(one, failure(from_caf(fault)));
            self->state.go_on();
          });
}

void input_cache_state::fetch_large(const flight_ptr& one) {
  ++streams;
  self->request(context.cas, caf::infinite, read_blob{one->which.blob})
      .then([self = self, one](blob_content& content) { self->state.keep_large(one, std::move(content)); },
            [self = self, one](const caf::error& failed) {
              auto fault = from_caf(failed);
              --self->state.streams;
              if (fault.code() == errc::not_found)
                self->state.land(one, lent_input_ptr());
              else
                self->state.land(one, failure(fault));
              self->state.go_on();
            });
}

void input_cache_state::keep_large(const flight_ptr& one, blob_content content) {
  auto source = join(std::move(content.head), std::move(content.rest));
  if (!lends) {
    auto done = come_home<lent_input_ptr>(me(), [self = self, one](const expected<lent_input_ptr>& result) {
      --self->state.streams;
      self->state.land(one, result);
      self->state.go_on();
    });
    return make_private_copy(context.root, context.pool, one->which, std::move(source), std::move(done));
  }
  self->request(context.cache, caf::infinite, write_blob{one->which.blob, std::move(source)})
      .then(
          [self = self, one](const receipt&) {
            --self->state.streams;
            one->fetched = true;
            self->state.to_ask.push_back(one);
            self->state.go_on();
          },
          [self = self, one](const caf::error& fault) {
            --self->state.streams;
            self->state.land(one, failure(from_caf(fault)));
            self->state.go_on();
          });
}

}  // namespace kiln::lending
