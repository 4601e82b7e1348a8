#include "actors/services/action_cache/result_lookup.hpp"

#include <algorithm>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <utility>

#include "core/contract/on_response.hpp"
#include "core/observe/log.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr std::size_t max_record = 8 << 20;  // a result and its mark; updates are held below half of it
constexpr std::size_t asked_at_once = 4096;  // enough to be cheap, not so many that others wait
constexpr std::size_t parsed_size = 4;       // times the size of a message

// A record, unwrapped and parsed.
expected<result_lookup::found> read_record(const byte_chain& record) {
  auto result = unwrap_result(record.flatten());
  if (!result) return failure(result.error());
  auto parsed = parse<v2::ActionResult>(*result);
  if (!parsed) return failure(parsed.error());
  return result_lookup::found{std::move(*result), std::move(*parsed)};
}

}  // namespace

result_lookup::result_lookup(action_cache_service::pointer self, const action_cache_options& options,
                             const find_result& wanted, outcome then, abandoned is_over)
    : self_(self),
      options_(options),
      action_(wanted.action),
      function_(wanted.function),
      key_(options.names.of(wanted.kind, wanted.instance, wanted.action)),
      with_blobs_(wanted.with_blobs),
      until_(wanted.until),
      then_(std::move(then)),
      is_over_(std::move(is_over)) {}

void result_lookup::start() {
  collect_blob(options_.results, key_, max_record, [me = shared_from_this()](expected<byte_chain> record) {
    me->take_record(std::move(record));
  });
}

void result_lookup::end_with_blobs() {
  if (with_blobs_) found_.blobs = std::move(needed_);
  end(std::move(found_));
}

void result_lookup::end(expected<found> outcome) {
  memory_.reset();
  if (auto then = std::exchange(then_, nullptr)) then(std::move(outcome));
}

template <class Body>
void result_lookup::step(Body body) {
  auto done = caught([&]() -> expected<void> {
    if (is_over_ && is_over_()) return fail(errc::cancelled, "nobody waits for the result");
    body();
    return {};
  });
  if (!done) end(failure(std::move(done).error()));
}

template <class Then>
void result_lookup::make_room(std::uint64_t bytes, Then then) {
  if (!memory_) memory_ = options_.reading.memory->begin();
  with_room(me(), *memory_, bytes, [me = shared_from_this(), then = std::move(then)] { me->step(then); });
}

void result_lookup::collect_blob(const store_actor& from, const digest& name, std::size_t limit,
                                 std::function<void(expected<byte_chain>)> take) {
  auto then = [me = shared_from_this(), take = std::move(take)](expected<byte_chain> content) {
    me->step([&] { take(std::move(content)); });
  };
  on_response(
      self_->request(from, caf::infinite, read_blob{name, 0, 0, until_}),
      [me = shared_from_this(), limit, then](blob_content& content) {
        if (!content.rest) return then(std::move(content.head));
        auto all = std::make_shared<byte_chain>(std::move(content.head));
        pump(
            content.rest,
            [all, limit](byte_chain piece) -> expected<void> {
              if (all->size() + piece.size() > limit)
                return fail(errc::resource_exhausted, "more than {} bytes came", limit);
              all->append(std::move(piece));
              return {};
            },
            come_home<void>(me->me(), [all, then](const expected<void>& end) {
              then(end ? expected<byte_chain>(std::move(*all)) : failure(end.error()));
            }));
      },
      [then](const caf::error& fault) { then(failure(from_caf(fault))); });
}

void result_lookup::take_record(expected<byte_chain> record) {
  if (!record) return end(failure(std::move(record).error()));
  const auto size = record->size();
  if (size <= parsed_in_place) return parse(std::move(*record));
  // Who waits for memory holds none meanwhile: thousands may wait, each for a record of megabytes.
  auto at_hand = std::make_shared<std::optional<byte_chain>>(std::move(*record));
  make_room(size * parsed_size, [me = shared_from_this(), at_hand] {
    if (*at_hand) return me->parse(*std::exchange(*at_hand, std::nullopt));
    me->collect_blob(me->options_.results, me->key_, max_record,
                     [me](expected<byte_chain> again) { me->take_again(std::move(again)); });
  });
  at_hand->reset();
}

// It may be another one by now, and larger.
void result_lookup::take_again(expected<byte_chain> record) {
  if (!record) return end(failure(std::move(record).error()));
  memory_->hold(record->size() * parsed_size);
  parse(std::move(*record));
}

void result_lookup::parse(byte_chain record) {
  work_on(
      record.size(), [record] { return read_record(record); },
      [me = shared_from_this()](expected<found> parsed) { me->take_parsed(std::move(parsed)); });
}

