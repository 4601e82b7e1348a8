#pragma once

#include <grpcpp/completion_queue.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "plugins/transports/grpc/completion.hpp"

namespace kiln::grpc_plugin {

/// What runs on a hub and is told to end when the hub closes.
class outbound_user {
public:
  virtual void give_up() = 0;

protected:
  ~outbound_user() = default;
};

/// The completion queue of outbound calls, and its thread. Any thread may call.
class outbound_hub {
public:
  outbound_hub();
  ~outbound_hub();
  outbound_hub(const outbound_hub&) = delete;
  outbound_hub& operator=(const outbound_hub&) = delete;

  grpc::CompletionQueue& queue() noexcept { return queue_; }
  /// Before a call's first operation. False when the hub is closed: then none may be started.
  bool enter(const std::shared_ptr<outbound_user>& call);
  /// After its last one has come back.
  void leave(outbound_user* call);
  /// Has everything given up and blocks until all have left; not on the hub's own thread. Once more does
  /// nothing.
  void close();

private:
  grpc::CompletionQueue queue_;
  wait_group open_;
  std::mutex mutex_;
  bool closed_ = false;
  struct entry {
    std::uint64_t number;
    std::weak_ptr<outbound_user> call;
  };
  std::uint64_t entered_ = 0;
  std::unordered_map<outbound_user*, entry> running_;
  std::thread thread_;
};

}  // namespace kiln::grpc_plugin
