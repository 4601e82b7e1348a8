#include "plugins/stores/redis/node_finder.hpp"

#include <utility>

namespace kiln::redis_store {
namespace {

class rotating_finder final : public node_finder {
public:
  explicit rotating_finder(std::vector<server_address> addresses) : addresses_(std::move(addresses)) {}

  void find(found then) override { then(addresses_[now_]); }
  void was_wrong(const server_address& address) override {
    if (addresses_[now_] == address) now_ = (now_ + 1) % addresses_.size();
  }

private:
  const std::vector<server_address> addresses_;
  std::size_t now_ = 0;
};

}  // namespace

std::shared_ptr<node_finder> find_among(std::vector<server_address> addresses) {
  return std::make_shared<rotating_finder>(std::move(addresses));
}

}  // namespace kiln::redis_store
