#pragma once

#include <caf/scheduler/test_coordinator.hpp>
#include <memory>

#include "test/harness/turns.hpp"

namespace kiln::test {

/// CAF's test scheduler, with actors waiting for their turn among all the others. Unlike the original it may
/// be given work by any thread; its clock stands still until it is told.
class turn_scheduler final : public caf::scheduler::test_coordinator {
public:
  turn_scheduler(caf::actor_system& system, std::shared_ptr<turns> all)
      : test_coordinator(system), all_(std::move(all)) {}

protected:
  void enqueue(caf::resumable* ready) override { add(ready, false); }
  void stop() override;

private:
  void add(caf::resumable* ready, bool again);
  void resume(caf::resumable* ready);

  const std::shared_ptr<turns> all_;
};

}  // namespace kiln::test
