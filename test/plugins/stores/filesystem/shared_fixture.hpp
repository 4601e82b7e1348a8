#pragma once

#include <memory>
#include <string>
#include <vector>

#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"
#include "test/plugins/stores/filesystem/lock_order.hpp"

namespace kiln::test {

/// Several stores over one folder, each with a disk and a thread pool of its own, as processes have: the
/// kernel's locks keep them apart as they do those. Nothing happens unless the test runs it. Every test that
/// ends well has kept the order of locks.
class shared_fixture {
public:
  static filesystem::store_options sharing(std::uint64_t capacity = 32 << 20);

  explicit shared_fixture(std::size_t count, filesystem::store_options options = sharing(),
                          store_role what = store_role::content);
  ~shared_fixture();

  /// One more.
  void open();
  /// Why there cannot be one more.
  error try_open(filesystem::store_options with);
  void close(std::size_t which);
  /// As if it had been killed: what its thread pool has not done yet never happens, and nothing is tidied up.
  void kill(std::size_t which);

  /// Lets everybody act until nobody has anything left to do, but wait for time to pass.
  void run();
  /// The same, while so much time passes.
  void pass(duration how_long);
  /// Lets the actors act, and the thread pool of one store do so many jobs.
  void run_jobs(std::size_t which, std::size_t count);

  template <class Order, class Answer = answer_to<Order>>
  std::shared_ptr<std::optional<expected<Answer>>> begin(std::size_t which, Order order) {
    return system.begin<Answer>(all_.at(which).store, std::move(order));
  }
  template <class Order, class Answer = answer_to<Order>>
  expected<Answer> ask(std::size_t which, Order order) {
    auto heard = begin(which, std::move(order));
    run();
    for (int i = 0; i < 200 && !*heard; ++i) pass(std::chrono::milliseconds(50));
    if (!*heard) throw std::runtime_error("no answer came");
    return std::move(**heard);
  }
  expected<receipt> write(std::size_t which, const digest& blob, const std::string& content) {
    return ask(which, write_blob{blob, contract::deliver(content)});
  }
  digest put(std::size_t which, const std::string& content);
  expected<std::string> read(std::size_t which, const digest& blob);
  bool has(std::size_t which, const digest& blob) { return ask(which, find_missing{{blob}})->blobs.empty(); }
  store_stats stats(std::size_t which) { return *ask(which, measure_store{}); }

  std::filesystem::path file_of(const digest& blob) const;
  /// Files below this folder of the store.
  std::vector<std::filesystem::path> files_in(const std::string& below) const;
  faulty_disk& disk(std::size_t which) { return *all_.at(which).disk; }
  lock_order& locks(std::size_t which) { return *all_.at(which).order; }

  deterministic_system system;
  filesystem::store_options options;
  const store_role what;
  std::filesystem::path folder;
  std::string boot = "a boot";

private:
  struct process {
    std::shared_ptr<faulty_disk> disk = std::make_shared<faulty_disk>();
    std::shared_ptr<patient_pool> pool = std::make_shared<patient_pool>();
    std::shared_ptr<lock_order> order = std::make_shared<lock_order>();
    store_actor store{};
  };
  expected<store_actor> spawn(process& one, const filesystem::store_options& with);

  std::vector<process> all_;
};

}  // namespace kiln::test
