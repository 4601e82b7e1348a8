#include "plugins/stores/chunked/library.hpp"

#include <algorithm>
#include <caf/typed_event_based_actor.hpp>

#include "plugins/stores/chunked/layout.hpp"

namespace kiln::chunked {

namespace {

constexpr std::size_t read_at_once = 8;  // records; one of a blob of 64 MiB has some 10 KB

}  // namespace

struct library::search {
  std::vector<digest> blobs;  // those that have a layout
  std::vector<digest> keys;   // of the same
  std::size_t next = 0;
  visitor see;
  std::function<void(expected<void>)> then;

  static auto fails(std::shared_ptr<search> state) {
    return [state = std::move(state)](const caf::error& fault) { state->then(fail(from_caf(fault))); };
  }
};

void library::find(const std::vector<digest>& blobs, std::function<void(expected<found>)> then) {
  auto complete = std::make_shared<found>();
  visit(
      blobs, [complete](const digest& blob, composition whole) { complete->emplace(blob, std::move(whole)); },
      [complete, then = std::move(then)](expected<void> end) {
        then(end ? expected<found>(std::move(*complete)) : failure(std::move(end).error()));
      });
}

void library::find_present(const std::vector<digest>& blobs,
                           std::function<void(expected<std::unordered_set<digest>>)> then) {
  using set = std::unordered_set<digest>;
  auto complete = std::make_shared<set>();
  visit(
      blobs, [complete](const digest& blob, const composition&) { complete->insert(blob); },
      [complete, then = std::move(then)](expected<void> end) {
        then(end ? expected<set>(std::move(*complete)) : failure(std::move(end).error()));
      });
}

void library::visit(const std::vector<digest>& blobs, visitor see, std::function<void(expected<void>)> then) {
  auto state = std::make_shared<search>();
  state->see = std::move(see);
  state->then = std::move(then);
  std::vector<digest> keys;
  for (const auto& blob : blobs) keys.push_back(layout_key(blob));
  self_->request(layouts_, caf::infinite, find_missing{keys})
      .then(
          [this, state, blobs, keys](const missing_blobs& missing) {
            const std::unordered_set<digest> unknown(missing.blobs.begin(), missing.blobs.end());
            for (std::size_t i = 0; i < keys.size(); ++i) {
              if (unknown.contains(keys[i])) continue;
              state->blobs.push_back(blobs[i]);
              state->keys.push_back(keys[i]);
            }
            read_some(state);
          },
          search::fails(state));
}

void library::read_some(const std::shared_ptr<search>& state) {
  if (state->next == state->keys.size()) return state->then({});
  const auto first = state->next;
  const auto last = std::min(first + read_at_once, state->keys.size());
  state->next = last;
  std::vector<digest> keys(state->keys.begin() + static_cast<std::ptrdiff_t>(first),
                           state->keys.begin() + static_cast<std::ptrdiff_t>(last));
  self_->request(layouts_, caf::infinite, read_blobs{std::move(keys)})
      .then(
          [this, state, first](const blob_batch& records) {
            found candidates;
            for (std::size_t i = 0; i < records.results.size(); ++i) {
              if (!records.results[i]) continue;
              const auto& blob = state->blobs[first + i];
              // One that is broken is as good as none: it is made again on demand.
              if (auto layout = read_layout(*records.results[i], blob))
                candidates.emplace(blob, std::move(*layout));
            }
            check_parts(state, std::move(candidates));
          },
          search::fails(state));
}

void library::check_parts(const std::shared_ptr<search>& state, found candidates) {
  if (candidates.empty()) return read_some(state);
  std::unordered_set<digest> parts;
  for (const auto& [blob, whole] : candidates) parts.insert(whole.parts.begin(), whole.parts.end());
  self_->request(inner_, caf::infinite, find_missing{{parts.begin(), parts.end()}})
      .then(
          [this, state, candidates = std::move(candidates)](const missing_blobs& missing) mutable {
            const std::unordered_set<digest> gone(missing.blobs.begin(), missing.blobs.end());
            for (auto& [blob, whole] : candidates) {
              auto is_gone = [&](const digest& part) { return gone.contains(part); };
              if (std::none_of(whole.parts.begin(), whole.parts.end(), is_gone))
                state->see(blob, std::move(whole));
            }
            read_some(state);
          },
          search::fails(state));
}

}  // namespace kiln::chunked
