#include "core/net/web_loop.hpp"

#include <algorithm>
#include <utility>

#include "core/net/web_exchange.hpp"

namespace kiln {
namespace {

// Once, before any other thread uses it.
bool curl_is_ready() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

// What a job throws, for want of memory, ends that job: what it held is dropped, which answers.
template <class Body>
void shielded(Body&& body) noexcept {
  try {
    body();
  } catch (...) {  // NOLINT: whoever waited has been answered
  }
}

}  // namespace

web_loop::web_loop(web_client_options options, const clock& time)
    : options_(std::move(options)), time_(time), multi_(curl_is_ready() ? curl_multi_init() : nullptr) {
  if (multi_ == nullptr) return;
  const auto most = static_cast<long>(options_.max_transfers);
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, most);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
}

web_loop::~web_loop() {
  drop_all();
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
}

void web_loop::post(job next) {
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    posted_.push_back(std::move(next));
    if (posted_.size() > 1) return;  // it has been woken for the first
  }
  curl_multi_wakeup(multi_);
}

void web_loop::end() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  curl_multi_wakeup(multi_);
}

void web_loop::run() {
  for (;;) {
    take_posted();
    run_timers();
    start_waiting();
    int running = 0;
    curl_multi_perform(multi_, &running);
    take_ends();
    serve_ready();
    {
      std::lock_guard lock(mutex_);
      if (ended_) break;
      if (!posted_.empty() || !ready_.empty()) continue;
    }
    curl_multi_poll(multi_, nullptr, 0, wait_time(), nullptr);
  }
  drop_all();
}

int web_loop::wait_time() const {
  constexpr std::int64_t longest = 1000;
  if (active_.size() < options_.max_transfers && !waiting_.empty()) return 0;
  if (timers_.empty()) return static_cast<int>(longest);
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(timers_.begin()->first - now()).count() + 1;
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
}

void web_loop::take_posted() {
  std::vector<job> jobs;
  {
    std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  for (auto& one : jobs) shielded([&] { std::exchange(one, nullptr)(); });
}

web_loop::timer web_loop::later(duration delay, job next) {
  return timers_.emplace(now() + delay, std::move(next));
}

void web_loop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first <= now()) {
    auto due = timers_.extract(timers_.begin());
    shielded([&] { due.mapped()(); });
  }
}

void web_loop::begin(std::shared_ptr<web_exchange> one) {
  if (waiting_.size() >= options_.max_waiting) {
    one->fail(error(errc::resource_exhausted,
                    fmt::format("{} requests wait for another server already", waiting_.size())));
    return;
  }
  waiting_.push_back(std::move(one));
}

void web_loop::start_waiting() {
  while (!waiting_.empty() && active_.size() < options_.max_transfers) {
    auto one = std::move(waiting_.front());
    waiting_.pop_front();
    if (one->is_over()) continue;
    CURL* handle = one->prepare();
    if (handle == nullptr) {
      one->fail(error(errc::resource_exhausted, "no memory for a transfer"));
      continue;
    }
    active_.emplace(handle, one);
    curl_multi_add_handle(multi_, handle);
  }
}

void web_loop::take_ends() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    auto found = active_.find(message->easy_handle);
    if (found == active_.end()) continue;
    const CURLcode how = message->data.result;
    auto one = found->second;
    one->finish(how);
  }
}

void web_loop::serve_ready() {
  auto some = std::exchange(ready_, {});
  for (auto& one : some) shielded([&] { one->serve(); });
}

void web_loop::leave(web_exchange& one) {
  CURL* handle = one.handle();
  if (handle == nullptr || active_.erase(handle) == 0) return;
  curl_multi_remove_handle(multi_, handle);
}

void web_loop::drop_all() {
  const error why(errc::unavailable, "the client of other servers has ended");
  for (auto& one : std::exchange(waiting_, {})) one->fail(why);
  while (!active_.empty()) {
    auto one = active_.begin()->second;
    one->fail(why);
  }
  while (!ready_.empty()) serve_ready();
  timers_.clear();
  std::vector<job> left;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    left.swap(posted_);
  }
}

}  // namespace kiln
