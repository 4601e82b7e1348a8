#include "test/harness/turn_scheduler.hpp"

#include <caf/execution_unit.hpp>
#include <caf/local_actor.hpp>
#include <caf/resumable.hpp>

namespace kiln::test {
namespace {

/// What runs an actor: whom the actor wakes waits like everybody else.
class turn final : public caf::execution_unit {
public:
  explicit turn(caf::scheduler::abstract_coordinator& all) : execution_unit(&all.system()), all_(all) {}
  void exec_later(caf::resumable* ready) override { all_.enqueue(ready); }

private:
  caf::scheduler::abstract_coordinator& all_;
};

}  // namespace

void turn_scheduler::add(caf::resumable* ready, bool again) {
  auto* actor = dynamic_cast<caf::local_actor*>(ready);
  all_->add(
      actor == nullptr ? 0 : actor->id(), 1, [this, ready] { resume(ready); }, again);
}

void turn_scheduler::resume(caf::resumable* ready) {
  turn now(*this);
  switch (ready->resume(&now, 1)) {
    case caf::resumable::resume_later:
      return add(ready, true);
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
      return caf::intrusive_ptr_release(ready);
    case caf::resumable::shutdown_execution_unit:
      return;
  }
}

// What is still under way runs to its end, without the time that it might be waiting for.
void turn_scheduler::stop() {
  do {
    clock().cancel_all();
  } while (all_->take());
}

}  // namespace kiln::test
