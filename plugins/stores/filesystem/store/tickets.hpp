#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

namespace kiln::filesystem {

/// What the actor will do when work that it gave away comes back. Only the number and the result travel
/// between threads; what waits for them (promises to answer, above all) stays with the actor, and is dropped
/// with it. Confined to the actor.
class tickets {
public:
  using number = std::uint64_t;  // 0 is nobody's

  template <class Result>
  number issue(std::function<void(Result)> then) {
    return add(std::move(then), false);
  }
  /// One that is good any number of times, until it is cancelled.
  template <class Result>
  number issue_standing(std::function<void(Result)> then) {
    return add(std::move(then), true);
  }
  /// `result` points to what the ticket was issued for; null if there will be none.
  void redeem(number which, void* result) {
    auto found = waiting_.find(which);
    if (found == waiting_.end()) return;
    if (result == nullptr) return cancel(which);
    auto then = found->second.then;  // a copy: it may cancel its own ticket
    if (!found->second.standing) waiting_.erase(found);
    then(result);
  }
  void cancel(number which) { waiting_.erase(which); }
  void clear() { waiting_.clear(); }
  std::size_t size() const noexcept { return waiting_.size(); }

private:
  struct waiting {
    std::function<void(void*)> then;
    bool standing = false;
  };

  template <class Result>
  number add(std::function<void(Result)> then, bool standing) {
    number fresh = ++last_;
    auto unpack = [then = std::move(then)](void* result) { then(std::move(*static_cast<Result*>(result))); };
    waiting_.emplace(fresh, waiting{std::move(unpack), standing});
    return fresh;
  }

  number last_ = 0;
  std::unordered_map<number, waiting> waiting_;
};

}  // namespace kiln::filesystem
