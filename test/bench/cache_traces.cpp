#include "test/bench/cache_traces.hpp"

#include "test/bench/cache_chance.hpp"
#include "test/bench/trace_writer.hpp"

namespace kiln::bench {

cache_trace trace_with_scans(std::uint64_t seed) {
  constexpr std::size_t hot = 50'000;
  constexpr std::size_t steps = 1'000'000;
  chance by(seed);
  zipf popular(hot, 0.9);
  trace_writer out("scans");
  std::size_t scanned = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    // One in a hundred thousand begins a scan as long as a third of the working set; it goes on amid the
    // rest.
    if (scanned == 0 && by.happens(0.00002)) scanned = hot / 3;
    if (scanned > 0 && by.happens(0.7)) {
      --scanned;
      out.once(by.size(16'000, 1.5));
    } else {
      const auto rank = popular(by);
      out.look(rank, [&] { return by.size(16'000, 1.5); });
    }
  }
  return std::move(out).done();
}

cache_trace trace_of_downloads(std::uint64_t seed) {
  constexpr std::size_t ranks = 200'000;
  constexpr std::size_t steps = 1'000'000;
  chance by(seed);
  zipf popular(ranks, 0.85);
  trace_writer out("downloads");
  std::vector<std::uint64_t> at_rank(ranks);
  for (std::size_t i = 0; i < ranks; ++i) at_rank[i] = i;
  std::uint64_t next = ranks;
  for (std::size_t i = 0; i < steps; ++i) {
    // What is new becomes popular at once, and what stood there loses its place.
    if (i % 20 == 0) at_rank[popular(by)] = next++;
    if (i % 20 == 10) std::swap(at_rank[popular(by)], at_rank[by.below(ranks)]);
    out.look(at_rank[popular(by)], [&] { return by.size(30'000, 2); });
  }
  return std::move(out).done();
}

cache_trace trace_of_outputs(std::uint64_t seed) {
  constexpr std::size_t steps = 1'000'000;
  constexpr std::uint64_t outputs = std::uint64_t{1} << 40;
  chance by(seed);
  zipf popular(200'000, 0.9);
  trace_writer out("outputs");
  std::uint64_t written = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    auto size = [&] { return by.size(20'000, 1.2); };
    if (by.happens(0.3)) {
      out.look(outputs + written++, size);
      out.look(outputs + written - 1 - by.below(std::min<std::uint64_t>(written, 10'000)), size);
    } else if (by.happens(0.6)) {
      out.look(popular(by), size);
    } else {
      out.once(size());
    }
  }
  return std::move(out).done();
}

}  // namespace kiln::bench
