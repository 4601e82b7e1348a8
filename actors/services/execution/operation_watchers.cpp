#include "actors/services/execution/operation_watchers.hpp"

#include "actors/services/execution/operation_message.hpp"
#include "core/base/thread_pool.hpp"

namespace kiln {

operation_watchers::id operation_watchers::add(const operation_state& state,
                                               std::shared_ptr<operation_stream> stream, steady_time now) {
  id who = ++last_id_;
  auto message = operation_message(state);
  if (state.now == stage::completed) {
    stream->end(std::move(message));
    return who;
  }
  auto [found, is_new] = by_name_.try_emplace(state.name);
  auto& entry = found->second;
  entry.last = message;
  // Newcomers must not put off the repetition for those who have waited long.
  if (is_new) entry.told = now;
  stream->tell(std::move(message));
  entry.streams.emplace(who, std::move(stream));
  by_id_.emplace(who, state.name);
  return who;
}

void operation_watchers::tell(const operation_state& state, steady_time now) {
  auto found = by_name_.find(state.name);
  if (found == by_name_.end()) return;
  auto message = caught([&]() -> expected<bytes> { return operation_message(state); });
  if (state.now != stage::completed) {
    if (!message) return;  // it will be said again
    found->second.last = *message;
    found->second.told = now;
    for (auto& [who, stream] : found->second.streams) stream->tell(*message);
    return;
  }
  // An end comes once: who cannot be told it must not wait for it.
  auto streams = std::move(found->second.streams);
  by_name_.erase(found);
  for (auto& [who, stream] : streams) {
    by_id_.erase(who);
    auto ended = caught([&, to = stream]() -> expected<void> {
      if (!message) return failure(message.error());
      to->end(*message);
      return {};
    });
    if (!ended) stream->fail(ended.error());
  }
}

std::optional<std::string> operation_watchers::remove(id who) {
  auto found = by_id_.find(who);
  if (found == by_id_.end()) return std::nullopt;
  auto name = std::move(found->second);
  by_id_.erase(found);
  auto entry = by_name_.find(name);
  entry->second.streams.erase(who);
  if (entry->second.streams.empty()) by_name_.erase(entry);
  return name;
}

std::optional<std::string> operation_watchers::end(id who) {
  auto found = by_id_.find(who);
  if (found == by_id_.end()) return std::nullopt;
  auto& entry = by_name_.at(found->second);
  entry.streams.at(who)->end(entry.last);
  return remove(who);
}

void operation_watchers::repeat_unheard_since(steady_time time, steady_time now) {
  for (auto& [name, entry] : by_name_) {
    if (entry.told >= time) continue;
    entry.told = now;
    for (auto& [who, stream] : entry.streams) stream->tell(entry.last);
  }
}

}  // namespace kiln
