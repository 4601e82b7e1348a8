#include "core/completeness/result_lookup.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr std::size_t max_record = 8 << 20;  // a result and its mark; updates are held below half of it
constexpr errc longer = errc::out_of_range;  // than what was collected may be
constexpr std::size_t asked_at_once = 4096;  // enough to be cheap, not so many that others wait
constexpr std::size_t parsed_size = 4;       // times the size of a message

// A record, unwrapped and parsed.
expected<looked_up> read_record(const byte_chain& record) {
  looked_up found;
  found.record = record.flatten();
  found.state = result_state::foreign;
  auto result = unwrap_result(found.record);
  if (!result) {
    found.why = result.error();
    return found;
  }
  auto parsed = parse<v2::ActionResult>(*result);
  if (!parsed) {
    found.why = parsed.error();
    return found;
  }
  found.state = result_state::complete;
  found.result = std::move(*result);
  found.parsed = std::move(*parsed);
  return found;
}

// All digests that a result names by itself.
std::vector<const v2::Digest*> named_by(const v2::ActionResult& result) {
  std::vector<const v2::Digest*> all;
  for (const auto& file : result.output_files()) all.push_back(&file.digest());
  if (result.has_stdout_digest()) all.push_back(&result.stdout_digest());
  if (result.has_stderr_digest()) all.push_back(&result.stderr_digest());
  for (const auto& directory : result.output_directories()) {
    if (directory.has_tree_digest()) all.push_back(&directory.tree_digest());
    if (directory.has_root_directory_digest()) all.push_back(&directory.root_directory_digest());
  }
  return all;
}

}  // namespace

result_lookup::result_lookup(store_asker& asker, const result_stores& stores, completeness_index& index,
                             const wanted_result& wanted, outcome then, abandoned is_over)
    : asker_(asker),
      stores_(stores),
      index_(index),
      wanted_(wanted),
      function_(wanted.indexed_as()),
      then_(std::move(then)),
      is_over_(std::move(is_over)) {}

void result_lookup::start() {
  if (!begin()) return;
  collect_blob(
      stores_.results, wanted_.key, max_record,
      [me = shared_from_this()](expected<byte_chain> record) { me->take_record(std::move(record)); });
}

bool result_lookup::begin() {
  const auto as = wanted_.indexed_as();
  if (const auto* known = index_.find(wanted_.key, as)) {
    found_.record = known->record();
    found_.result = known->result();
    needed_ = index_.blobs_of(*known);
    index_.note_touched(*known);
    is_known_ = true;
    ask_missing(0);
    return false;
  }
  if (stores_.check_completeness) ticket_ = index_.begin(wanted_.key, as);
  return true;
}

void result_lookup::go_on(expected<bytes> record) {
  step([&] {
    take_record(record ? expected<byte_chain>(std::move(*record)) : failure(std::move(record).error()));
  });
}

void result_lookup::end(result_state state, error why) {
  memory_.reset();
  if (ticket_ != 0) index_.give_up(std::exchange(ticket_, 0));
  auto then = std::exchange(then_, nullptr);
  if (!then) return;
  found_.state = state;
  found_.why = std::move(why);
  then(std::move(found_));
}

void result_lookup::end_incomplete(const digest& blob) {
  end(result_state::incomplete,
      {errc::not_found, fmt::format("the result refers to blob {}, which is gone", blob)});
}

void result_lookup::end_broken(const error& why) {
  if (why.code() == errc::not_found) return end(result_state::incomplete, why);
  if (why.code() != errc::invalid_argument && why.code() != errc::data_loss) return end_failed(why);
  end(result_state::broken, why);
}

template <class Body>
void result_lookup::step(Body body) {
  auto done = caught([&]() -> expected<void> {
    if (is_over_ && is_over_()) return fail(errc::cancelled, "nobody waits for the result");
    body();
    return {};
  });
  if (!done) end_failed(std::move(done).error());
}

