#include "plugins/transports/grpc/completion.hpp"

#include <pthread.h>

namespace kiln::grpc_plugin {

std::thread serve_queue(grpc::CompletionQueue& queue, std::string thread_name,
                        std::atomic<std::uint64_t>& handed_out) {
  std::thread server([&queue, &handed_out] {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
      handed_out.fetch_add(1, std::memory_order_relaxed);
      event::of_tag(tag).happened(ok);
    }
  });
  pthread_setname_np(server.native_handle(), thread_name.substr(0, 15).c_str());
  return server;
}

std::thread serve_queue(grpc::CompletionQueue& queue, std::string thread_name) {
  static std::atomic<std::uint64_t> nobody_looks;
  return serve_queue(queue, std::move(thread_name), nobody_looks);
}

void wait_group::enter() noexcept {
  std::lock_guard lock(mutex_);
  ++inside_;
}

void wait_group::leave() noexcept {
  std::lock_guard lock(mutex_);
  if (--inside_ == 0) all_left_.notify_all();
}

void wait_group::wait() {
  leave();
  std::unique_lock lock(mutex_);
  all_left_.wait(lock, [this] { return inside_ == 0; });
}

}  // namespace kiln::grpc_plugin
