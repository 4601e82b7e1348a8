#include "plugins/stores/range_cache/chunk.hpp"

#include <cstring>
#include <utility>

namespace kiln::range_cache {

// Not initialised: pages that nothing is written to take no memory.
chunk::chunk(std::uint64_t size) : size_(size), memory_(new char[size]) {}

bytes chunk::part(std::uint64_t begin, std::uint64_t end) const {
  return {memory_.get() + begin, end - begin, memory_};
}

void chunk::await(std::uint64_t begin, std::uint64_t end, hearer then) {
  waiters_.emplace(end, waiter{begin, std::move(then)});
}

chunk::calls chunk::append(const byte_chain& piece) {
  for (const auto& one : piece.pieces()) {
    std::memcpy(memory_.get() + ready_, one.data(), one.size());
    ready_ += one.size();
  }
  calls free;
  while (!waiters_.empty() && waiters_.begin()->first <= ready_) {
    auto first = waiters_.extract(waiters_.begin());
    free.push_back([then = std::move(first.mapped().then), got = part(first.mapped().begin, first.key())] {
      then(got);
    });
  }
  return free;
}

chunk::calls chunk::fail(const error& why) {
  calls all;
  for (auto& [end, one] : std::exchange(waiters_, {}))
    all.push_back([then = std::move(one.then), why] { then(failure(why)); });
  return all;
}

}  // namespace kiln::range_cache
