#include "test/plugins/stores/filesystem/filesystem_model.hpp"

#include <algorithm>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace kiln::test {
namespace {

constexpr std::size_t pool_size = 1 << 20;
constexpr std::size_t story_length = 40;
// What was used while less than this share of the capacity was written since must be there, as long as as
// much is there that was used before. An order of use without any grain would come near to the whole.
constexpr std::uint64_t share_that_stays = 4;

std::vector<digest_function> functions_of_all() {
  std::vector<digest_function> all;
  for (const auto& one : digest_functions()) all.push_back(one.function);
  return all;
}

}  // namespace

filesystem_model::filesystem_model(const model_shape& shape, std::uint64_t seed)
    : shape_(shape),
      seed_(seed),
      chance_(seed),
      bytes_(contract::noise(pool_size + shape.largest + 16, seed)),
      house_(shape.options, shape.what) {
  house_.when_opened = [news = news_, this](const store_actor& opened) {
    auto listener = house_.system.actors().spawn([news]() -> store_observer::behavior_type {
      return {[](const blobs_stored&) {},
              [news](const blobs_evicted& left) {
                news->insert(news->end(), left.blobs.begin(), left.blobs.end());
              }};
    });
    house_.system.own(listener);
    caf::anon_send(opened, watch_store{listener});
  };
  house_.restart();
  const auto functions = functions_of_all();
  for (std::uint64_t i = 0; i < shape.names; ++i) {
    auto made = std::make_unique<entry>();
    auto function = functions[chance(functions.size())];
    made->value = fresh_version();
    if (shape.what == store_role::content)
      made->name = kiln::digest_of(content_of(made->value), function);
    else
      made->name = kiln::digest_of(fmt::format("action {}", i), function);
    if (!by_name_.emplace(made->name, made.get()).second) continue;
    entries_.push_back(std::move(made));
  }
}

// Three in five below 1 KiB, and the rest as likely small as large.
filesystem_model::version filesystem_model::fresh_version() {
  std::size_t size = chance(5) < 3 ? 1 + chance(1000) : 1 + chance(1 + chance(shape_.largest));
  return {++versions_, size};
}

std::string filesystem_model::content_of(const version& which) const {
  std::string content(bytes_, which.key * 7919 % pool_size, which.size);
  auto mark = fmt::format("{:x};", which.key);
  std::copy_n(mark.begin(), std::min(mark.size(), content.size()), content.begin());
  return content;
}

filesystem_model::entry& filesystem_model::any_entry() {
  // Some are asked for again and again, as in life.
  auto among = one_in(2) ? entries_.size() : 1 + entries_.size() / 10;
  return *entries_[chance(among)];
}

filesystem_model::entry* filesystem_model::any_kept() {
  for (int tries = 0; tries < 50; ++tries)
    if (auto& one = any_entry(); one.is == state::kept) return &one;
  return nullptr;
}

void filesystem_model::note(std::string line) {
  story_.push_back(fmt::format("{:5} {}", steps_, std::move(line)));
  if (story_.size() > story_length) story_.pop_front();
}

void filesystem_model::breach(const std::string& promise, const std::string& details) {
  std::string all = fmt::format("{}: {}\nshape {}, seed {}, step {}; what happened before:\n", promise,
                                details, shape_.name, seed_, steps_);
  for (const auto& line : story_) all += line + "\n";
  auto log = house_.system.log_lines();
  all += "the log ends with\n" + log.substr(log.size() > 4000 ? log.size() - 4000 : 0);
  throw broken_promise(promise, all);
}

void filesystem_model::used(entry& which) {
  which.used_at = written_;
  which.used_in = steps_;
  which.use = ++uses_;
}