template <class Then>
void result_lookup::make_room(std::uint64_t bytes, Then then) {
  if (!memory_) memory_ = stores_.reading.memory->begin();
  with_room(asker_.home(), *memory_, bytes,
            [me = shared_from_this(), then = std::move(then)] { me->step(then); });
}

void result_lookup::collect_blob(const store_actor& from, const digest& name, std::size_t limit,
                                 std::function<void(expected<byte_chain>)> take) {
  auto then = [me = shared_from_this(), take = std::move(take)](expected<byte_chain> content) {
    me->step([&] { take(std::move(content)); });
  };
  asker_.ask(from, read_blob{name, 0, 0, wanted_.until},
             [me = shared_from_this(), limit, then](expected<blob_content> content) {
               if (!content) return then(failure(std::move(content).error()));
               if (!content->rest) return then(std::move(content->head));
               auto all = std::make_shared<byte_chain>(std::move(content->head));
               pump(
                   content->rest,
                   [all, limit](byte_chain piece) -> expected<void> {
                     if (all->size() + piece.size() > limit)
                       return fail(longer, "more than {} bytes came", limit);
                     all->append(std::move(piece));
                     return {};
                   },
                   come_home<void>(me->asker_.home(), [all, then](const expected<void>& end) {
                     then(end ? expected<byte_chain>(std::move(*all)) : failure(end.error()));
                   }));
             });
}

void result_lookup::take_record(expected<byte_chain> record) {
  if (!record) return end_without_record(std::move(record).error());
  const auto size = record->size();
  if (size <= parsed_in_place) return parse(std::move(*record));
  // Who waits for memory holds none meanwhile: thousands may wait, each for a record of megabytes.
  auto at_hand = std::make_shared<std::optional<byte_chain>>(std::move(*record));
  make_room(size * parsed_size, [me = shared_from_this(), at_hand] {
    if (*at_hand) return me->parse(*std::exchange(*at_hand, std::nullopt));
    me->collect_blob(me->stores_.results, me->wanted_.key, max_record,
                     [me](expected<byte_chain> again) { me->take_again(std::move(again)); });
  });
  at_hand->reset();
}

void result_lookup::end_without_record(error why) {
  const auto state = why.code() == errc::not_found ? result_state::absent
                     : why.code() == longer        ? result_state::foreign
                                                   : result_state::unknown;
  end(state, std::move(why));
}

// It may be another one by now, and larger.
void result_lookup::take_again(expected<byte_chain> record) {
  if (!record) return end_without_record(std::move(record).error());
  memory_->hold(record->size() * parsed_size);
  parse(std::move(*record));
}

void result_lookup::parse(byte_chain record) {
  work_on(
      record.size(), [record] { return read_record(record); },
      [me = shared_from_this()](expected<looked_up> parsed) { me->take_parsed(std::move(parsed)); });
}

void result_lookup::take_parsed(expected<looked_up> parsed) {
  if (!parsed) return end_failed(std::move(parsed).error());
  found_ = std::move(*parsed);
  if (found_.state == result_state::foreign) return end(result_state::foreign, std::move(found_.why));
  // What was not looked for is not told either: a size that nobody has proved would hide the blob.
  if (!stores_.check_completeness) return end(result_state::complete);
  if (wanted_.function) return look_with(*wanted_.function);
  choose_function();
}

