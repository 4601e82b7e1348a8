#include "plugins/stores/compression/form_library.hpp"

#include <algorithm>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <unordered_set>

#include "core/contract/on_response.hpp"

namespace kiln::compressing {
namespace {

constexpr std::size_t records_at_once = 1000;  // of some 100 bytes

}  // namespace

struct form_library::search {
  std::vector<digest> blobs;
  order_deadline until;
  heard then;
  std::size_t next = 0;
  found all{};
};

void form_library::look_up(const std::vector<digest>& blobs, order_deadline until, heard then) {
  read_some(std::make_shared<search>(search{blobs, until, std::move(then)}));
}

void form_library::read_some(const std::shared_ptr<search>& state) {
  if (state->next == state->blobs.size()) return state->then(std::move(state->all));
  const auto first = state->next;
  state->next = std::min(first + records_at_once, state->blobs.size());
  read_blobs order{{}, state->until};
  for (auto i = first; i < state->next; ++i) order.blobs.push_back(form_key(state->blobs[i]));
  on_response(
      self_->request(index_, caf::infinite, std::move(order)),
      [this, state, first](const blob_batch& records) {
        for (std::size_t i = 0; i < records.results.size() && first + i < state->next; ++i) {
          const auto& blob = state->blobs[first + i];
          const auto& record = records.results[i];
          if (!record && record.error().code() != errc::not_found && record.error().code() != errc::data_loss)
            return state->then(failure(record.error()));  // it may be there
          // What cannot be read is as good as none: the blob can be written anew.
          if (auto form = record ? read_form(*record, blob) : failure(record.error()); form)
            state->all.emplace(blob, std::move(*form));
        }
        read_some(state);
      },
      [state](const caf::error& fault) { state->then(fail(from_caf(fault))); });
}

void form_library::find(const std::vector<digest>& blobs, order_deadline until, heard then) {
  look_up(blobs, until, [this, until, then = std::move(then)](expected<found> known) {
    if (!known || known->empty()) return then(std::move(known));
    find_missing order{{}, until};
    for (const auto& [blob, form] : *known)
      for (const auto& one : form.segments) order.blobs.push_back(one.name);
    auto all = std::make_shared<found>(std::move(*known));
    on_response(
        self_->request(inner_, caf::infinite, std::move(order)),
        [all, then](const missing_blobs& missing) {
          const std::unordered_set<digest> gone(missing.blobs.begin(), missing.blobs.end());
          std::erase_if(*all, [&](const auto& one) {
            const auto& segments = one.second.segments;
            return std::any_of(segments.begin(), segments.end(),
                               [&](const segment& part) { return gone.contains(part.name); });
          });
          then(std::move(*all));
        },
        [then](const caf::error& fault) { then(fail(from_caf(fault))); });
  });
}

void form_library::keep(const digest& blob, const packed_form& form, order_deadline until,
                        std::function<void(expected<void>)> then) {
  on_response(
      self_->request(index_, caf::infinite,
                     write_blob{form_key(blob), source_of(write_form(form)), {}, until}),
      [then](const receipt&) { then({}); }, [then](const caf::error& fault) { then(fail(from_caf(fault))); });
}

void form_library::forget(const digest& blob, order_deadline until,
                          std::function<void(expected<bool>)> then) {
  on_response(
      self_->request(index_, caf::infinite, forget_blob{form_key(blob), until}),
      [then](const forgotten& gone) { then(gone.was_present); },
      [then](const caf::error& fault) { then(fail(from_caf(fault))); });
}

}  // namespace kiln::compressing
