#include "plugins/stores/completeness_checking/completeness_checking_store.hpp"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "core/completeness/index_memory.hpp"
#include "core/completeness/result_finder.hpp"
#include "core/observe/log.hpp"
#include "core/store_kit/split.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/completeness_checking/drop_guard.hpp"

namespace kiln::completeness_checking {
namespace {

constexpr std::size_t walked_at_once = 8;  // of those that are only asked for: each may be megabytes

constexpr duration patience = std::chrono::seconds(30);  // with a drop, for which writes wait

struct setup {
  result_stores stores;
  environment env;
  std::string name;
  std::uint64_t index_bytes = 0;
  bool drops = false;  ///< nobody else may need what is incomplete here
};

expected<byte_chain> part_of(const bytes& record, const read_blob& order) {
  if (order.offset > record.size())
    return fail(errc::out_of_range, "offset {} is behind the end of result {}", order.offset, order.blob);
  const auto left = record.size() - order.offset;
  return byte_chain(record.slice(order.offset, order.limit == 0 ? left : std::min(left, order.limit)));
}

class checking_store final : public store_wrapper {
public:
  checking_store(resumable_store::pointer self, setup with)
      : store_wrapper(self, with.stores.results),
        env_(with.env),
        name_(with.name),
        drops_(with.drops),
        asker_(self),
        finder_(asker_, {with.env, with.stores, with.index_bytes, "store " + with.name, true}) {
    if (with.index_bytes == 0) return;
    for (const auto& store : {with.stores.results, with.stores.content}) {
      self->monitor(store);
      self->send(store, watch_store{store_observer(resumable_store(self))});
    }
    self->set_down_handler([this](const caf::down_msg&) { finder_.forget_all(); });
    finder_.remember();
  }

  caf::result<missing_blobs> take(find_missing& order);
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order);
  caf::result<lent_files> take(lend_files& order);
  caf::result<leased> take(lease_blobs& order);
  caf::result<forgotten> take(forget_blob& order) {
    finder_.note_writing(order.blob);
    return pass_on(order);
  }
  void take(const blobs_stored& news) { finder_.hear(news); }
  void take(const blobs_evicted& news) { finder_.hear(news); }

private:
  using absent = std::unordered_set<digest>;
  struct check;

  const completeness_index::entry* known(const digest& key) {
    return finder_.known(key, wanted_result{key, {}}.indexed_as());
  }
  /// Which of these are not there, or not whole.
  void check_all(const std::vector<digest>& keys, order_deadline until,
                 std::function<void(expected<absent>)> then);
  void check_some(const std::shared_ptr<check>& state);
  /// The answer to a reader; null where the store below has to be asked after all.
  std::optional<expected<bytes>> answer_of(const digest& key, drop_guard::epoch read_in, looked_up& found);
  error lose(const digest& key, drop_guard::epoch read_in, const looked_up& found);

  void write(write_blob order, answer<receipt> asker);
  void write_all(write_blobs order, answer<receipts> asker);

