#include "plugins/stores/fast_slow/fill_table.hpp"

#include <algorithm>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "plugins/stores/fast_slow/joining_source.hpp"

namespace kiln::fast_slow {

fill_table::filling::~filling() {
  auto home = in.lock();
  if (!home) return;
  if (auto found = home->find(blob); found != home->end() && found->second.expired()) home->erase(found);
}

fill_table::fill_table(resumable_store::pointer self, const setting& with, hooks given)
    : self_(self),
      with_(with),
      hooks_(std::move(given)),
      begun_(with.env.metrics
                 ->counters("kiln_fast_slow_fills_total",
                            "Blobs read from the slow store to fill the fast one.", {"store"})
                 .with({with.name})),
      joined_(
          with.env.metrics
              ->counters("kiln_fast_slow_joined_total", "Reads that shared another one's filling.", {"store"})
              .with({with.name})),
      ticker_(self, [this] { return look(); }) {}

fill_table::filling_ptr fill_table::find(const digest& blob) const {
  auto found = fillings_->find(blob);
  return found == fillings_->end() ? nullptr : found->second.lock();
}

void fill_table::read(const read_blob& order, opening then) {
  const reader who{order, std::move(then), with_.env.time->now()};
  auto one = find(order.blob);
  const bool is_first = !one;
  if (is_first) one = start(order.blob);
  const bool may_join = one && !one->is_unwanted && (!one->is_open || one->bytes->has_all_so_far());
  if (!may_join) return hooks_.read_alone(order, who.then);
  if (!is_first) joined_.add();
  one->is_open ? serve(one, who) : one->waiting.push_back(who);
}

void fill_table::fill(const digest& blob, outcome then) {
  auto one = find(blob);
  if (!one) one = start(blob);
  if (one && one->is_unwanted) return then(fail(errc::aborted, "blob {} is being forgotten", blob));
  if (one) return one->after.push_back(std::move(then));
  then(fail(errc::resource_exhausted, "{} blobs fill store {} already", size(), with_.name));
}

void fill_table::forget(const digest& blob) {
  if (auto one = find(blob)) one->is_unwanted = true;
}

fill_table::filling_ptr fill_table::start(const digest& blob) {
  if (size() >= with_.options.fills) return nullptr;
  auto bytes = std::make_shared<broadcast>(with_.options.window.bytes, with_.room, *with_.env.time);
  auto one = std::make_shared<filling>(blob, std::move(bytes), fillings_, with_.env.time->now());
  (*fillings_)[blob] = one;
  begun_.add();
  ticker_.start();
  on_response(
      self_->request(with_.slow, caf::infinite, read_blob{blob}),
      [this, one](blob_content& content) { opened(one, std::move(content)); },
      [this, one](const caf::error& fault) { opened(one, failure(from_caf(fault))); });
  return one;
}

void fill_table::opened(const filling_ptr& one, expected<blob_content> content) {
  if (one->is_given_up) return;
  if (!content) return broke(one, content.error());
  one->made_of = content->made_of;
  if (content->rest)
    return write(one, checked(source_of_content(std::move(content->head), std::move(content->rest)),
                              one->blob, with_.hashing, errc::data_loss));
  verify(resumable_store(self_), with_.hashing, {{{one->blob, content->head.flatten()}}}, errc::data_loss,
         [this, one](const verified_batch& all) { came_whole(one, all); });
}

void fill_table::came_whole(const filling_ptr& one, const verified_batch& all) {
  if (one->is_given_up) return;
  if (all.good.entries.empty()) return broke(one, all.refusals.results.front().error());
  const bytes content = all.good.entries.front().content;
  for (auto& who : std::exchange(one->waiting, {})) who.then(blob_content{content, nullptr, one->made_of});
  write(one, source_of(content));
}

void fill_table::broke(const filling_ptr& one, const error& why) {
  one->bytes->fail(why);
  for (auto& who : std::exchange(one->waiting, {})) who.then(failure(why));
  end(one, failure(why));
}

// The source proves its bytes.
void fill_table::write(const filling_ptr& one, blob_source_ptr source) {
  one->is_open = true;
  auto pacemaker = pacing_source(one->bytes);
  for (auto& who : std::exchange(one->waiting, {})) serve(one, who);
  on_response(
      self_->request(with_.fast, caf::infinite, write_blob{one->blob, std::move(pacemaker)}),
      [this, one](const receipt& kept) { written(one, kept); },
      [this, one](const caf::error& fault) { written(one, failure(from_caf(fault))); });
  one->bytes->begin(std::move(source));
}

void fill_table::serve(const filling_ptr& one, const reader& who) const {
  who.then(blob_content{{}, joining_source(one->bytes, hooks_.elsewhere(who.order)), one->made_of});
}

void fill_table::written(const filling_ptr& one, const expected<receipt>& outcome) {
  if (one->is_given_up) {
    if (outcome && one->is_unwanted) hooks_.drop_fast_copy(one->blob);
    return;
  }
  if (!outcome) {
    if (!one->bytes->has_failed()) hooks_.degraded(one->blob, outcome.error());
    return end(one, failure(outcome.error()));
  }
  // Of what is forgotten, those who read it have the window alone.
  one->is_unwanted ? hooks_.drop_fast_copy(one->blob) : one->bytes->settle();
  end(one, {});
}

// Readers keep what they read from.
void fill_table::end(const filling_ptr& one, const expected<void>& how) {
  one->is_given_up = true;
  if (find(one->blob) == one) fillings_->erase(one->blob);
  for (auto& then : std::exchange(one->after, {})) then(how);
}

bool fill_table::look() {
  const auto now = with_.env.time->now();
  std::vector<filling_ptr> all;
  for (const auto& [blob, one] : *fillings_)
    if (auto alive = one.lock()) all.push_back(std::move(alive));
  for (const auto& one : all) look_at(one, now);
  return !fillings_->empty();
}

void fill_table::look_at(const filling_ptr& one, steady_time now) {
  if (!one->is_open) return look_at_opening(one, now);
  const auto& options = with_.options;
  bool is_held_up = false;
  if (one->bytes->is_over()) {
    if (!one->over) one->over = now;
    is_held_up = now - *one->over >= options.stall_timeout;
  } else {
    is_held_up = !one->bytes->check({options.stall_timeout, options.join_timeout, options.fast_timeout});
  }
  if (!is_held_up) return;
  const error why(errc::deadline_exceeded, "the fast store held up the filling for too long");
  hooks_.degraded(one->blob, why);
  end(one, failure(why));
}

void fill_table::look_at_opening(const filling_ptr& one, steady_time now) {
  const auto& options = with_.options;
  auto& waiting = one->waiting;
  auto stay = std::stable_partition(waiting.begin(), waiting.end(), [&](const reader& who) {
    return now - who.since < options.join_timeout;
  });
  std::vector<reader> leaving(std::make_move_iterator(stay), std::make_move_iterator(waiting.end()));
  waiting.erase(stay, waiting.end());
  for (auto& who : leaving) hooks_.read_alone(who.order, who.then);
  if (now - one->began >= options.stall_timeout)
    broke(one, {errc::unavailable, "the slow store did not answer for too long"});
}

}  // namespace kiln::fast_slow
