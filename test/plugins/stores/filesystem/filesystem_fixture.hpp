#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugins/stores/filesystem/store/spawn.hpp"
#include "test/contract/sources.hpp"
#include "test/contract/stage.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/faulty_disk.hpp"

namespace kiln::test {

/// Keeps its jobs until the test runs them, on the test's thread.
class patient_pool final : public thread_pool {
public:
  expected<void> post(job work) override {
    if (stopped_) return fail(errc::unavailable, "the pool has stopped");
    if (jobs_.size() >= limit) return fail(errc::resource_exhausted, "the pool is full");
    jobs_.push_back(std::move(work));
    return {};
  }
  void stop() override {
    stopped_ = true;
    while (run_one()) {
    }
  }
  /// As if its threads had been killed.
  void abandon() {
    stopped_ = true;
    jobs_.clear();
  }
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  bool run_one() {
    if (jobs_.empty()) return false;
    job next = std::move(jobs_.front());
    jobs_.pop_front();
    try {
      next();
    } catch (...) {  // it ends that job, as in a thread pool of threads
    }
    return true;
  }

private:
  std::deque<job> jobs_;
  bool stopped_ = false;
};

/// A filesystem store in a folder of its own, in which nothing happens unless the test runs it, on a disk
/// that fails when the test says so.
class filesystem_fixture {
public:
  /// Packs off, no memory for hot blobs: what is asked for comes from files.
  static filesystem::store_options files_only();
  /// A store so large that blobs of up to 64 KiB are packed.
  static filesystem::store_options packing();
  /// Packs off, and files of more than 64 KiB are written past the page cache.
  static filesystem::store_options direct();

  explicit filesystem_fixture(filesystem::store_options options = files_only(),
                              store_role what = store_role::content);
  ~filesystem_fixture();

  /// Why the store cannot be opened again beside this one, or after it was closed.
  error try_open();
  enum class whole { process, machine };
  /// Ends the store in order and starts it again.
  void restart(whole how = whole::process);
  /// The same without any order: what the thread pool has not done yet never happens.
  enum class then { run, look_at_nothing };
  void crash(whole how = whole::process, then next = then::run);
  void close();
  void open();

  /// Called with each store that is opened from now on, before it does anything.
  std::function<void(const store_actor&)> when_opened;

  /// Lets everybody act until nobody has anything left to do.
  void run();
  /// Lets the actors act, and the thread pool do so many jobs: false when there were fewer.
  bool run_jobs(std::size_t count);

  template <class Order, class Answer = answer_to<Order>>
  std::shared_ptr<std::optional<expected<Answer>>> begin(Order order) {
    return system.begin<Answer>(store_, std::move(order));
  }
  template <class Order, class Answer = answer_to<Order>>
  expected<Answer> ask(Order order) {
    auto heard = begin(std::move(order));
    run();
    if (!*heard) throw std::runtime_error("no answer came");
    return std::move(**heard);
  }

  expected<receipt> write(const digest& blob, const std::string& content);
  digest put(const std::string& content);
  expected<std::string> read(const digest& blob, std::uint64_t offset = 0, std::uint64_t limit = 0);
  bool has(const digest& blob);
  /// Has one file lent.
  expected<lent_file> lend(const digest& blob) {
    return contract::files_of(ask(lend_files{{blob}}), 1).front();
  }
  store_stats stats() { return *ask(measure_store{}); }
  double gauge(metric_name name, const std::string& kind);

  std::filesystem::path file_of(const digest& blob) const;
  /// The folders that names of SHA-256 go to, as if there had been such names.
  void make_places();
  /// Files in this folder of the store and below.
  std::vector<std::filesystem::path> files_in(const std::string& folder) const;

  deterministic_system system;
  faulty_disk disk;
  /// Jobs that the thread pool takes until it has done some.
  std::size_t pool_limit = std::numeric_limits<std::size_t>::max();
  void limit_pool(std::size_t most) { pool_->limit = pool_limit = most; }
  filesystem::store_options options;
  const store_role what;
  std::filesystem::path folder;

private:
  expected<store_actor> spawn();

  std::shared_ptr<patient_pool> pool_;
  store_actor store_;
  int boots_ = 1;
};

/// Changes one byte of a file, mode bits or not, and its mtime with it.
void damage(const std::filesystem::path& file, std::uint64_t offset);

}  // namespace kiln::test
