#include "core/base/thread_pool.hpp"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace kiln {
namespace {

// What the threads share. They own it together with the thread pool, for a thread pool may be dropped by one
// of its own jobs (with the last reference to the actor that owned it), and that thread must still find its
// way out.
struct pool_room {
  explicit pool_room(std::string name_, std::size_t limit_) : name(std::move(name_)), limit(limit_) {}

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      thread_pool::job next = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      try {
        next();
      } catch (...) {  // nothing that one call brings may end the others
      }
      next = nullptr;  // what the job held is dropped outside the lock
      lock.lock();
    }
  }

  const std::string name;
  const std::size_t limit;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<thread_pool::job> queue;
  bool stopping = false;
};

class started_threads final : public thread_pool {
public:
  started_threads(std::string name, std::size_t threads, std::size_t queue_limit)
      : room_(std::make_shared<pool_room>(std::move(name), queue_limit)) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([room = room_] { room->work(); });
      pthread_setname_np(threads_.back().native_handle(), room_->name.substr(0, 15).c_str());
    }
  }
  ~started_threads() override { stop(); }

  expected<void> post(job work) override {
    {
      std::lock_guard lock(room_->mutex);
      if (room_->stopping) return fail(errc::unavailable, "thread pool {} is stopping", room_->name);
      if (room_->queue.size() >= room_->limit)
        return fail(errc::resource_exhausted, "thread pool {} has {} jobs waiting", room_->name,
                    room_->limit);
      room_->queue.push_back(std::move(work));
    }
    room_->wake.notify_one();
    return {};
  }

  void stop() override {
    {
      std::lock_guard lock(room_->mutex);
      room_->stopping = true;
    }
    room_->wake.notify_all();
    for (auto& thread : threads_) {
      if (!thread.joinable()) continue;
      if (thread.get_id() == std::this_thread::get_id())
        thread.detach();  // it ends by itself once its job has returned
      else
        thread.join();
    }
  }

private:
  std::shared_ptr<pool_room> room_;
  std::vector<std::thread> threads_;
};

class system_thread_pools final : public thread_pool_source {
public:
  std::unique_ptr<thread_pool> make(std::string name, std::size_t threads) override {
    return make_thread_pool(std::move(name), threads);
  }
};

class inline_pool final : public thread_pool {
public:
  expected<void> post(job work) override {
    try {
      work();
    } catch (...) {  // as in one of threads
    }
    return {};
  }
  void stop() override {}
};

}  // namespace

std::unique_ptr<thread_pool> make_thread_pool(std::string name, std::size_t threads,
                                              std::size_t queue_limit) {
  return std::make_unique<started_threads>(std::move(name), threads, queue_limit);
}

error current_fault() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {errc::resource_exhausted, "there is not enough memory for this"};
  } catch (const std::exception& fault) {
    return {errc::internal, fault.what()};
  } catch (...) {
    return {errc::internal, "something was thrown that is no exception"};
  }
}

std::unique_ptr<thread_pool> make_inline_pool() {
  return std::make_unique<inline_pool>();
}

thread_pool_source& thread_pools() noexcept {
  static system_thread_pools instance;
  return instance;
}

}  // namespace kiln