// Nothing: it was never answered, so it may have happened.
void filesystem_model::written(entry& which, const version& what,
                               const std::optional<expected<receipt>>& answer) {
  written_ += what.size + 256;
  if (shape_.what == store_role::results) which.past.push_back(what);
  if (answer && *answer) {
    used(which);
    happened(which, calm() ? "written" : "written on a failing disk");
    if (which.harmed && (*answer)->was_present)
      return;  // what is damaged is taken for present until it is read
    which.is = state::kept;
    // Where the disk takes little, what was just taken may leave for the rest of its batch; nobody knows
    // whether that was before or after this.
    if (!calm() && std::find(last_news_.begin(), last_news_.end(), which.name) != last_news_.end())
      which.is = state::unsure;
    which.value = what;
    which.others.clear();
    which.harmed = which.rotten = false;
    return;
  }
  happened(which, answer ? "refused" : "unanswered");
  if (answer && calm() && shape_.what == store_role::content) return;  // a write that fails leaves no trace
  if (shape_.what == store_role::results) which.others.push_back(what);
  if (which.is != state::kept) which.is = state::unsure;
}

// News come after the fact, so they are heard before answers are judged.
void filesystem_model::hear_news() {
  last_news_ = std::exchange(*news_, {});
  for (const auto& blob : last_news_) {
    auto found = by_name_.find(blob);
    if (found == by_name_.end()) breach("news are of blobs that were written", blob.to_string());
    entry& which = *found->second;
    happened(which, "left");
    if (which.is == state::kept && which.leases > 0 && calm())
      breach("what is leased stays", blob.to_string());
    const auto capacity = shape_.options.capacity.bytes_of(0);
    if (which.is == state::kept && which.used_at > 0 && calm() && !blind_ &&
        written_ - which.used_at < capacity / share_that_stays &&
        weight_of_older(which) > capacity / share_that_stays)
      breach("what was used last leaves last",
             fmt::format("{} left when {} of {} bytes had been written since its use in step {};{}", blob,
                         written_ - which.used_at, capacity, which.used_in, which.life));
    which.is = unclean_ || !calm() || blind_ ? state::unsure : state::absent;
  }
}

// Bytes of what is there and was used before that, and could have left instead.
std::uint64_t filesystem_model::weight_of_older(const entry& which) const {
  const std::set<digest> left(last_news_.begin(), last_news_.end());
  std::uint64_t sum = 0;
  for (const auto& one : entries_)
    if (one->is == state::kept && one->leases == 0 && one->use < which.use && !left.contains(one->name))
      sum += one->value.size;
  return sum;
}

// It is there, and whole.
void filesystem_model::seen(entry& which) {
  if ((which.is == state::absent || which.is == state::forgotten) && calm() && !blind_)
    breach("what left, or never came whole, is not there", which.name.to_string() + which.life);
  if (which.is == state::absent || which.is == state::forgotten) which.is = state::unsure;
  used(which);
}

void filesystem_model::observe_missing(entry& which) {
  if (which.is == state::kept && calm() && !blind_)
    breach("what was acknowledged is there", which.name.to_string() + which.life);
}

void filesystem_model::observe_bytes(entry& which, const std::string& found, std::uint64_t offset,
                                     std::uint64_t limit) {
  auto same = [&](const version& one) {
    if (offset > one.size) return false;
    auto whole = content_of(one);
    return found == std::string_view(whole).substr(offset, limit > 0 ? limit : std::string_view::npos);
  };
  bool right = same(which.value) || std::any_of(which.others.begin(), which.others.end(), same) ||
               (which.is != state::kept && std::any_of(which.past.begin(), which.past.end(), same));
  // A part of a blob whose times stand is believed for a while.
  if (!right && !(which.rotten && limit > 0)) breach("what is read is right", which.name.to_string());
  seen(which);
}

void filesystem_model::observe_failure(entry& which, const error& why, const char* doing) {
  if (why.code() == errc::not_found) return observe_missing(which);
  // A long read that comes upon damage has begun already.
  if (calm() && which.is == state::kept)
    breach("what is there can be had", fmt::format("{} {}: {}", doing, which.name, why.to_string()));
}

// A few leases do not close the store.
void filesystem_model::check_refusal(const error& why) {
  if (!calm()) return;
  std::uint64_t leased = 0;
  for (const auto& held : holds_)
    for (const auto& blob : held.blobs) leased += by_name_.at(blob)->value.size + 4096;
  if (why.code() != errc::resource_exhausted || leased < shape_.options.capacity.bytes_of(0) / 4)
    breach("what is sent well is taken", fmt::format("with {} bytes leased: {}", leased, why.to_string()));
}

