#include "core/observe/log.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

namespace kiln {

// Shared with the writer thread, so that a thread left behind in its sink still stands on its own ground.
struct logger::queue {
  queue(log_sink to, const clock& clock, log_format form) : sink(std::move(to)), time(clock), format(form) {}

  void render(std::string& to, log_level level, std::string_view message, log_fields fields) const {
    (format == log_format::json ? append_json : append_text)(to, time.wall(), level, message, fields);
  }

  void drain() {
    std::string batch;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return stopping || !lines.empty(); });
      if (lines.empty()) break;
      batch.swap(lines);
      const std::uint64_t records = std::exchange(waiting, 0);
      const std::uint64_t missing = std::exchange(unreported, 0);
      lock.unlock();
      if (missing > 0) render(batch, log_level::warn, fmt::format("dropped {} records", missing), {});
      const bool kept = sink(batch);
      batch.clear();
      if (batch.capacity() > keep_capacity) batch.shrink_to_fit();
      lock.lock();
      offered += records;
      if (!kept) {
        dropped += records;
        unreported += records + missing;
      }
      idle.notify_all();
    }
    finished = true;
    idle.notify_all();
  }

  static constexpr std::size_t keep_capacity = 1U << 20;

  log_sink sink;  // the writer thread's alone
  const clock& time;
  const log_format format;

  std::mutex mutex;
  std::condition_variable wake;  // the writer waits for lines
  std::condition_variable idle;  // flush and the destructor wait for the writer
  std::string lines;             // rendered, not yet taken by the writer
  std::uint64_t waiting = 0;     // records in `lines`
  std::uint64_t accepted = 0;    // records ever queued
  std::uint64_t offered = 0;     // of these, how many the sink was offered
  std::uint64_t dropped = 0;
  std::uint64_t unreported = 0;  // dropped, and not yet told in a line
  bool stopping = false;
  bool finished = false;
};

logger::logger(log_sink sink, const clock& time, log_options options)
    : options_(options),
      level_(options.level),
      queue_(std::make_shared<queue>(std::move(sink), time, options.format)) {
  // The writer inherits a mask of every signal: SIGPIPE becomes an errno, and the others find main.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  writer_ = std::thread([queue = queue_] { queue->drain(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(writer_.native_handle(), "kiln-log");
}

logger::~logger() {
  bool finished = false;
  {
    std::unique_lock lock(queue_->mutex);
    queue_->stopping = true;
    queue_->wake.notify_one();
    finished = queue_->idle.wait_for(lock, options_.farewell, [this] { return queue_->finished; });
  }
  if (finished)
    writer_.join();
  else
    writer_.detach();
}

void logger::write(log_level level, std::string_view message, log_fields fields) {
  if (!enabled(level)) return;
  std::string line;
  queue_->render(line, level, message, fields);
  {
    std::lock_guard lock(queue_->mutex);
    if (queue_->waiting >= options_.queue_records ||
        queue_->lines.size() + line.size() > options_.queue_bytes) {
      ++queue_->dropped;
      ++queue_->unreported;
      return;
    }
    queue_->lines += line;
    ++queue_->waiting;
    ++queue_->accepted;
  }
  queue_->wake.notify_one();
}

bool logger::flush(duration bound) {
  std::unique_lock lock(queue_->mutex);
  const std::uint64_t target = queue_->accepted;
  return queue_->idle.wait_for(lock, bound, [&] { return queue_->offered >= target; });
}

std::uint64_t logger::dropped() const noexcept {
  std::lock_guard lock(queue_->mutex);
  return queue_->dropped;
}

}  // namespace kiln
