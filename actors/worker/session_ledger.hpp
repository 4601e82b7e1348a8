#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/contract/scheduler_messages.hpp"
#include "core/contract/worker_messages.hpp"

namespace kiln {

/// What a worker and its scheduler have between them, over the sessions in which they speak: what was given
/// and has not ended, and which ends the scheduler may not have heard of. Plain; confined to one actor.
class session_ledger {
public:
  /// A session begins; its messages are counted from its hello, which is the first.
  void open() {
    said_ = 1;
    for (auto& one : reports_) one.message = 0;
  }
  /// One more message was said.
  void say() { ++said_; }
  /// The number of the next.
  std::uint64_t next() const noexcept { return said_ + 1; }
  /// The scheduler has heard so many messages of this session.
  void heard(std::uint64_t messages) {
    while (!reports_.empty() && reports_.front().message != 0 && reports_.front().message <= messages)
      reports_.pop_front();
  }

  /// False if it is here already.
  bool given(const std::string& operation, std::uint64_t attempt) {
    return running_.try_emplace({operation, attempt}, false).second;
  }
  void began(const action_started& news) {
    if (auto found = running_.find({news.operation, news.attempt}); found != running_.end())
      found->second = true;
  }
  /// It has ended. `message` is the number of the report, 0 if there is no session to say it in.
  void ended(action_finished news, std::uint64_t message) {
    running_.erase({news.operation, news.attempt});
    reports_.push_back({message, std::move(news)});
  }

  /// Nothing to come back to.
  bool empty() const noexcept { return running_.empty() && reports_.empty(); }
  bool runs_something() const noexcept { return !running_.empty(); }
  std::size_t reports() const noexcept { return reports_.size(); }
  void clear() {
    running_.clear();
    reports_.clear();
  }

  /// For the hello of a worker that comes back.
  std::vector<held_attempt> held() const {
    std::vector<held_attempt> all;
    for (const auto& [key, began] : running_) all.push_back({key.first, key.second});
    for (const auto& one : reports_) all.push_back({one.news.operation, one.news.attempt});
    return all;
  }
  /// What is to be said again when it is back.
  template <class Say>
  void repeat(Say say_again) {
    for (const auto& [key, began] : running_)
      if (began) say_again(action_started{{}, key.first, key.second});
    for (auto& one : reports_) {
      say_again(one.news);
      one.message = said_;
    }
  }

private:
  struct report {
    std::uint64_t message;
    action_finished news;
  };
  std::map<std::pair<std::string, std::uint64_t>, bool> running_;  // whether its command has begun
  std::deque<report> reports_;                                     // in the order of their messages
  std::uint64_t said_ = 0;
};

}  // namespace kiln
