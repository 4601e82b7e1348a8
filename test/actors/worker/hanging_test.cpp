#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <mutex>

#include "actors/worker/command/command_runner.hpp"
#include "core/observe/metrics.hpp"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

/// A process that hangs on a disk cannot be killed, and a folder on it cannot be removed. It costs its slot,
/// and nobody else anything.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(hanging)

using namespace std::chrono_literals;

/// Keeps to itself that the processes of a command are gone, as long as it is told to.
class held_ends final : public process_launcher {
public:
  explicit held_ends(const std::string& folder)
      : real_(
            command_runner::open(system_disk(), system_disk().open_folder(folder).value(), folder).value()) {}

  expected<running_process_ptr> start(const process_plan& plan, const process_place& where,
                                      process_observer listener) override {
    std::unique_lock lock(held_->mutex);
    bool hold = held_->to_hold > 0;
    if (hold) --held_->to_hold;
    lock.unlock();
    if (hold)
      listener.ended = [held = held_, ended = std::move(listener.ended)](expected<process_end> how) {
        std::lock_guard lock(held->mutex);
        held->news.push_back([ended, how = std::move(how)] { ended(how); });
        held->changed.notify_all();
      };
    return real_->start(plan, where, std::move(listener));
  }

  void hold_next(std::size_t commands) {
    std::lock_guard lock(held_->mutex);
    held_->to_hold = commands;
  }
  /// The disk is back.
  void release() {
    std::vector<std::function<void()>> news;
    {
      std::unique_lock lock(held_->mutex);
      held_->changed.wait(lock, [&] { return !held_->news.empty(); });
      news.swap(held_->news);
    }
    for (auto& each : news) each();
  }

private:
  struct held_news {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t to_hold = 0;
    std::vector<std::function<void()>> news;
  };

  const std::shared_ptr<process_launcher> real_;
  const std::shared_ptr<held_news> held_ = std::make_shared<held_news>();
};

/// Threads of the worker that stand still when they are told to: its disk hangs.
class held_pools final : public thread_pool_source {
public:
  std::unique_ptr<thread_pool> make(std::string name, std::size_t threads) override {
    auto real = thread_pools().make(name, threads);
    if (name != "kiln-worker") return real;
    return std::make_unique<held_pool>(gate_, std::move(real));
  }
  void hold() { set(true); }
  void release() { set(false); }

private:
  struct gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool closed = false;
  };

  class held_pool final : public thread_pool {
  public:
    held_pool(std::shared_ptr<gate> way, std::unique_ptr<thread_pool> real)
        : way_(std::move(way)), real_(std::move(real)) {}
    expected<void> post(job work) override {
      return real_->post([way = way_, work = std::move(work)] {
        std::unique_lock lock(way->mutex);
        way->changed.wait(lock, [&] { return !way->closed; });
        lock.unlock();
        work();
      });
    }
    void stop() override { real_->stop(); }

  private:
    const std::shared_ptr<gate> way_;
    const std::unique_ptr<thread_pool> real_;
  };

  void set(bool closed) {
    std::lock_guard lock(gate_->mutex);
    gate_->closed = closed;
    gate_->changed.notify_all();
  }

  const std::shared_ptr<gate> gate_ = std::make_shared<gate>();
};

struct hanging_bench : worker_bench {
  hanging_bench() : hanging_bench([](worker_options& options) { options.slots = 2; }) {}
  explicit hanging_bench(adjust change) : worker_bench(change, false) {
    options.hang_after = 20ms;
    options.kill_grace = duration(0);
    env.pools = &pools;
    processes = ends;
    hire();
    master.next_registered();
  }
  ~hanging_bench() { pools.release(); }

  /// An action that runs over its time, and whose process cannot be ended.
  action_finished hang() {
    ends->hold_next(1);
    auto action = spec(shell("exec sleep 1000"));
    action.timeout = 20ms;
    start(action);
    return master.next_finished();
  }
  worker_stats stats() { return *ask<worker_stats>(system, worker, measure_worker{}); }
  double lost() { return metrics.gauges("kiln_worker_slots_lost", "").with().value(); }

  held_pools pools;
  std::shared_ptr<held_ends> ends = std::make_shared<held_ends>(folder.path().string());
};