  const environment env_;
  const std::string name_;
  const bool drops_;
  asker_in<resumable_store> asker_;
  result_finder finder_;
  drop_guard guard_;
};

// ---- reading

error checking_store::lose(const digest& key, drop_guard::epoch read_in, const looked_up& found) {
  if (drops_ && guard_.begin_drop(key, read_in)) {
    finder_.note_writing(key);
    if (env_.log != nullptr)
      env_.log->info("dropping a result that is not whole any more",
                     {{"store", name_}, {"result", key}, {"why", found.why}});
    // Twice where the answer throws, of which the first counts.
    ask(forget_blob{key, env_.time->now() + patience},
        [this, key, ended = std::make_shared<bool>(false)](const expected<forgotten>&) {
          if (!std::exchange(*ended, true)) guard_.end_drop(key);
        });
  }
  return {errc::not_found,
          fmt::format("no whole result {} in store {}: {}", key, name_, found.why.message())};
}

std::optional<expected<bytes>> checking_store::answer_of(const digest& key, drop_guard::epoch read_in,
                                                         looked_up& found) {
  switch (found.state) {
    case result_state::complete:
      return std::move(found.record);
    case result_state::foreign:
      if (found.record.empty()) return std::nullopt;
      return std::move(found.record);
    case result_state::incomplete:
    case result_state::broken:
      return failure(lose(key, read_in, found));
    default:
      return failure(std::move(found.why));
  }
}

caf::result<blob_content> checking_store::take(read_blob& order) {
  auto asker = owe<read_blob>();
  auto deliver = [asker, order](const bytes& record) mutable {
    auto part = part_of(record, order);
    asker.deliver(part ? expected<blob_content>(blob_content{std::move(*part), nullptr})
                       : failure(std::move(part).error()));
  };
  if (const auto* one = known(order.blob)) {
    deliver(one->record());
    return asker;
  }
  const auto epoch = guard_.epoch_of(order.blob);
  finder_.find({order.blob, {}, false, order.until}, [=, this](looked_up found) mutable {
    auto record = answer_of(order.blob, epoch, found);
    if (record && *record) return deliver(**record);
    if (record) return asker.deliver(failure(std::move(*record).error()));
    ask(order, [asker](expected<blob_content> content) mutable { asker.deliver(std::move(content)); });
  });
  return asker;
}

caf::result<blob_batch> checking_store::take(read_blobs& order) {
  auto asker = owe<read_blobs>();
  auto all = std::make_shared<blob_batch>();
  all->results.resize(order.blobs.size(), fail(errc::internal, "nobody answered"));
  std::vector<digest> rest;
  std::vector<std::size_t> places;
  std::vector<drop_guard::epoch> epochs;
  for (std::size_t i = 0; i < order.blobs.size(); ++i) {
    const auto& key = order.blobs[i];
    if (const auto* one = known(key)) {
      all->results[i] = one->record();
      continue;
    }
    rest.push_back(key);
    places.push_back(i);
    epochs.push_back(guard_.epoch_of(key));
  }
  if (rest.empty()) {
    asker.deliver(std::move(*all));
    return asker;
  }
  auto take = [=, this](std::vector<looked_up> found) mutable {
    for (std::size_t i = 0; i < rest.size(); ++i) {
      auto record = answer_of(rest[i], epochs[i], found[i]);
      if (!record)
        record.emplace(
            fail(errc::resource_exhausted, "record {} is too large for a batch of results", rest[i]));
      all->results[places[i]] = std::move(*record);
    }
    asker.deliver(std::move(*all));
  };
  finder_.find_all(rest, order.until, std::move(take));
  return asker;
}

// ---- asking

struct checking_store::check {
  std::vector<digest> keys;  ///< that the store below has
  std::size_t next = 0;
  order_deadline until;
  absent gone;
  std::function<void(expected<absent>)> then;
};

void checking_store::check_all(const std::vector<digest>& keys, order_deadline until,
                               std::function<void(expected<absent>)> then) {
  auto state = std::make_shared<check>();
  state->until = until;
  state->then = std::move(then);
  for (const auto& key : keys)
    if (known(key) == nullptr) state->keys.push_back(key);
  if (state->keys.empty()) return state->then(absent());
  ask(find_missing{state->keys, until}, [this, state](expected<missing_blobs> missing) {
    if (!missing) return state->then(failure(std::move(missing).error()));
    state->gone.insert(missing->blobs.begin(), missing->blobs.end());
    std::erase_if(state->keys, [&](const digest& key) { return state->gone.contains(key); });
    check_some(state);
  });
}

void checking_store::check_some(const std::shared_ptr<check>& state) {
  const auto from = state->next;
  if (from == state->keys.size()) return state->then(std::move(state->gone));
  state->next = std::min(state->keys.size(), from + walked_at_once);
  std::vector<digest> some(state->keys.begin() + static_cast<std::ptrdiff_t>(from),
                           state->keys.begin() + static_cast<std::ptrdiff_t>(state->next));
  std::vector<drop_guard::epoch> epochs;
  for (const auto& key : some) epochs.push_back(guard_.epoch_of(key));
  finder_.find_all(some, state->until, [this, state, some, epochs](std::vector<looked_up> found) {
    for (std::size_t i = 0; i < some.size(); ++i) {
      auto record = answer_of(some[i], epochs[i], found[i]);
      if (!record || *record) continue;
      if (record->error().code() != errc::not_found) return state->then(failure(record->error()));
      state->gone.insert(some[i]);
    }
    check_some(state);
  });
}

caf::result<missing_blobs> checking_store::take(find_missing& order) {
  auto asker = owe<find_missing>();
  check_all(order.blobs, order.until, [asker, asked = order.blobs](expected<absent> gone) mutable {
    if (!gone) return asker.deliver(failure(std::move(gone).error()));
    missing_blobs missing;
    for (const auto& key : asked)
      if (gone->erase(key) > 0) missing.blobs.push_back(key);
    asker.deliver(std::move(missing));
  });
  return asker;
}

caf::result<lent_files> checking_store::take(lend_files& order) {
  auto asker = owe<lend_files>();
  check_all(order.blobs, order.until, [this, asker, order](expected<absent> gone) mutable {
    if (!gone) return asker.deliver(failure(std::move(gone).error()));
    ask(order, [=, this, gone = std::move(*gone)](expected<lent_files> lent) mutable {
      if (lent)
        for (std::size_t i = 0; i < std::min(order.blobs.size(), lent->results.size()); ++i)
          if (gone.contains(order.blobs[i]))
            lent->results[i] = fail(errc::not_found, "no whole result {} in store {}", order.blobs[i], name_);
      asker.deliver(std::move(lent));
    });
  });
  return asker;
}

// The records stay; what they name has no lease from here, which is why none is promised.
caf::result<leased> checking_store::take(lease_blobs& order) {
  auto asker = owe<lease_blobs>();
  check_all(order.blobs, order.until, [this, asker, order](expected<absent> gone) mutable {
    if (!gone) return asker.deliver(failure(std::move(gone).error()));
    ask(order, [asker, asked = order.blobs, gone = std::move(*gone)](expected<leased> held) mutable {
      if (!held) return asker.deliver(std::move(held));
      gone.insert(held->missing.begin(), held->missing.end());
      held->missing.clear();
      for (const auto& key : asked)
        if (gone.erase(key) > 0) held->missing.push_back(key);
      asker.deliver(std::move(held));
    });
  });
  return asker;
}

// ---- writing

caf::result<receipt> checking_store::take(write_blob& order) {
  auto asker = owe<write_blob>();
  write(std::move(order), asker);
  return asker;
}

void checking_store::write(write_blob order, answer<receipt> asker) {
  const auto key = order.blob;
  auto held = std::make_shared<write_blob>(std::move(order));
  if (guard_.holds_back(key, [=, this] { write(std::move(*held), asker); })) return;
  guard_.begin_write(key);
  finder_.note_writing(key);
  ask(std::move(*held),
      [this, asker, key, ended = std::make_shared<bool>(false)](expected<receipt> kept) mutable {
        if (!std::exchange(*ended, true)) guard_.end_write(key);
        finder_.note_writing(key);
        asker.deliver(std::move(kept));
      });
}

caf::result<receipts> checking_store::take(write_blobs& order) {
  auto asker = owe<write_blobs>();
  write_all(std::move(order), asker);
  return asker;
}

void checking_store::write_all(write_blobs order, answer<receipts> asker) {
  std::vector<digest> keys;
  for (const auto& one : order.entries) keys.push_back(one.blob);
  auto held = std::make_shared<write_blobs>(std::move(order));
  for (const auto& key : keys)
    if (guard_.holds_back(key, [=, this] { write_all(std::move(*held), asker); })) return;
  for (const auto& key : keys) {
    guard_.begin_write(key);
    finder_.note_writing(key);
  }
  ask(std::move(*held),
      [this, asker, keys, ended = std::make_shared<bool>(false)](expected<receipts> kept) mutable {
        if (!std::exchange(*ended, true))
          for (const auto& key : keys) guard_.end_write(key);
        for (const auto& key : keys) finder_.note_writing(key);
        asker.deliver(std::move(kept));
      });
}

}  // namespace
}  // namespace kiln::completeness_checking

namespace kiln {

expected<store_actor> spawn_completeness_checking_store(const completeness_checking_options& options,
                                                        const store_context& context) {
  if (context.what != store_role::results)
    return fail(errc::invalid_argument,
                "it would hold content, which refers to nothing: it stands above a store of action results");
  const auto inner = context.promises(options.inner);
  completeness_checking::setup with{
      {context.store(options.inner), context.store(options.content), make_interpreting(context.env)},
      context.env,
      context.name};
  if (may_be_indexed(inner, context.promises(options.content)))
    with.index_bytes = index_memory(options.index_memory);
  with.drops = !inner.shared;
  return spawn_store<completeness_checking::checking_store>(context.system, context.env, std::move(with));
}

}  // namespace kiln
