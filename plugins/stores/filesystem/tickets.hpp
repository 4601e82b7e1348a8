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
    number fresh = ++last_;
    waiting_.emplace(
        fresh, [then = std::move(then)](void* result) { then(std::move(*static_cast<Result*>(result))); });
    return fresh;
  }
  /// `result` points to what the ticket was issued for.
  void redeem(number which, void* result) {
    auto found = waiting_.find(which);
    if (found == waiting_.end()) return;
    auto then = std::move(found->second);
    waiting_.erase(found);
    then(result);
  }
  void cancel(number which) { waiting_.erase(which); }
  void clear() { waiting_.clear(); }
  std::size_t size() const noexcept { return waiting_.size(); }

private:
  number last_ = 0;
  std::unordered_map<number, std::function<void(void*)>> waiting_;
};

}  // namespace kiln::filesystem
