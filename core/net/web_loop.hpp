#pragma once

#include <curl/curl.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/net/web_client.hpp"

namespace kiln {

class web_exchange;

/// The one thread of a web_client: libcurl's transfers, what is posted, and timers. All that an exchange does
/// happens there, so none has a lock.
class web_loop : public std::enable_shared_from_this<web_loop> {
public:
  using job = std::function<void()>;
  using timer = std::multimap<steady_time, job>::iterator;

  web_loop(web_client_options options, const clock& time);
  ~web_loop();
  web_loop(const web_loop&) = delete;
  web_loop& operator=(const web_loop&) = delete;

  bool is_ready() const noexcept { return multi_ != nullptr; }
  /// Any thread. What comes after the end is dropped, so what a job owes must be owed by what it holds.
  void post(job next);
  /// Any thread: `run` returns soon.
  void end();
  /// The thread's body.
  void run();

  // On the thread of the loop.
  void begin(std::shared_ptr<web_exchange> one);
  /// It is told of its continuations when libcurl does not run.
  void note_ready(std::shared_ptr<web_exchange> one) { ready_.push_back(std::move(one)); }
  /// Gives its connection back, or its place among those that wait.
  void leave(web_exchange& one);
  timer later(duration delay, job next);
  /// One that has not come yet.
  void call_off(timer one) { timers_.erase(one); }
  steady_time now() const noexcept { return time_.now(); }
  const web_client_options& options() const noexcept { return options_; }

private:
  void take_posted();
  void run_timers();
  void start_waiting();
  void take_ends();
  void serve_ready();
  void drop_all();
  int wait_time() const;

  const web_client_options options_;
  const clock& time_;
  CURLM* const multi_;
  std::unordered_map<CURL*, std::shared_ptr<web_exchange>> active_;
  std::deque<std::shared_ptr<web_exchange>> waiting_;
  std::vector<std::shared_ptr<web_exchange>> ready_;
  std::multimap<steady_time, job> timers_;
  std::mutex mutex_;
  std::vector<job> posted_;
  bool ended_ = false;
};

}  // namespace kiln
