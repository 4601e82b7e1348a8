#include "core/base/crew.hpp"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace kiln {
namespace {

class thread_crew final : public crew {
public:
  thread_crew(std::string name, std::size_t threads, std::size_t queue_limit)
      : name_(std::move(name)), limit_(queue_limit) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
      pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
    }
  }
  ~thread_crew() override { stop(); }

  expected<void> post(job work) override {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return fail(errc::unavailable, "crew {} is stopping", name_);
      if (queue_.size() >= limit_)
        return fail(errc::resource_exhausted, "crew {} has {} jobs waiting", name_, limit_);
      queue_.push_back(std::move(work));
    }
    wake_.notify_one();
    return {};
  }

  void stop() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }

private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job next = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      next();
      next = nullptr;  // what the job held is dropped outside the lock
      lock.lock();
    }
  }

  std::string name_;
  std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

class inline_crew final : public crew {
public:
  expected<void> post(job work) override {
    work();
    return {};
  }
  void stop() override {}
};

}  // namespace

std::unique_ptr<crew> make_thread_crew(std::string name, std::size_t threads, std::size_t queue_limit) {
  return std::make_unique<thread_crew>(std::move(name), threads, queue_limit);
}

std::unique_ptr<crew> make_inline_crew() {
  return std::make_unique<inline_crew>();
}

}  // namespace kiln
