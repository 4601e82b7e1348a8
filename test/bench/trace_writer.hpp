#pragma once

#include <unordered_map>
#include <utility>

#include "test/bench/cache_traces.hpp"

namespace kiln::bench {

/// Numbers objects in the order of their first access.
class trace_writer {
public:
  explicit trace_writer(std::string name) { trace_.name = std::move(name); }

  /// `size_of()` is asked the first time.
  template <class Size>
  void look(std::uint64_t name, Size size_of) {
    const auto [known, fresh] = objects_.try_emplace(name, trace_.objects);
    if (fresh) return add(size_of());
    trace_.accesses.push_back({known->second, sizes_[known->second]});
  }
  /// An object that nobody asks for again.
  void once(std::uint32_t size) { add(size); }
  bool knows(std::uint64_t name) const { return objects_.contains(name); }

  cache_trace done() && { return std::move(trace_); }

private:
  void add(std::uint32_t size) {
    trace_.accesses.push_back({trace_.objects++, size});
    trace_.object_bytes += size;
    sizes_.push_back(size);
  }

  cache_trace trace_;
  std::unordered_map<std::uint64_t, std::uint32_t> objects_;
  std::vector<std::uint32_t> sizes_;
};

}  // namespace kiln::bench
