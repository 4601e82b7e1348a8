#include "plugins/stores/existence_cache/existence_cache_store.hpp"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "core/observe/memory_budget.hpp"
#include "core/store_kit/split.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/existence_cache/existence_stats.hpp"
#include "plugins/stores/existence_cache/known_blobs.hpp"
#include "plugins/stores/existence_cache/noted_source.hpp"
#include "plugins/stores/existence_cache/touch_queue.hpp"

namespace kiln::existence {
namespace {

constexpr duration longest_gathering = std::chrono::seconds(1);

// Blobs that the store below is asked about, and the epochs in which it is.
struct question {
  std::vector<digest> blobs;
  std::vector<known_blobs::epoch> epochs;
};
using question_ptr = std::shared_ptr<const question>;

bool is_gone(const error& fault) noexcept {
  return fault.code() == errc::not_found || fault.code() == errc::data_loss;
}

// Every order goes on to the store below, but for questions about what it is known to have. From each answer
// something is learned.
class existence_cache_store final : public store_wrapper {
public:
  existence_cache_store(resumable_store::pointer self, store_actor inner, const environment& env,
                        const std::string& name, const existence_cache_options& options)
      : store_wrapper(self, std::move(inner)),
        time_(*env.time),
        max_age_(options.max_age),
        gathering_(std::min(options.touch_every / 8, longest_gathering)),
        stats_(*env.metrics, name),
        known_({options.max_entries, options.max_age, options.touch_every}, *env.time) {
    self->monitor(this->inner());
    self->set_down_handler([this](const caf::down_msg&) { known_.drop_all(); });
    self->send(this->inner(), watch_store{store_observer(resumable_store(self))});
  }

  caf::result<missing_blobs> take(find_missing& order);
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order) { return ask_batch(order); }
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order) { return ask_batch(order); }
  caf::result<lent_files> take(lend_files& order) { return ask_batch(order); }
  caf::result<leased> take(lease_blobs& order);
  caf::result<forgotten> take(forget_blob& order);

  // The last word counts.
  void take(const blobs_stored& news) {
    for (const auto& blob : news.blobs) known_.note_stored(blob);
    show_size();
  }
  void take(const blobs_evicted& news) {
    for (const auto& blob : news.blobs) known_.drop(blob);
    show_size();
  }

private:
  question_ptr about(std::vector<digest> blobs) const;
  template <class Result>
  void learn(const digest& blob, known_blobs::epoch asked_in, const expected<Result>& result) {
    if (result)
      known_.confirm(blob, asked_in);
    else if (is_gone(result.error()))
      known_.drop(blob);
  }
  void learn(const question& asked, const std::vector<digest>& missing);
  template <class Order>
  caf::result<answer_to<Order>> ask_batch(Order& order);

  bool answers_for(const digest& blob);
  void touch_soon();
  void touch();
  void show_size() { stats_.entries.set(static_cast<double>(known_.size())); }

  const clock& time_;
  const duration max_age_;
  const duration gathering_;  ///< how long touches wait for others
  stats stats_;
  known_blobs known_;
  touch_queue touches_;
  bool is_gathering_ = false;
};

question_ptr existence_cache_store::about(std::vector<digest> blobs) const {
  auto asked = std::make_shared<question>();
  asked->epochs.reserve(blobs.size());
  for (const auto& blob : blobs) asked->epochs.push_back(known_.epoch_of(blob));
  asked->blobs = std::move(blobs);
  return asked;
}

void existence_cache_store::learn(const question& asked, const std::vector<digest>& missing) {
  const std::unordered_set<digest> absent(missing.begin(), missing.end());
  for (std::size_t i = 0; i < asked.blobs.size(); ++i)
    if (absent.contains(asked.blobs[i]))
      known_.note_missing(asked.blobs[i]);
    else
      known_.confirm(asked.blobs[i], asked.epochs[i]);
  show_size();
}

template <class Order>
caf::result<answer_to<Order>> existence_cache_store::ask_batch(Order& order) {
  std::vector<digest> blobs;
  for (const auto& entry : entries_of(order)) blobs.push_back(name_of(entry));
  auto asker = make_answer<answer_to<Order>>(self());
  ask(std::move(order), [this, asker, asked = about(std::move(blobs))](auto answers) mutable {
    if (answers)
      for (std::size_t i = 0; i < std::min(asked->blobs.size(), answers->results.size()); ++i)
        learn(asked->blobs[i], asked->epochs[i], answers->results[i]);
    show_size();
    asker.deliver(std::move(answers));
  });
  return asker;
}

