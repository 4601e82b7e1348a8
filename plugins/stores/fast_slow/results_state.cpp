#include "plugins/stores/fast_slow/results_state.hpp"

#include <utility>

namespace kiln::fast_slow {
namespace {

error results_never_written() {
  return {errc::permission_denied, "neither the fast nor the slow store is written to"};
}

}  // namespace

results_state::rule results_state::rule_of(const setting& given) {
  if (!given.options.slow_is_written()) return rule::fast_first;
  const bool knows_all = !given.of_slow.shared && !given.of_fast.shared && !given.of_fast.durable &&
                         given.options.fast_direction != fill_direction::read_only;
  return knows_all ? rule::believed_fast_first : rule::slow_first;
}

results_state::results_state(resumable_store::pointer self, setting given)
    : two_stores(self, std::move(given)),
      rule_(rule_of(with())),
      writes_(self, *env().time, options().fast_timeout) {}

/// Results that change in either store, until both have answered.
struct results_state::change {
  std::vector<digest> actions;
  std::vector<bool> is_same;
  std::size_t open;

  change(std::vector<digest> actions_, std::size_t answers)
      : actions(std::move(actions_)), is_same(actions.size(), true), open(answers) {}
};

std::shared_ptr<results_state::change> results_state::begin_change(std::vector<digest> actions,
                                                                   std::size_t answers) {
  auto begun = std::make_shared<change>(std::move(actions), answers);
  if (rule_ == rule::believed_fast_first)
    for (const digest& action : begun->actions) trust_.begin(action);
  return begun;
}

void results_state::note(const std::shared_ptr<change>& what, const double_batch::results& said) {
  for (std::size_t i = 0; i < said.size(); ++i) what->is_same[i] = what->is_same[i] && said[i];
  if (--what->open > 0) return;
  for (std::size_t i = 0; i < what->actions.size(); ++i) end_change(what->actions[i], what->is_same[i]);
}

void results_state::end_change(const digest& action, bool is_same) {
  if (rule_ == rule::believed_fast_first && trust_.end(action, is_same)) forget_fast_copy(action);
}

void results_state::forget_fast_copy(const digest& action) {
  ask(fast(), forget_blob{action}, [this, action](const expected<forgotten>& gone) {
    if (trust_.forgot(action, gone.has_value())) forget_fast_copy(action);
  });
}

caf::result<forgotten> results_state::take(const forget_blob& order) {
  auto asker = owe<forget_blob>();
  auto change = begin_change({order.blob}, 1);
  forget(order, [this, asker, change](expected<forgotten> gone) mutable {
    note(change, {gone ? expected<receipt>() : expected<receipt>(failure(gone.error()))});
    asker.deliver(std::move(gone));
  });
  return asker;
}

caf::result<receipt> results_state::take(write_blob& order) {
  if (!order.source) return to_caf({errc::invalid_argument, "a result without a source was written"});
  if (!options().slow_is_written()) {
    if (writes_fill()) return self()->delegate(fast(), std::move(order));
    order.source->cancel(results_never_written());
    return to_caf(results_never_written());
  }
  auto asker = owe<write_blob>();
  writes_fill() ? write_both(std::move(order), asker) : write_slow(std::move(order), asker);
  return asker;
}

// An older result may lie in the fast store.
void results_state::write_slow(write_blob order, answer<receipt> asker) {
  auto change = begin_change({order.blob}, 1);
  ask(slow(), std::move(order), [this, asker, change](expected<receipt> kept) mutable {
    note(change, {fail(errc::aborted, "the fast store was left out")});
    asker.deliver(std::move(kept));
  });
}

void results_state::write_both(write_blob order, answer<receipt> asker) {
  auto degraded = [this, action = order.blob](const error& why) { note_degraded(action, why); };
  auto both = std::make_shared<double_write>(std::move(order.source), asker, std::move(degraded));
  auto change = begin_change({order.blob}, 2);
  writes_.add(both);
  ask(fast(), write_blob{order.blob, both->fast_source(), {}, order.until},
      [this, both, change](expected<receipt> said) {
        note(change, {said});
        both->fast_said(std::move(said));
      });
  order.source = both->slow_source();
  ask(slow(), std::move(order), [this, both, change](expected<receipt> said) {
    note(change, {said});
    both->slow_said(std::move(said));
  });
}

caf::result<receipts> results_state::take(write_blobs& order) {
  if (!options().slow_is_written()) {
    if (writes_fill()) return self()->delegate(fast(), std::move(order));
    return to_caf(results_never_written());
  }
  auto asker = owe<write_blobs>();
  std::vector<digest> actions;
  for (const auto& entry : order.entries) actions.push_back(entry.blob);
  auto change = begin_change(actions, 2);
  write_blobs near{{}, order.until};
  if (writes_fill()) near = order;
  auto both = std::make_shared<double_batch>(
      writes_fill() ? std::move(actions) : std::vector<digest>(),
      [asker](double_batch::results kept) mutable { asker.deliver(receipts{std::move(kept)}); },
      [this](const digest& action, const error& why) { note_degraded(action, why); });
  writes_.add(both);
  ask_each(fast(), std::move(near), [this, both, change](const double_batch::results& said) {
    const bool is_left_out = said.size() != change->actions.size();
    const error why(errc::aborted, "the fast store was left out");
    note(change, is_left_out ? double_batch::results(change->actions.size(), failure(why)) : said);
    both->fast_said(said);
  });
  ask_each(slow(), std::move(order), [this, both, change](double_batch::results said) {
    note(change, said);
    both->slow_said(std::move(said));
  });
  return asker;
}

}  // namespace kiln::fast_slow