BOOST_FIXTURE_TEST_CASE(a_process_that_cannot_be_ended_costs_its_slot_and_nothing_else, hanging_bench) {
  auto late = hang();
  BOOST_TEST(late.outcome.status.code() == errc::deadline_exceeded);
  BOOST_TEST((owner_of(late.outcome) == fault_owner::action));
  BOOST_TEST(master.next_slots().slots == 1U);
  BOOST_TEST(stats().running == 0U);
  BOOST_TEST(stats().slots == 1U);
  BOOST_TEST(lost() == 1);
  BOOST_TEST(out_of(run(shell("echo beside"))) == "beside\n");

  ends->release();
  BOOST_TEST(master.next_slots().slots == 2U);
  BOOST_TEST(lost() == 0);
  BOOST_TEST(leftovers().empty());
  std::size_t told = 0;
  for (const auto& line : log_lines()) told += line.find("slot") != std::string::npos ? 1 : 0;
  BOOST_TEST(told >= 1U);
}

BOOST_FIXTURE_TEST_CASE(the_slot_is_told_of_before_the_end_so_that_nothing_is_sent_there, hanging_bench) {
  hang();
  // Both are in the master's notebook by now, in the order in which they came.
  BOOST_TEST(master.next_slots().slots == 1U);
  start(spec(shell("exec sleep 1000")));
  start(spec(shell("true")));
  auto refused = master.next_finished();
  BOOST_TEST(refused.outcome.status.code() == errc::resource_exhausted);
  BOOST_TEST((owner_of(refused.outcome) == fault_owner::elsewhere));
  ends->release();
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_action_whose_process_hangs_is_cancelled_all_the_same, hanging_bench) {
  ends->hold_next(1);
  meeting_point running(folder / "running");
  auto name = start(spec(shell(running.script() + "; exec sleep 1000")));
  running.wait();
  caf::anon_send(worker, kill_action{name, 1, "nobody wants it"});
  BOOST_TEST(master.next_finished().outcome.status.code() == errc::cancelled);
  BOOST_TEST(master.next_slots().slots == 1U);
  ends->release();
  BOOST_TEST(master.next_slots().slots == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_folder_whose_removal_hangs_costs_its_slot_too, hanging_bench) {
  meeting_point running(folder / "running");
  auto name = start(spec(shell(running.script() + "; exec sleep 1000")));
  running.wait();
  master.next_started();
  pools.hold();
  caf::anon_send(worker, kill_action{name, 1, "nobody wants it"});
  BOOST_TEST(master.next_finished().outcome.status.code() == errc::cancelled);
  BOOST_TEST(master.next_slots().slots == 1U);
  pools.release();
  BOOST_TEST(master.next_slots().slots == 2U);
  BOOST_TEST(leftovers().empty());
}

BOOST_FIXTURE_TEST_CASE(the_end_of_an_action_is_told_before_its_folder_is_removed, hanging_bench) {
  fire();
  options.hang_after = duration(10min);
  options.removal_wait = duration(1ms);
  options.work_root = (folder / "other").string();
  hire();
  master.next_registered();
  meeting_point running(folder / "running");
  auto name = start(spec(shell("touch left; " + running.script() + "; exec sleep 1000")));
  running.wait();
  master.next_started();
  pools.hold();
  caf::anon_send(worker, kill_action{name, 1, "nobody wants it"});
  BOOST_TEST(master.next_finished().outcome.status.code() == errc::cancelled);
  BOOST_TEST(leftovers().size() == 1U);
  BOOST_TEST(master.next_slots().slots == 1U);
  pools.release();
  BOOST_TEST(master.next_slots().slots == 2U);
  BOOST_TEST(leftovers().empty());
}

BOOST_FIXTURE_TEST_CASE(a_worker_without_a_slot_enlists_again_when_one_is_back, hanging_bench) {
  fire();
  options.slots = 1;
  options.work_root = (folder / "other").string();
  hire();
  BOOST_TEST(master.next_registered().profile.slots == 1U);
  hang();
  BOOST_TEST(master.next_slots().slots == 0U);
  caf::anon_send(worker, dismiss_worker{"the session is over", true});
  ends->release();
  BOOST_TEST(master.next_registered().profile.slots == 1U);
  BOOST_TEST(out_of(run(shell("echo again"))) == "again\n");
}

BOOST_FIXTURE_TEST_CASE(what_hangs_holds_up_neither_a_drain_nor_an_end, hanging_bench) {
  hang();
  BOOST_TEST(ask<worker_drained>(system, worker, drain_worker{}).has_value());
  // The fixture ends with the process still there.
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