void filesystem_model::check_stats() {
  auto stats = house_.ask(measure_store{});
  if (!stats) breach("every order is answered", "measure_store: " + stats.error().to_string());
  if (stats->bytes > stats->capacity)
    breach("the store keeps to its capacity", fmt::format("{} of {} bytes", stats->bytes, stats->capacity));
  hear_news();
  std::uint64_t least = 0, most = 0;
  for (const auto& one : entries_) {
    least += one->is == state::kept;
    most += one->is == state::kept || one->is == state::unsure;
  }
  if (!calm() || blind_ || (stats->blobs >= least && stats->blobs <= most)) return;
  find_missing all;
  for (const auto& one : entries_)
    if (one->is == state::kept) all.blobs.push_back(one->name);
  std::string missing;
  auto answer = house_.ask(std::move(all));
  for (const auto& blob : answer->blobs) missing += "\n" + blob.to_string() + by_name_.at(blob)->life;
  breach("the store counts right",
         fmt::format("{} blobs; there are {} to {}, and missing are{}", stats->blobs, least, most, missing));
}

void filesystem_model::check_some(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) read_one(*entries_[chance(entries_.size())], true);
}

// Whoever was told of a lease, or of an order of use, may have lost it with the process.
void filesystem_model::settle_after_stop(bool in_order) {
  holds_.clear();
  for (auto& one : entries_) one->leases = 0;
  if (in_order) return;
  unclean_ = true;
  for (auto& one : entries_) {
    one->used_at = 0;
    if (one->is == state::absent) one->is = state::unsure;
  }
}

void filesystem_model::step() {
  ++steps_;
  struct act {
    unsigned weight;
    std::function<void()> run;
  };
  const bool content = shape_.what == store_role::content;
  const unsigned harmed = shape_.damage ? 1 : 0, failing = shape_.faults ? 1 : 0;
  const act acts[] = {{200, [&] { write_one(); }},
                      {100, [&] { write_many(1 + chance(30)); }},
                      {40, [&] { write_broken(); }},
                      {150, [&] { read_one(any_entry(), true); }},
                      {80, [&] { read_one(any_entry(), false); }},
                      {100, [&] { read_many(); }},
                      {150, [&] { find(); }},
                      {content ? 50U : 0U, [&] { lend(); }},
                      {40, [&] { lease(); }},
                      {40,
                       [&] {
                         if (!holds_.empty()) holds_.erase(holds_.begin());
                       }},
                      {30, [&] { forget(); }},
                      {80, [&] { several_at_once(); }},
                      {6, [&] { burst(); }},
                      {5, [&] { flush(); }},
                      {10, [&] { restart(); }},
                      {10, [&] { crash(); }},
                      {20 * harmed, [&] { damage_a_file(); }},
                      {15 * harmed, [&] { touch_a_file(); }},
                      {10 * harmed, [&] { rot_a_file(); }},
                      {20 * failing, [&] { fail_for_a_while(); }},
                      {6 * failing, [&] { start_on_a_failing_disk(); }}};
  unsigned sum = 0;
  for (const auto& one : acts) sum += one.weight;
  auto dice = static_cast<unsigned>(chance(sum));
  try {
    for (const auto& one : acts) {
      if (dice < one.weight) {
        one.run();
        break;
      }
      dice -= one.weight;
    }
  } catch (const broken_promise&) {
    throw;
  } catch (const std::exception& fault) {
    breach("every order is answered", fault.what());
  }
  for (auto& one : entries_) one->leases = 0;
  for (const auto& held : holds_)
    for (const auto& blob : held.blobs) ++by_name_.at(blob)->leases;
  house_.run();
  hear_news();
  if (steps_ % 25 == 0) check_some(20);
  if (steps_ % 10 == 0) check_stats();
}

void filesystem_model::finish() {
  house_.disk.fault = nullptr;
  for (int round = 0; round < 2; ++round) {
    for (auto& one : entries_) read_one(*one, true);
    check_stats();
    if (round == 0) restart();
  }
}

}  // namespace kiln::test