// A record does not say which function its digests are of, and some have the same length. It is the one under
// which all that the result names is there; if none is, something is gone whichever it is.
void result_lookup::choose_function() {
  const auto names = named_by(*found_.parsed);
  if (names.empty()) return look_with(digest_function::sha256);
  struct candidate {
    digest_function function;
    std::vector<digest> blobs;
  };
  auto all = std::make_shared<std::vector<candidate>>();
  for (const auto& info : digest_functions()) {
    candidate one{info.function, {}};
    for (const auto* name : names)
      if (auto blob = from_wire(*name, info.function)) one.blobs.push_back(*blob);
    if (one.blobs.size() == names.size()) all->push_back(std::move(one));
  }
  if (all->empty()) return end_broken({errc::invalid_argument, "its digests are of no function of ours"});
  if (all->size() == 1) return look_with(all->front().function);
  find_missing order{{}, wanted_.until};
  for (const auto& one : *all) order.blobs.insert(order.blobs.end(), one.blobs.begin(), one.blobs.end());
  asker_.ask(stores_.content, std::move(order),
             [me = shared_from_this(), all](expected<missing_blobs> missing) {
               me->step([&] {
                 if (!missing) return me->end_failed(std::move(missing).error());
                 const std::unordered_set<digest> gone(missing->blobs.begin(), missing->blobs.end());
                 for (const auto& one : *all)
                   if (std::none_of(one.blobs.begin(), one.blobs.end(),
                                    [&](const digest& blob) { return gone.contains(blob); }))
                     return me->look_with(one.function);
                 me->end_incomplete(missing->blobs.front());
               });
             });
}

void result_lookup::look_with(digest_function function) {
  function_ = function;
  if (auto noted = note_outputs(); !noted) return end_broken(noted.error());
  read_next_tree();
}

expected<void> result_lookup::note_all(const std::vector<digest>& blobs) {
  if (blobs.size() > max_needed - needed_.size())
    return fail(errc::invalid_argument, "it refers to over {} blobs", max_needed);
  needed_.insert(needed_.end(), blobs.begin(), blobs.end());
  return {};
}

expected<void> result_lookup::note(const v2::Digest& name) {
  auto blob = from_wire(name, function_);
  if (!blob) return failure(blob.error());
  return note_all({*blob});
}

expected<void> result_lookup::note_root(const digest& name) {
  if (!walk_) walk_ = std::make_shared<merkle_walk>(function_, output_rules());
  auto added = walk_->add_root(name);
  return added ? expected<void>() : failure(std::move(added).error());
}

expected<void> result_lookup::note_outputs() {
  const auto& result = *found_.parsed;
  for (const auto& file : result.output_files())
    if (auto noted = note(file.digest()); !noted) return noted;
  for (const auto* stream : {result.has_stdout_digest() ? &result.stdout_digest() : nullptr,
                             result.has_stderr_digest() ? &result.stderr_digest() : nullptr})
    if (stream != nullptr)
      if (auto noted = note(*stream); !noted) return noted;
  std::set<digest> trees;
  for (const auto& directory : result.output_directories()) {
    if (directory.has_tree_digest()) {
      if (auto noted = note(directory.tree_digest()); !noted) return noted;
      if (auto fine = check_size(largest::tree, needed_.back()); !fine) return fine;
      if (trees.insert(needed_.back()).second) trees_.push_back(needed_.back());
    }
    if (directory.has_root_directory_digest()) {
      if (auto noted = note(directory.root_directory_digest()); !noted) return noted;
      if (auto noted = note_root(needed_.back()); !noted) return noted;
      needed_.pop_back();  // it is among what the walk finds
    }
  }
  return {};
}

void result_lookup::read_next_tree() {
  if (memory_) memory_->hold(needed_.size() * sizeof(digest));
  if (trees_.empty()) return read_directories();
  auto next = trees_.back();
  trees_.pop_back();
  auto size = static_cast<std::uint64_t>(next.size);
  if (size <= parsed_in_place) return read_tree(next);
  make_room(size * parsed_size, [me = shared_from_this(), next] { me->read_tree(next); });
}

void result_lookup::read_tree(const digest& name) {
  collect_blob(stores_.content, name, static_cast<std::size_t>(name.size),
               [me = shared_from_this(), name](expected<byte_chain> content) {
                 if (!content && content.error().code() == errc::not_found) return me->end_incomplete(name);
                 if (!content) return me->end_failed(std::move(content).error());
                 const auto size = content->size();
                 auto work = [tree = std::move(*content), function = me->function_] {
                   return contents_of_tree(tree, function);
                 };
                 me->work_on(size, std::move(work),
                             [me](const expected<walked_tree>& contents) { me->take_tree(contents); });
               });
}

