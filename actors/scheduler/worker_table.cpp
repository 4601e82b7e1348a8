#include "actors/scheduler/worker_table.hpp"

namespace kiln::scheduling {

bool worker_kind::less_loaded::operator()(const worker* left, const worker* right) const noexcept {
  if (left->trouble.actions.empty() != right->trouble.actions.empty()) return left->trouble.actions.empty();
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
  return added;
}

void worker_table::remove(const std::string& id) {
  auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  worker* gone = found->second.get();
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

worker_kind* worker_table::join_kind(worker& which) {
  if (!which.accepting || which.kind != nullptr) return nullptr;
  auto [known, is_new] = kinds_by_offer_.try_emplace(which.offered.key());
  if (is_new) {
    auto made = std::make_unique<worker_kind>();
    made->number = ++kinds_made_;
    made->offered = which.offered;
    known->second = made.get();
    kinds_.emplace(made->number, std::move(made));
  }
  auto& kind = *known->second;
  which.kind = &kind;
  kind.members.emplace(which.id, &which);
  if (which.has_slot()) kind.ready.insert(&which);
  return is_new ? &kind : nullptr;
}

worker_kind* worker_table::leave_kind(worker& which) {
  auto* kind = which.kind;
  if (kind == nullptr) return nullptr;
  kind->ready.erase(&which);
  kind->members.erase(which.id);
  which.kind = nullptr;
  return kind->members.empty() ? kind : nullptr;
}

void worker_table::drop(const worker_kind& kind) {
  kinds_by_offer_.erase(kind.offered.key());
  kinds_.erase(kind.number);
}

void worker_table::occupy(worker& by, const attempt_key& what, const counted_amounts& amounts, bool apart) {
  change(by, [&](worker& w) {
    take(w.left, amounts);
    w.held.emplace(what, amounts);
    if (apart) w.apart.insert(what);
    w.last_given = ++given_;
  });
}

bool worker_table::vacate(worker& by, const attempt_key& what) {
  auto found = by.held.find(what);
  if (found == by.held.end()) return false;
  change(by, [&](worker& w) {
    give_back(w.left, found->second);
    w.apart.erase(what);
    w.held.erase(found);
  });
  return true;
}

std::vector<std::string> worker_table::silent_since(steady_time time) const {
  std::vector<std::string> result;
  for (const auto& [id, each] : by_id_)
    if (each->heard < time) result.push_back(id);
  return result;
}

}  // namespace kiln::scheduling
