#include "plugins/stores/grpc/spread_channel.hpp"

#include <atomic>
#include <utility>

namespace kiln::grpc_store {
namespace {

class spread_channel final : public channel {
public:
  explicit spread_channel(std::vector<std::shared_ptr<channel>> ways) : ways_(std::move(ways)) {}

  std::shared_ptr<outbound_call> start(outbound_request request) override {
    return ways_[next_.fetch_add(1, std::memory_order_relaxed) % ways_.size()]->start(std::move(request));
  }

private:
  const std::vector<std::shared_ptr<channel>> ways_;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace

std::shared_ptr<channel> spread_over(std::vector<std::shared_ptr<channel>> ways) {
  if (ways.size() == 1) return std::move(ways.front());
  return std::make_shared<spread_channel>(std::move(ways));
}

}  // namespace kiln::grpc_store