void result_lookup::take_tree(const expected<walked_tree>& tree) {
  if (!tree) return end_broken(tree.error());
  if (auto noted = note_all(tree->blobs()); !noted) return end_broken(noted.error());
  read_next_tree();
}

void result_lookup::read_directories() {
  if (!walk_) return ask_missing(0);
  if (memory_) memory_->hold(needed_.size() * sizeof(digest) + walk_->memory());
  auto next = walk_->next_batch();
  if (next.empty()) return end_walk();
  const auto size = static_cast<std::uint64_t>(next.bytes);
  auto read = [me = shared_from_this(), next = std::move(next)] {
    me->asker_.ask(me->stores_.content, read_blobs{next.names, me->wanted_.until},
                   [me, next](expected<blob_batch> batch) {
                     me->step([&] {
                       if (!batch) return me->end_failed(std::move(batch).error());
                       me->take_directories(next, std::move(*batch));
                     });
                   });
  };
  if (size <= parsed_in_place) return read();
  make_room(size * parsed_size, std::move(read));
}

void result_lookup::take_directories(merkle_walk::batch asked, blob_batch batch) {
  if (batch.results.size() != asked.places.size())
    return end_failed({errc::internal, "the store answered with another batch"});
  for (std::size_t i = 0; i < asked.names.size(); ++i)
    if (const auto& one = batch.results[i]; !one)
      return one.error().code() == errc::not_found ? end_incomplete(asked.names[i]) : end_failed(one.error());
  // Nobody else touches the walk meanwhile.
  auto work = [walk = walk_, places = std::move(asked.places), batch = std::move(batch)]() -> expected<void> {
    for (std::size_t i = 0; i < places.size(); ++i)
      if (auto taken = walk->take(places[i], batch.results[i]); !taken) return taken;
    return {};
  };
  work_on(static_cast<std::size_t>(asked.bytes), std::move(work),
          [me = shared_from_this()](const expected<void>& taken) {
            taken ? me->read_directories() : me->end_broken(taken.error());
          });
}

void result_lookup::end_walk() {
  const auto found = std::exchange(walk_, nullptr)->finish();
  for (const auto* blobs : {&found.blobs(), &found.directories()})
    if (auto noted = note_all(*blobs); !noted) return end_broken(noted.error());
  ask_missing(0);
}

// What is about to be asked for is named to the index before, so that it hears of what leaves meanwhile.
void result_lookup::ask_missing(std::size_t from) {
  if (from >= needed_.size()) {
    if (ticket_ != 0)
      index_.finish(std::exchange(ticket_, 0), found_.record, found_.record.size() - found_.result.size());
    if (wanted_.with_blobs) found_.blobs = std::move(needed_);
    return end(result_state::complete);
  }
  const auto end = std::min(needed_.size(), from + asked_at_once);
  find_missing order{{needed_.begin() + static_cast<std::ptrdiff_t>(from),
                      needed_.begin() + static_cast<std::ptrdiff_t>(end)},
                     wanted_.until};
  if (ticket_ != 0 && !index_.name(ticket_, order.blobs)) ticket_ = 0;
  asker_.ask(stores_.content, std::move(order),
             [me = shared_from_this(), end](expected<missing_blobs> missing) {
               me->step([&] {
                 // Who does not answer may have lost something.
                 if (!missing && me->is_known_) me->index_.drop_result(me->wanted_.key);
                 if (!missing) return me->end_failed(std::move(missing).error());
                 if (missing->blobs.empty()) return me->ask_missing(end);
                 for (const auto& blob : missing->blobs) me->index_.drop_blob(blob);
                 me->end_incomplete(missing->blobs.front());
               });
             });
}

}  // namespace kiln