void result_lookup::take_parsed(expected<found> parsed) {
  if (!parsed) return drop_record(parsed.error());
  found_ = std::move(*parsed);
  // What was not looked for is not told either: a size that nobody has proved would hide the blob.
  if (!options_.settings.check_completeness) return end(std::move(found_));
  if (auto noted = note_outputs(); !noted) return drop_record(noted.error());
  read_next_tree();
}

// A record that cannot be read would be in the way for ever: it goes, and the action counts as never run.
void result_lookup::drop_record(const error& why) {
  if (why.code() != errc::invalid_argument && why.code() != errc::data_loss) return end(failure(why));
  if (options_.env.log != nullptr)
    options_.env.log->warn("dropping an action result that cannot be read",
                           {{"action", action_}, {"why", why}});
  on_response(
      self_->request(options_.results, caf::infinite, forget_blob{key_}), [](const forgotten&) {},
      [](const caf::error&) {});
  end(fail(errc::not_found, "no result for action {}", action_));
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
  const auto& result = found_.parsed;
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
  collect_blob(options_.content, name, static_cast<std::size_t>(name.size),
               [me = shared_from_this()](expected<byte_chain> content) {
                 if (!content) return me->end(failure(std::move(content).error()));
                 const auto size = content->size();
                 auto work = [tree = std::move(*content), function = me->function_] {
                   return contents_of_tree(tree, function);
                 };
                 me->work_on(size, std::move(work),
                             [me](const expected<walked_tree>& contents) { me->take_tree(contents); });
               });
}

void result_lookup::take_tree(const expected<walked_tree>& tree) {
  if (!tree) return drop_record(tree.error());
  if (auto noted = note_all(tree->blobs()); !noted) return drop_record(noted.error());
  read_next_tree();
}

void result_lookup::read_directories() {
  if (!walk_) return ask_missing(0);
  if (memory_) memory_->hold(needed_.size() * sizeof(digest) + walk_->memory());
  auto next = walk_->next_batch();
  if (next.empty()) return end_walk();
  const auto size = static_cast<std::uint64_t>(next.bytes);
  auto read = [me = shared_from_this(), next = std::move(next)] {
    on_response(
        me->self_->request(me->options_.content, caf::infinite, read_blobs{next.names, me->until_}),
        [me, next](blob_batch& batch) { me->take_directories(next, std::move(batch)); },
        [me](const caf::error& fault) { me->end(failure(from_caf(fault))); });
  };
  if (size <= parsed_in_place) return read();
  make_room(size * parsed_size, std::move(read));
}

void result_lookup::take_directories(merkle_walk::batch asked, blob_batch batch) {
  if (batch.results.size() != asked.places.size())
    return end(fail(errc::internal, "the store answered with another batch"));
  for (const auto& one : batch.results)
    if (!one) return end(fail(one.error()));
  // Nobody else touches the walk meanwhile.
  auto work = [walk = walk_, places = std::move(asked.places), batch = std::move(batch)]() -> expected<void> {
    for (std::size_t i = 0; i < places.size(); ++i)
      if (auto taken = walk->take(places[i], batch.results[i]); !taken) return taken;
    return {};
  };
  work_on(static_cast<std::size_t>(asked.bytes), std::move(work),
          [me = shared_from_this()](const expected<void>& taken) {
            taken ? me->read_directories() : me->drop_record(taken.error());
          });
}

void result_lookup::end_walk() {
  const auto found = std::exchange(walk_, nullptr)->finish();
  for (const auto* blobs : {&found.blobs(), &found.directories()})
    if (auto noted = note_all(*blobs); !noted) return drop_record(noted.error());
  ask_missing(0);
}

void result_lookup::ask_missing(std::size_t from) {
  if (from >= needed_.size()) return end_with_blobs();
  const auto end = std::min(needed_.size(), from + asked_at_once);
  find_missing order{{needed_.begin() + static_cast<std::ptrdiff_t>(from),
                      needed_.begin() + static_cast<std::ptrdiff_t>(end)},
                     until_};
  on_response(
      self_->request(options_.content, caf::infinite, std::move(order)),
      [me = shared_from_this(), end](const missing_blobs& missing) {
        if (missing.blobs.empty()) return me->step([&] { me->ask_missing(end); });
        me->end(fail(errc::not_found, "the result for action {} refers to blob {}, which is gone",
                     me->action_, missing.blobs.front()));
      },
      [me = shared_from_this()](const caf::error& fault) { me->end(failure(from_caf(fault))); });
}

}  // namespace kiln
