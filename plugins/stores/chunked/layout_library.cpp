#include "plugins/stores/chunked/layout_library.hpp"

#include <algorithm>
#include <array>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/contract/on_response.hpp"
#include "plugins/stores/chunked/layout.hpp"

namespace kiln::chunked {

namespace {

constexpr std::size_t read_at_once = 8;  // records; one of a blob of 64 MiB has some 10 KB

}  // namespace

// A layout that is there, and of which blob.
struct library::candidate {
  digest blob;
  digest key;
  bool is_old = false;
  composition whole;
};

struct library::search {
  known_compositions& known;
  order_deadline until;
  visitor see;
  std::function<void(expected<void>)> then;
  candidates there{};
  std::size_t next = 0;
  std::unordered_map<digest, known_compositions::ticket> tickets{};

  known_compositions::ticket take_ticket(const digest& blob) {
    auto mine = tickets.extract(blob);
    return mine.empty() ? 0 : mine.mapped();
  }
  void found(const digest& blob, composition whole) {
    known.is_there(blob, take_ticket(blob));
    see(blob, std::move(whole));
  }
  void end(expected<void> outcome) {
    for (const auto& [blob, ticket] : std::exchange(tickets, {})) known.give_up(ticket);
    then(std::move(outcome));
  }
  static auto fails(std::shared_ptr<search> state) {
    return [state = std::move(state)](const caf::error& fault) { state->end(fail(from_caf(fault))); };
  }
};

void library::find(const std::vector<digest>& blobs, order_deadline until,
                   std::function<void(expected<found>)> then) {
  auto complete = std::make_shared<found>();
  visit(
      blobs, until,
      [complete](const digest& blob, composition whole) { complete->emplace(blob, std::move(whole)); },
      [complete, then = std::move(then)](expected<void> end) {
        then(end ? expected<found>(std::move(*complete)) : failure(std::move(end).error()));
      });
}

void library::find_present(const std::vector<digest>& blobs, order_deadline until,
                           std::function<void(expected<std::unordered_set<digest>>)> then) {
  using set = std::unordered_set<digest>;
  auto complete = std::make_shared<set>();
  visit(
      blobs, until, [complete](const digest& blob, const composition&) { complete->insert(blob); },
      [complete, then = std::move(then)](expected<void> end) {
        then(end ? expected<set>(std::move(*complete)) : failure(std::move(end).error()));
      });
}

void library::forget(const digest& blob, order_deadline until, std::function<void(expected<bool>)> then) {
  auto fails = [then](const caf::error& fault) { then(fail(from_caf(fault))); };
  on_response(
      self_->request(layouts_, caf::infinite, forget_blob{layout_key(blob), until}),
      [this, blob, until, then, fails](const forgotten& layout) {
        on_response(
            self_->request(layouts_, caf::infinite, forget_blob{old_layout_key(blob), until}),
            [then, was_present = layout.was_present](const forgotten& old) {
              then(was_present || old.was_present);
            },
            fails);
      },
      fails);
}

void library::visit(const std::vector<digest>& blobs, order_deadline until, visitor see,
                    std::function<void(expected<void>)> then) {
  auto state = std::make_shared<search>(search{known_, until, std::move(see), std::move(then)});
  std::vector<digest> keys;
  keys.reserve(2 * blobs.size());
  for (const auto& blob : blobs) keys.push_back(layout_key(blob));
  for (const auto& blob : blobs) keys.push_back(old_layout_key(blob));
  if (known_.listens())
    for (std::size_t i = 0; i < blobs.size(); ++i)
      if (auto ticket = known_.begin(blobs[i], std::array{keys[i], keys[blobs.size() + i]}))
        state->tickets.emplace(blobs[i], ticket);
  find_missing order{keys, until};
  on_response(
      self_->request(layouts_, caf::infinite, std::move(order)),
      [this, state, blobs, keys = std::move(keys)](const missing_blobs& missing) {
        const std::unordered_set<digest> unknown(missing.blobs.begin(), missing.blobs.end());
        for (std::size_t i = 0; i < blobs.size(); ++i) {
          const bool is_old = unknown.contains(keys[i]);
          const auto& key = keys[is_old ? blobs.size() + i : i];
          if (!unknown.contains(key))
            state->there.push_back({blobs[i], key, is_old, {}});
          else
            known_.give_up(state->take_ticket(blobs[i]));
        }
        read_some(state);
      },
      search::fails(state));
}

void library::read_some(const std::shared_ptr<search>& state) {
  if (state->next == state->there.size()) return state->end({});
  const auto first = state->next;
  state->next = std::min(first + read_at_once, state->there.size());
  read_blobs order{{}, state->until};
  for (auto i = first; i < state->next; ++i) order.blobs.push_back(state->there[i].key);
  on_response(
      self_->request(layouts_, caf::infinite, std::move(order)),
      [this, state, first](const blob_batch& records) {
        candidates readable;
        for (std::size_t i = 0; i < records.results.size(); ++i) {
          const auto& record = records.results[i];
          if (!record) continue;
          auto one = state->there[first + i];
          auto layout = one.is_old ? read_old_layout(*record, one.blob) : read_layout(*record, one.blob);
          if (!layout) continue;  // as good as none: it is made again on demand
          one.whole = std::move(*layout);
          if (auto ticket = state->tickets.find(one.blob); ticket != state->tickets.end())
            known_.need(ticket->second, one.whole);
          readable.push_back(std::move(one));
        }
        check_parts(state, std::move(readable));
      },
      search::fails(state));
}

void library::check_parts(const std::shared_ptr<search>& state, candidates some) {
  if (some.empty()) return read_some(state);
  std::unordered_set<digest> parts;
  for (const auto& one : some) parts.insert(one.whole.parts.begin(), one.whole.parts.end());
  on_response(
      self_->request(inner_, caf::infinite, find_missing{{parts.begin(), parts.end()}, state->until}),
      [this, state, some = std::move(some)](const missing_blobs& missing) mutable {
        const std::unordered_set<digest> gone(missing.blobs.begin(), missing.blobs.end());
        std::erase_if(some, [&](const candidate& one) {
          const auto& parts = one.whole.parts;
          return std::any_of(parts.begin(), parts.end(),
                             [&](const digest& part) { return gone.contains(part); });
        });
        see_next(state, std::make_shared<candidates>(std::move(some)));
      },
      search::fails(state));
}

void library::see_next(const std::shared_ptr<search>& state, const std::shared_ptr<candidates>& some) {
  while (!some->empty()) {
    auto one = std::move(some->back());
    some->pop_back();
    if (one.is_old)
      return old_.adopt(one.blob, one.whole, [this, state, some, one](bool is_right) {
        if (is_right) state->found(one.blob, one.whole);
        see_next(state, some);
      });
    state->found(one.blob, std::move(one.whole));
  }
  read_some(state);
}

}  // namespace kiln::chunked
