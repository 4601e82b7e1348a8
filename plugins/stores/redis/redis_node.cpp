#include "plugins/stores/redis/redis_node.hpp"

#include <algorithm>
#include <utility>

#include "core/observe/log.hpp"
#include "core/wire/status.hpp"

namespace kiln::redis_store {
namespace {

// However slowly a server answers, nobody waits longer than this many times its silence.
constexpr int longest_pipeline = 30;
constexpr duration first_delay = std::chrono::milliseconds(20);
constexpr duration last_delay = std::chrono::seconds(1);
constexpr unsigned most_doublings = 6;

std::uint64_t size_of(const pipeline& what) {
  std::uint64_t size = what.answer_size;
  for (const auto& one : what.commands) size += one.size();
  return size;
}

}  // namespace

void redis_node::order::answer(outcome what) {
  due.call_off();
  if (auto now = std::exchange(then, nullptr)) now(std::move(what));
}

void redis_node::order::fail(const error& why) {
  if (!then) return;
  outcome all;
  all.answers.assign(commands, failure(why));
  what = {};
  answer(std::move(all));
}

redis_node::redis_node(engine_ptr engine, std::string name, std::shared_ptr<node_finder> finder,
                       greeting::demand wanted)
    : engine_(std::move(engine)),
      name_(std::move(name)),
      finder_(std::move(finder)),
      wanted_(wanted),
      breaker_(engine_->options.fail_fast_after),
      retry_(*engine_->loop),
      opening_breaker_(*engine_->loop) {}

void redis_node::submit(pipeline what, outcome_then then) {
  auto one = std::make_shared<order>(*engine_->loop);
  one->size = size_of(what);
  one->commands = what.commands.size();
  one->what = std::move(what);
  one->then = std::move(then);
  if (closed_) return one->fail({errc::unavailable, "the store has ended"});
  if (one->what.pinned && !one->what.pinned->is_open())
    return one->fail(try_again(errc::unavailable,
                               fmt::format("the connection to {} broke off", one->what.pinned->name())));
  if (auto why = breaker_.open(engine_->now())) return one->fail(*why);
  if (waiting_.empty() && has_room_for(*one))
    if (auto over = connection_for(*one)) return launch(one, over);
  enqueue(std::move(one));
  grow();
}

// What is larger than all the room there is goes alone.
bool redis_node::has_room_for(const order& one) const {
  const auto& options = engine_->options;
  if (commands_ == 0) return true;
  return commands_ + one.commands <= std::max(options.max_commands, most_in_pipeline) &&
         bytes_ + one.size <= options.max_bytes.bytes;
}

connection_ptr redis_node::connection_for(const order& one) {
  if (one.what.pinned) return one.what.pinned;
  if (ready_.empty()) return nullptr;
  auto least = std::min_element(ready_.begin(), ready_.end(), [](const auto& a, const auto& b) {
    return a->bytes_in_flight() < b->bytes_in_flight();
  });
  // A second connection is worth its while when the first has something to do.
  if (!(*least)->is_idle()) grow();
  return *least;
}

void redis_node::enqueue(order_ptr one) {
  const auto& options = engine_->options;
  if (waiting_.size() >= options.max_waiting ||
      (!waiting_.empty() && waiting_bytes_ + one->size > options.max_bytes.bytes)) {
    redis_figures::count(engine_->figures.refused);
    return one->fail(try_again(
        errc::resource_exhausted,
        fmt::format("{} orders with {} bytes wait for {} already", waiting_.size(), waiting_bytes_, name_)));
  }
  const auto now = engine_->now();
  const auto turn = now + options.command_timeout;
  const bool asker_gives_up = one->what.until < turn;
  waiting_bytes_ += one->size;
  redis_figures::move(engine_->figures.waiting, 1);
  waiting_.push_back(one);
  one->due.set(std::min(one->what.until, turn) - now, [weak = weak_from_this(), one = std::weak_ptr(one),
                                                       asker_gives_up] {
    auto self = weak.lock();
    auto late = one.lock();
    if (!self || !late) return;
    std::erase_if(self->waiting_, [&](const order_ptr& each) { return each == late; });
    self->waiting_bytes_ -= late->size;
    redis_figures::move(self->engine_->figures.waiting, -1);
    if (asker_gives_up)
      late->fail({errc::deadline_exceeded, fmt::format("the time was over before {} had room", self->name_)});
    else if (self->ready_.empty())
      late->fail(try_again(errc::unavailable, fmt::format("there is no connection to {} yet; {}", self->name_,
                                                          self->breaker_.last().message())));
    else
      late->fail(try_again(errc::resource_exhausted, fmt::format("{} has too much to do", self->name_)));
  });
}

void redis_node::launch(const order_ptr& one, const connection_ptr& over) {
  const auto now = engine_->now();
  const auto longest = now + longest_pipeline * engine_->options.command_timeout;
  one->due.set(std::min(one->what.until, longest) - now, [one = std::weak_ptr(one), name = name_] {
    if (auto late = one.lock())
      late->fail({errc::deadline_exceeded, fmt::format("{} did not answer in time", name)});
  });
  commands_ += one->commands;
  bytes_ += one->size;
  redis_figures::move(engine_->figures.bytes, static_cast<double>(one->size));
  redis_figures::count(engine_->figures.pipelines);
  auto commands = std::move(one->what.commands);
  one->what = {};
  over->send(std::move(commands), [self = shared_from_this(), one, over](replies answers) {
    self->commands_ -= one->commands;
    self->bytes_ -= one->size;
    redis_figures::move(self->engine_->figures.bytes, -static_cast<double>(one->size));
    if (!answers.empty() && answers.back()) self->breaker_.succeeded(self->engine_->now());
    one->answer({std::move(answers), over});
    self->pump();
  });
}

void redis_node::pump() {
  dismiss_idle();
  while (!waiting_.empty()) {
    auto next = waiting_.front();
    if (!has_room_for(*next)) return;
    auto over = connection_for(*next);
    if (!over) return grow();
    waiting_.pop_front();
    waiting_bytes_ -= next->size;
    redis_figures::move(engine_->figures.waiting, -1);
    if (over->is_open())
      launch(next, over);
    else
      next->fail(try_again(errc::unavailable, fmt::format("the connection to {} broke off", over->name())));
  }
}

void redis_node::retire_all() {
  auto old = std::exchange(ready_, {});
  leaving_.insert(leaving_.end(), old.begin(), old.end());
}

// Whoever is closed comes back here: nothing is walked through meanwhile.
void redis_node::dismiss_idle() {
  auto idle = std::partition(leaving_.begin(), leaving_.end(),
                             [](const connection_ptr& one) { return !one->is_idle(); });
  std::vector<connection_ptr> gone(idle, leaving_.end());
  leaving_.erase(idle, leaving_.end());
  for (const auto& one : gone) one->close({errc::cancelled, "the connection is not needed any more"});
}

void redis_node::fail_waiting(const error& why) {
  redis_figures::move(engine_->figures.waiting, -static_cast<double>(waiting_.size()));
  waiting_bytes_ = 0;
  for (auto all = std::exchange(waiting_, {}); const auto& one : all) one->fail(why);
}

// One at a time: a server that has come back is not to meet all that were waiting for it at once.
void redis_node::grow() {
  if (closed_ || connecting_ || ready_.size() >= engine_->options.connections) return;
  if (breaker_.is_failing() && ready_.empty() && attempts_ > 0) return;  // the next try is set
  if (!ready_.empty() && engine_->now() < grow_after_) return;
  connect();
}

void redis_node::connect() {
  connecting_ = true;
  finder_->find([self = shared_from_this()](expected<server_address> found) {
    if (self->closed_) return;
    if (!found) {
      self->connecting_ = false;
      return self->failed(found.error());
    }
    auto hello = greeting_of(*self->engine_, self->wanted_);
    if (!hello) return self->opened(*found, failure(hello.error()));
    self->opening_ = redis_connection::open(
        self->engine_, *found, std::move(*hello),
        [self, to = *found](expected<connection_ptr> fresh) { self->opened(to, std::move(fresh)); });
  });
}

void redis_node::opened(const server_address& to, expected<connection_ptr> fresh) {
  connecting_ = false;
  if (closed_) {
    if (fresh) (*fresh)->close({errc::cancelled, "the store has ended"});
    return;
  }
  if (!fresh) {
    finder_->was_wrong(to);
    return failed(fresh.error());
  }
  if (breaker_.succeeded(engine_->now()) && engine_->env.log != nullptr)
    engine_->env.log->info("redis answers again", {{"store", engine_->name}, {"server", (*fresh)->name()}});
  attempts_ = 0;
  retry_.call_off();
  opening_breaker_.call_off();
  ready_.push_back(*fresh);
  (*fresh)->on_end([weak = weak_from_this(), which = fresh->get()](const error& why) {
    if (auto self = weak.lock()) self->lost(which, why);
  });
  pump();
}

void redis_node::lost(const redis_connection* which, const error& why) {
  auto is_it = [&](const connection_ptr& one) { return one.get() == which; };
  std::erase_if(leaving_, is_it);
  if (std::erase_if(ready_, is_it) == 0 || closed_) return;
  // The others may be as dead: they finish what they have, and a new one shows what is there.
  retire_all();
  failed(why);
  dismiss_idle();
}

void redis_node::failed(const error& why) {
  const auto now = engine_->now();
  // It answers, and only wants no more connections.
  if (!ready_.empty()) {
    grow_after_ = now + last_delay;
    return;
  }
  const bool is_news = breaker_.failed(now, why);
  if (is_news) {
    opening_breaker_.set(breaker_.until_open(now), [weak = weak_from_this()] {
      auto self = weak.lock();
      if (!self) return;
      auto open = self->breaker_.open(self->engine_->now());
      if (!open) return;
      if (self->engine_->env.log != nullptr)
        self->engine_->env.log->warn("redis does not answer",
                                     {{"store", self->engine_->name}, {"why", open->message()}});
      self->fail_waiting(*open);
    });
    if (failed_) failed_();
  }
  // Nobody waits for what somebody has to set right.
  if (why.code() == errc::failed_precondition) fail_waiting(why);
  if (auto open = breaker_.open(now)) fail_waiting(*open);
  if (!connecting_) try_later();
}

// Until it answers, whether somebody asks or not: the first who asks shall not have to find out.
void redis_node::try_later() {
  duration delay = std::min(first_delay * (1U << std::min(attempts_, most_doublings)), last_delay);
  delay = delay / 2 + duration(static_cast<duration::rep>(engine_->env.random->next() %
                                                          static_cast<std::uint64_t>(delay.count())));
  ++attempts_;
  retry_.set(delay, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (self && !self->closed_ && !self->connecting_ && self->ready_.empty()) self->connect();
  });
}

void redis_node::look_anew() {
  if (ready_.empty()) return;
  finder_->was_wrong(ready_.front()->address());
  retire_all();
  // Not at once: whoever calls is going through the answers of one of them.
  engine_->loop->post([weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self || self->closed_) return;
    self->dismiss_idle();
    self->grow();
  });
}

void redis_node::close(const error& why) {
  closed_ = true;
  retry_.call_off();
  opening_breaker_.call_off();
  fail_waiting(why);
  if (auto opening = opening_.lock()) opening->close(why);
  for (auto& list : {std::exchange(ready_, {}), std::exchange(leaving_, {})})
    for (const auto& one : list) one->close(why);
}

}  // namespace kiln::redis_store
