#include "plugins/transports/grpc/hub.hpp"

#include <map>

namespace kiln::grpc_plugin {

outbound_hub::outbound_hub() : thread_(serve_queue(queue_, "grpc-out")) {}

outbound_hub::~outbound_hub() {
  close();
}

bool outbound_hub::enter(const std::shared_ptr<outbound_user>& call) {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  running_.emplace(call.get(), entry{entered_++, call});
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
  std::map<std::uint64_t, std::shared_ptr<outbound_user>> running;  // in the order in which they came
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    for (const auto& [key, one] : running_)
      if (auto alive = one.call.lock()) running.emplace(one.number, std::move(alive));
  }
  for (const auto& [number, call] : running) call->give_up();
  running.clear();
  open_.wait();
  queue_.Shutdown();
  thread_.join();
}

}  // namespace kiln::grpc_plugin
