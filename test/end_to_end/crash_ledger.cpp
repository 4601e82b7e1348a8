#include "test/end_to_end/crash_ledger.hpp"

#include <algorithm>

namespace kiln::end_to_end {
namespace {

constexpr unsigned checks_in_full = 2;

// Keeps `count` of the words, each as likely as the others; all without a count.
template <class T>
void thin_out(std::vector<T>& all, std::mt19937_64& chance, std::optional<std::size_t> count) {
  if (!count || all.size() <= *count) return;
  for (std::size_t i = 0; i < *count; ++i) std::swap(all[i], all[i + chance() % (all.size() - i)]);
  all.resize(*count);
}

// The order of a hash table is nobody's promise; that of digests makes a seed repeatable.
template <class T, class Name>
void append_sorted(std::vector<T>& to, std::vector<T> more, Name name) {
  std::sort(more.begin(), more.end(), [&](const T& a, const T& b) { return name(a) < name(b); });
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

void crash_ledger::blob_sent(const digest& blob) {
  std::lock_guard lock(mutex_);
  blobs_.try_emplace(blob);
}

void crash_ledger::blob_acknowledged(const digest& blob) {
  std::lock_guard lock(mutex_);
  auto& state = blobs_[blob];
  if (!state.acknowledged) bytes_ += static_cast<std::uint64_t>(blob.size);
  state.acknowledged = true;
  state.checks = 0;
  ++acknowledgements_;
}

void crash_ledger::result_sent(const digest& action, v2::ActionResult result) {
  std::lock_guard lock(mutex_);
  auto& state = results_[action];
  state.record.action = action;
  state.record.earlier.insert(result.SerializeAsString());
  state.record.sent = std::move(result);
  state.checks = 0;
}

void crash_ledger::result_acknowledged(const digest& action) {
  std::lock_guard lock(mutex_);
  auto& record = results_[action].record;
  record.acknowledged = std::exchange(record.sent, std::nullopt);
  ++acknowledgements_;
}

crash_ledger::selection crash_ledger::select(std::mt19937_64& chance,
                                             std::optional<std::size_t> sample) const {
  std::lock_guard lock(mutex_);
  auto blob_name = [](const blob_record& one) -> const digest& { return one.name; };
  auto action_name = [](const result_record& one) -> const digest& { return one.action; };
  std::vector<blob_record> fresh_blobs, old_blobs;
  for (const auto& [name, state] : blobs_)
    (state.checks < checks_in_full ? fresh_blobs : old_blobs).push_back({name, state.acknowledged});
  std::vector<result_record> fresh_results, old_results;
  for (const auto& [name, state] : results_)
    (state.checks < checks_in_full ? fresh_results : old_results).push_back(state.record);
  selection chosen;
  std::vector<blob_record> old_in_order;
  append_sorted(old_in_order, std::move(old_blobs), blob_name);
  thin_out(old_in_order, chance, sample);
  append_sorted(chosen.blobs, std::move(fresh_blobs), blob_name);
  append_sorted(chosen.blobs, std::move(old_in_order), blob_name);
  std::vector<result_record> old_results_in_order;
  append_sorted(old_results_in_order, std::move(old_results), action_name);
  thin_out(old_results_in_order, chance, sample);
  append_sorted(chosen.results, std::move(fresh_results), action_name);
  append_sorted(chosen.results, std::move(old_results_in_order), action_name);
  return chosen;
}

void crash_ledger::settle_blob(const digest& blob, bool present) {
  std::lock_guard lock(mutex_);
  if (!present) {
    blobs_.erase(blob);
    return;
  }
  auto& state = blobs_[blob];
  state.acknowledged = true;
  ++state.checks;
}

void crash_ledger::settle_result(const digest& action, std::optional<v2::ActionResult> found) {
  std::lock_guard lock(mutex_);
  if (!found) {
    results_.erase(action);
    return;
  }
  auto& state = results_[action];
  state.record.acknowledged = std::move(found);
  state.record.sent.reset();
  ++state.checks;
}

std::uint64_t crash_ledger::acknowledgements() const {
  std::lock_guard lock(mutex_);
  return acknowledgements_;
}

std::uint64_t crash_ledger::bytes_acknowledged() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace kiln::end_to_end
