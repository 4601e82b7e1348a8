#include <atomic>
#include <boost/test/unit_test.hpp>
#include <new>

#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

/// What is thrown while a worker attends to an action ends that action, and nothing else.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(throwing)

namespace {

/// Threads for a worker. One job is not taken, since there is no memory for it.
class failing_pools final : public thread_pool_source {
public:
  /// So many jobs from now on it happens.
  void fail_at(int job) { left_ = job; }

  std::unique_ptr<thread_pool> make(std::string name, std::size_t threads) override {
    bool fails = name == "kiln-worker";
    auto real = thread_pools().make(std::move(name), threads);
    if (!fails) return real;
    return std::make_unique<failing_pool>(std::move(real), left_);
  }

private:
  class failing_pool final : public thread_pool {
  public:
    failing_pool(std::unique_ptr<thread_pool> real, std::atomic<int>& left)
        : real_(std::move(real)), left_(left) {}
    expected<void> post(job work) override {
      if (--left_ == 0) throw std::bad_alloc();
      return real_->post(std::move(work));
    }
    void stop() override { real_->stop(); }

  private:
    const std::unique_ptr<thread_pool> real_;
    std::atomic<int>& left_;
  };

  std::atomic<int> left_{0};
};

}  // namespace

BOOST_AUTO_TEST_CASE(an_action_for_which_there_is_no_memory_ends_alone) {
  // When its folder is to be made, when it is looked at what the command has left, and when that is removed:
  // the last costs no result, for that is known, and the folder goes a little later.
  for (int job : {1, 2, 3}) {
    failing_pools pools;
    worker_bench bench(nullptr, false);
    bench.env.pools = &pools;
    bench.hire();
    pools.fail_at(job);
    auto outcome = bench.run(worker_bench::shell("echo x"));
    BOOST_TEST_CONTEXT("job " << job) {
      if (job == 3) {
        BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
        BOOST_TEST(bench.out_of(outcome) == "x\n");
      } else {
        BOOST_TEST(outcome.status.code() == errc::resource_exhausted, outcome.status.to_string());
        BOOST_TEST((owner_of(outcome) == fault_owner::worker));
      }
      auto next = bench.run(worker_bench::shell("echo next"));
      BOOST_TEST(next.status.ok(), next.status.to_string());
      BOOST_TEST(bench.out_of(next) == "next\n");
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
