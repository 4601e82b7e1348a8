#pragma once

#include <grpcpp/completion_queue.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace kiln::grpc_plugin {

/// What a completion queue hands back when an operation has ended: the tag is the event's address. gRPC is
/// built without TSan, which so has to be told that who starts an operation comes before who hears of its
/// end.
class event {
public:
  virtual void happened(bool ok) = 0;
  /// The event of a tag that a queue handed back.
  static event& of_tag(void* tag) noexcept {
#if defined(__SANITIZE_THREAD__)
    __tsan_acquire(tag);
#endif
    return *static_cast<event*>(tag);
  }
  /// For one operation, which is started next.
  void* tag() noexcept {
#if defined(__SANITIZE_THREAD__)
    __tsan_release(this);
#endif
    return this;
  }

protected:
  ~event() = default;
};

/// An event that is a member function of its owner.
template <class Owner>
class event_of final : public event {
public:
  using handler = void (Owner::*)(bool);
  event_of(Owner* owner, handler then) noexcept : owner_(owner), then_(then) {}
  void happened(bool ok) override { (owner_->*then_)(ok); }

private:
  Owner* owner_;
  handler then_;
};

/// A thread that hands out the events of a queue until the queue is shut down and empty. `handed_out` counts
/// them, and outlives the thread.
std::thread serve_queue(grpc::CompletionQueue& queue, std::string thread_name,
                        std::atomic<std::uint64_t>& handed_out);
std::thread serve_queue(grpc::CompletionQueue& queue, std::string thread_name);

/// Counts what still uses a completion queue, so that the queue is shut down only when nobody can start
/// another operation: gRPC aborts the process otherwise. Begins at one, for whoever waits.
class wait_group {
public:
  void enter() noexcept;
  void leave() noexcept;
  /// Gives up the one of the beginning and waits until all have left. Once.
  void wait();

private:
  std::mutex mutex_;
  std::condition_variable all_left_;
  std::size_t inside_ = 1;
};

}  // namespace kiln::grpc_plugin
