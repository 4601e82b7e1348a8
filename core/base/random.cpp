#include "core/base/random.hpp"

#include <mutex>
#include <random>

namespace kiln {
namespace {

class engine_random final : public random_source {
public:
  explicit engine_random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override {
    std::lock_guard lock(mutex_);
    return engine_();
  }

private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace

std::unique_ptr<random_source> make_system_random() {
  std::random_device entropy;
  return std::make_unique<engine_random>((std::uint64_t{entropy()} << 32) | entropy());
}

std::unique_ptr<random_source> make_seeded_random(std::uint64_t seed) {
  return std::make_unique<engine_random>(seed);
}

}  // namespace kiln
