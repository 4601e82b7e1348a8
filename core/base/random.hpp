#pragma once

#include <cstdint>
#include <memory>

namespace kiln {

/// Where chance comes from: names of temporary files, ids, jitter. Any thread. Seeded in tests, so that a run
/// can be repeated.
class random_source {
public:
  virtual ~random_source() = default;
  virtual std::uint64_t next() = 0;
};

/// From the system's entropy.
std::unique_ptr<random_source> make_system_random();
/// The same numbers for the same seed.
std::unique_ptr<random_source> make_seeded_random(std::uint64_t seed);

}  // namespace kiln
