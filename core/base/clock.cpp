#include "core/base/clock.hpp"

namespace kiln {
namespace {

class machine_clock final : public clock {
public:
  steady_time now() const noexcept override { return std::chrono::steady_clock::now(); }
  wall_time wall() const noexcept override { return std::chrono::system_clock::now(); }
};

}  // namespace

const clock& system_clock() noexcept {
  static const machine_clock instance;
  return instance;
}

}  // namespace kiln