// What cannot wait to be touched is asked for instead, which is a touch, too.
bool existence_cache_store::answers_for(const digest& blob) {
  switch (known_.look_up(blob)) {
    case known_blobs::knowledge::none:
      return false;
    case known_blobs::knowledge::fresh:
      return true;
    case known_blobs::knowledge::due:
      break;
  }
  if (touches_.is_full()) touch();
  return touches_.add(blob);
}

caf::result<missing_blobs> existence_cache_store::take(find_missing& order) {
  find_missing rest{{}, order.until};
  for (const auto& blob : order.blobs)
    if (!answers_for(blob)) rest.blobs.push_back(blob);
  stats_.known.add(order.blobs.size() - rest.blobs.size());
  stats_.asked.add(rest.blobs.size());
  touch_soon();
  if (rest.blobs.empty()) return missing_blobs{};
  auto asker = owe<find_missing>();
  auto asked = about(rest.blobs);
  // What is known is not missing, so the answer about the rest is the whole one.
  ask(std::move(rest), [this, asker, asked](expected<missing_blobs> missing) mutable {
    if (missing) learn(*asked, missing->blobs);
    asker.deliver(std::move(missing));
  });
  return asker;
}

caf::result<blob_content> existence_cache_store::take(read_blob& order) {
  auto asker = owe<read_blob>();
  const auto epoch = known_.epoch_of(order.blob);
  ask_as_it_is(order, [this, asker, epoch, blob = order.blob](expected<blob_content> content) mutable {
    learn(blob, epoch, content);
    if (content && content->rest) {
      auto drop =
          tell_home<digest>(resumable_store(self()), [this](const digest& lost) { known_.drop(lost); });
      content->rest = noting_errors(std::move(content->rest), [blob, drop](const error& fault) {
        if (is_gone(fault)) drop(blob);
      });
    }
    asker.deliver(std::move(content));
  });
  return asker;
}

caf::result<receipt> existence_cache_store::take(write_blob& order) {
  auto asker = owe<write_blob>();
  const auto blob = order.blob;
  const auto epoch = known_.epoch_of(blob);
  ask(std::move(order), [this, asker, blob, epoch](expected<receipt> kept) mutable {
    learn(blob, epoch, kept);
    show_size();
    asker.deliver(std::move(kept));
  });
  return asker;
}

caf::result<leased> existence_cache_store::take(lease_blobs& order) {
  auto asker = owe<lease_blobs>();
  auto asked = about(order.blobs);
  ask(std::move(order), [this, asker, asked](expected<leased> lease) mutable {
    if (lease) learn(*asked, lease->missing);
    asker.deliver(std::move(lease));
  });
  return asker;
}

caf::result<forgotten> existence_cache_store::take(forget_blob& order) {
  auto asker = owe<forget_blob>();
  ask(order, [this, asker, blob = order.blob](expected<forgotten> gone) mutable {
    known_.drop(blob);  // also where it is not sure that it is gone
    show_size();
    asker.deliver(std::move(gone));
  });
  return asker;
}

void existence_cache_store::touch_soon() {
  if (touches_.is_empty() || touches_.is_busy()) return;
  if (touches_.is_full() || gathering_ == duration::zero()) return touch();
  if (std::exchange(is_gathering_, true)) return;
  self()->delayed_send(self(), gathering_, resume{[this] {
                         is_gathering_ = false;
                         touch();
                       }});
}

void existence_cache_store::touch() {
  if (touches_.is_empty() || touches_.is_busy()) return;
  auto asked = about(touches_.begin());
  stats_.touched.add(asked->blobs.size());
  // Whoever was answered has gone on, so it bears none of their times; what is older than that is asked anew.
  ask(find_missing{asked->blobs, time_.now() + max_age_}, [this, asked](expected<missing_blobs> missing) {
    touches_.end();
    if (missing)
      learn(*asked, missing->blobs);
    else  // who does not answer may have lost them
      for (const auto& blob : asked->blobs) known_.drop(blob);
    show_size();
    touch_soon();
  });
}

}  // namespace
}  // namespace kiln::existence

namespace kiln {

expected<store_actor> spawn_existence_cache_store(const existence_cache_options& options,
                                                  const store_context& context) {
  claim_memory(context.env.metrics, {"store " + context.name, "max_entries",
                                     options.max_entries * existence::known_blobs::entry_size});
  return spawn_store<existence::existence_cache_store>(
      context.system, context.env, context.store(options.inner), context.env, context.name, options);
}

}  // namespace kiln
