#include "actors/scheduler/worker_table.hpp"

namespace kiln::scheduling {

bool worker_table::less_loaded::operator()(const worker* left, const worker* right) const noexcept {
  if (left->troubled != right->troubled) return right->troubled;
  // held / slots, without dividing.
  auto left_load = left->held.size() * right->profile.slots;
  auto right_load = right->held.size() * left->profile.slots;
  if (left_load != right_load) return left_load < right_load;
  if (left->last_given != right->last_given) return left->last_given < right->last_given;
  return left->id < right->id;
}

worker& worker_table::add(std::unique_ptr<worker> made) {
  worker& added = *made;
  by_name_[added.profile.name] = &added;
  by_id_.emplace(added.id, std::move(made));
  if (added.has_slot()) ready_.insert(&added);
  return added;
}

void worker_table::remove(const std::string& id) {
  auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  worker* gone = found->second.get();
  ready_.erase(gone);
  if (auto named = by_name_.find(gone->profile.name); named != by_name_.end() && named->second == gone)
    by_name_.erase(named);
  by_id_.erase(found);
}

worker* worker_table::find(const std::string& id) noexcept {
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

worker* worker_table::find_by_name(const std::string& name) noexcept {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

void worker_table::occupy(worker& by, attempt_key what, const counted_amounts& amounts) {
  change(by, [&](worker& w) {
    take(w.left, amounts);
    w.held.emplace(std::move(what), amounts);
    w.last_given = ++given_;
  });
}

bool worker_table::vacate(worker& by, const attempt_key& what) {
  auto found = by.held.find(what);
  if (found == by.held.end()) return false;
  change(by, [&](worker& w) {
    give_back(w.left, found->second);
    w.held.erase(found);
  });
  return true;
}

void worker_table::stop_accepting(worker& which) {
  change(which, [](worker& w) { w.accepting = false; });
}

void worker_table::set_troubled(worker& which, bool troubled) {
  if (which.troubled == troubled) return;
  change(which, [&](worker& w) { w.troubled = troubled; });
}

std::vector<std::string> worker_table::silent_since(steady_time time) const {
  std::vector<std::string> result;
  for (const auto& [id, each] : by_id_)
    if (each->heard < time) result.push_back(id);
  return result;
}

}  // namespace kiln::scheduling
