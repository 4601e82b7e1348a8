#include "plugins/transports/grpc/hub.hpp"

#include <vector>

namespace kiln::grpc_plugin {

outbound_hub::outbound_hub() : thread_(serve_queue(queue_, "grpc-out")) {}

outbound_hub::~outbound_hub() {
  close();
}

bool outbound_hub::enter(const std::shared_ptr<outbound_user>& call) {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  running_.emplace(call.get(), call);
  open_.enter();
  return true;
}

void outbound_hub::leave(outbound_user* call) {
  {
    std::lock_guard lock(mutex_);
    running_.erase(call);
  }
  open_.leave();
}

void outbound_hub::close() {
  std::vector<std::shared_ptr<outbound_user>> running;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    for (const auto& [key, call] : running_)
      if (auto alive = call.lock()) running.push_back(std::move(alive));
  }
  for (const auto& call : running) call->give_up();
  running.clear();
  open_.wait();
  queue_.Shutdown();
  thread_.join();
}

}  // namespace kiln::grpc_plugin
