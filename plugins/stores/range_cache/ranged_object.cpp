#include "plugins/stores/range_cache/ranged_object.hpp"

#include <algorithm>
#include <utility>

#include "core/base/duration_text.hpp"
#include "core/base/thread_pool.hpp"

namespace kiln::range_cache {
namespace {

/// Parts of several chunks, put together in their order when all are there. The first error is that of all.
struct joined_parts {
  joined_parts(std::size_t count, ranged_object::done then_)
      : parts(count), open(count), then(std::move(then_)) {}

  void settle(std::size_t at, expected<bytes> one) {
    if (!then) return;
    if (!one) return std::exchange(then, nullptr)(failure(one.error()));
    parts[at] = std::move(*one);
    if (--open > 0) return;
    byte_chain all;
    for (auto& part : parts) all.append(std::move(part));
    std::exchange(then, nullptr)(std::move(all));
  }

  std::vector<bytes> parts;
  std::size_t open;
  ranged_object::done then;
};

void run(const chunk::calls& all) {
  for (const auto& one : all) one();
}

}  // namespace

ranged_object::ranged_object(const range_settings& settings, const clock& time, chunk_room& room,
                             range_stats& stats, origin from, std::optional<std::uint64_t> size)
    : settings_(settings), time_(time), room_(room), stats_(stats), from_(std::move(from)) {
  if (size) facts_ = object_facts{*size, {}};
}

ranged_object::~ranged_object() {
  try {
    drop_all({errc::cancelled, "the reading of ranges was given up"});
  } catch (...) {  // NOLINT: what the continuations hold is dropped, which answers
  }
}

std::optional<std::uint64_t> ranged_object::size() const {
  return facts_ ? std::optional(facts_->size) : std::nullopt;
}

bool ranged_object::is_fetching() const noexcept {
  return std::any_of(chunks_.begin(), chunks_.end(),
                     [](const auto& one) { return one.second.now.has_value(); });
}

void ranged_object::read(std::uint64_t offset, std::uint64_t size, done then) {
  if (size == 0) return then(byte_chain());
  if (!facts_) return read_unsized({offset, size, std::move(then)});
  if (offset > facts_->size)
    return then(
        fail(errc::out_of_range, "offset {} lies behind the object's end at {}", offset, facts_->size));
  const std::uint64_t count = std::min(size, facts_->size - offset);
  if (count == 0) return then(byte_chain());
  auto self = shared_from_this();
  const std::uint64_t end = offset + count, first = chunk_of(offset), last = chunk_of(end - 1);
  auto all = std::make_shared<joined_parts>(last - first + 1, std::move(then));
  for (std::uint64_t index = first; index <= last; ++index) {
    const std::uint64_t chunk_begin = begin_of(index);
    await(index, std::max(offset, chunk_begin) - chunk_begin,
          std::min(end - chunk_begin, settings_.chunk_size),
          [all, at = index - first](expected<bytes> part) { all->settle(at, std::move(part)); });
  }
}

void ranged_object::await(std::uint64_t index, std::uint64_t begin, std::uint64_t end, chunk::hearer then) {
  drop_if_old(index);
  auto found = chunks_.find(index);
  entry* one = found == chunks_.end() ? make_entry(index) : &found->second;
  if (one == nullptr)
    return then(fail(errc::resource_exhausted, "the memory for chunks is taken by those that are fetched"));
  if (one->content.ready() >= end) {
    stats_.at_hand.add();
    if (one->idle) room_.note_use(*one->idle);
    return then(one->content.part(begin, end));
  }
  (one->now ? stats_.joined : stats_.fetched).add();
  one->content.await(begin, end, std::move(then));
  if (!one->now) start(index, *one);
}

std::uint64_t ranged_object::at_hand(std::uint64_t offset) const {
  auto found = chunks_.find(chunk_of(offset));
  const std::uint64_t within = offset - begin_of(chunk_of(offset));
  return found == chunks_.end() || found->second.content.ready() <= within
             ? 0
             : found->second.content.ready() - within;
}

void ranged_object::fetch_ahead(std::uint64_t offset) {
  if (!facts_ || offset >= facts_->size) return;
  const std::uint64_t index = chunk_of(offset);
  auto found = chunks_.find(index);
  entry* one = found == chunks_.end() ? make_entry(index) : &found->second;
  if (one != nullptr && !one->now && !one->content.is_whole()) start(index, *one);
}

// Null if there is no room.
ranged_object::entry* ranged_object::make_entry(std::uint64_t index) {
  std::uint64_t size = settings_.chunk_size;
  if (facts_) size = std::min(size, facts_->size - begin_of(index));
  if (!room_.take(size)) return nullptr;
  try {
    return &chunks_.emplace(index, entry{chunk(size), time_.now(), {}, {}}).first->second;
  } catch (...) {
    room_.give_back(size);
    throw;
  }
}

ranged_object::chunk_map::iterator ranged_object::erase(chunk_map::iterator which) {
  auto& [index, one] = *which;
  if (one.idle) room_.withdraw(*one.idle);
  room_.give_back(one.content.size());
  return chunks_.erase(which);
}

void ranged_object::drop_if_old(std::uint64_t index) {
  auto found = chunks_.find(index);
  if (found != chunks_.end() && found->second.idle && time_.now() - found->second.since >= settings_.max_age)
    erase(found);
}

ranged_object::entry* ranged_object::running_entry(std::uint64_t index, std::uint64_t number) {
  auto found = chunks_.find(index);
  const bool is_it = found != chunks_.end() && found->second.now && found->second.now->number == number;
  return is_it ? &found->second : nullptr;
}

// One answer says it; until then nobody knows which chunks there are.
void ranged_object::read_unsized(request one) {
  unsized_.push_back(std::move(one));
  if (!learning_) begin_to_learn();
}

void ranged_object::begin_to_learn() {
  const std::uint64_t index = chunk_of(unsized_.front().offset);
  learning_ = index;
  entry* one = make_entry(index);
  if (one != nullptr) return start(index, *one);
  const error why(errc::resource_exhausted, "the memory for chunks is taken by those that are fetched");
  go_on_with_unsized(index, &why);
}

// With `why`, the answer that would have said it has failed: an error is of those that asked for that chunk,
// and the others ask for theirs.
void ranged_object::go_on_with_unsized(std::uint64_t index, const error* why) {
  auto self = shared_from_this();
  learning_.reset();
  for (auto& one : std::exchange(unsized_, {}))
    if (why != nullptr && chunk_of(one.offset) == index)
      one.then(failure(*why));
    else
      read(one.offset, one.size, std::move(one.then));
}

void ranged_object::start(std::uint64_t index, entry& one) {
  if (one.idle) room_.withdraw(*std::exchange(one.idle, std::nullopt));
  const std::uint64_t number = ++fetches_, ready = one.content.ready();
  const steady_time now = time_.now();
  one.now = running{number, now, now, nullptr};
  auto of_this = [weak = weak_from_this(), index, number](auto member) {
    return [=](const auto& word) {
      if (auto self = weak.lock()) ((*self).*member)(index, number, word);
    };
  };
  fetch_events events{of_this(&ranged_object::note_facts), of_this(&ranged_object::note_bytes),
                      of_this(&ranged_object::finish)};
  auto begun = caught([&]() -> expected<fetch> {
    return from_(begin_of(index) + ready, one.content.size() - ready, now + settings_.fetch_timeout,
                 std::move(events));
  });
  if (!begun) return finish(index, number, failure(begun.error()));
  one.now->handle = std::move(*begun);
}

void ranged_object::note_facts(std::uint64_t index, std::uint64_t number, const object_facts& facts) {
  entry* one = running_entry(index, number);
  if (one == nullptr) return;
  const bool is_first = !facts_ || (!is_told_ && facts_->size == facts.size);
  if (!is_first && *facts_ != facts) {
    auto self = shared_from_this();
    facts_ = facts;
    is_told_ = true;
    ++generation_;
    return run(clear({errc::aborted, "the object changed while it was read"}));
  }
  is_told_ = true;
  if (std::exchange(facts_, facts)) return;
  note_size(index, *one);
}

// The last chunk is smaller than others, and there may be none here at all.
void ranged_object::note_size(std::uint64_t index, entry& one) {
  const std::uint64_t begin = begin_of(index), had = one.content.size();
  if (facts_->size <= begin) {
    erase(chunks_.find(index));
  } else if (facts_->size - begin < had) {
    one.content.cut(facts_->size - begin);
    room_.give_back(had - one.content.size());
  }
  go_on_with_unsized(index, nullptr);
}

void ranged_object::note_bytes(std::uint64_t index, std::uint64_t number, const byte_chain& piece) {
  entry* one = running_entry(index, number);
  if (one == nullptr) return;
  if (!facts_) return finish(index, number, fail(errc::internal, "bytes came before the object's size"));
  if (piece.size() > one->content.size() - one->content.ready())
    return finish(index, number, fail(errc::data_loss, "more bytes came than were asked for"));
  stats_.fetched_bytes.add(piece.size());
  one->now->moved = time_.now();
  auto self = shared_from_this();
  run(one->content.append(piece));
}

void ranged_object::finish(std::uint64_t index, std::uint64_t number, expected<void> how) {
  entry* one = running_entry(index, number);
  if (one == nullptr) return;
  auto self = shared_from_this();
  auto last_word = std::exchange(one->now, std::nullopt);  // and with it the fetch
  const std::uint64_t ready = one->content.ready(), size = one->content.size();
  if (how && !facts_) how = fail(errc::internal, "nothing was said of the object's size");
  if (how && ready < size) how = fail(errc::data_loss, "only {} of {} bytes came of a chunk", ready, size);
  // Whoever says that bytes are lost may mean those that came.
  const bool is_distrusted = !how && how.error().code() == errc::data_loss;
  if (!is_distrusted && ready == size) how = {};
  chunk::calls left;
  if (!how) {
    stats_.failed.add();
    left = one->content.fail(how.error());
  }
  if (ready == 0 || is_distrusted)
    erase(chunks_.find(index));
  else
    one->idle = room_.add_idle({size, [this, index] { chunks_.erase(index); }});
  run(left);
  if (!how && !facts_ && learning_ == index) go_on_with_unsized(index, &how.error());
}

void ranged_object::expire() {
  struct late {
    std::uint64_t index, number;
    bool is_stalled;
  };
  const steady_time now = time_.now();
  std::vector<late> all;
  for (const auto& [index, one] : chunks_) {
    if (!one.now) continue;
    const bool is_stalled = now - one.now->moved >= settings_.stall_timeout;
    if (is_stalled || now - one.now->began >= settings_.fetch_timeout)
      all.push_back({index, one.now->number, is_stalled});
  }
  auto self = shared_from_this();
  for (const auto& one : all)
    finish(one.index, one.number,
           one.is_stalled ? fail(errc::deadline_exceeded, "no byte of a chunk came for {}",
                                 in_words(settings_.stall_timeout))
                          : fail(errc::deadline_exceeded, "a chunk took longer than {}",
                                 in_words(settings_.fetch_timeout)));
}

chunk::calls ranged_object::clear(const error& why) {
  chunk::calls all;
  for (auto at = chunks_.begin(); at != chunks_.end(); at = erase(at)) {
    auto some = at->second.content.fail(why);
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

void ranged_object::drop_all(const error& why) {
  auto all = clear(why);
  learning_.reset();
  auto unsized_ones = std::exchange(unsized_, {});
  run(all);
  for (auto& one : unsized_ones) one.then(failure(why));
}

}  // namespace kiln::range_cache
