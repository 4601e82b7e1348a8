#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/sandbox/find_sandbox.hpp"
#include "core/base/thread_pool.hpp"
#include "test/harness/print.hpp"
#include "test/harness/temporary_folder.hpp"

namespace kiln::test {
namespace sandbox_choice {

/// A machine on which making a sandbox ends so.
class played_machine final : public process_launcher {
public:
  explicit played_machine(error why) : why_(std::move(why)) {}
  std::size_t tries = 0;

  expected<running_process_ptr> start(const process_plan&, const process_place& where,
                                      process_observer listener) override {
    BOOST_TEST(where.sandbox != nullptr);
    ++tries;
    listener.ended(failure(why_));
    return running_process_ptr();
  }

private:
  const error why_;
};

struct choice {
  expected<std::shared_ptr<const process_sandbox>> of(sandbox_level level, played_machine& machine) {
    auto root = work_root::open(system_disk(), (folder / std::to_string(++number)).string(),
                                thread_pools().make("kiln-test", 1), nullptr);
    BOOST_REQUIRE(root.has_value());
    sandbox_options wanted;
    wanted.level = level;
    return find_sandbox(wanted, machine, **root, nullptr);
  }
  temporary_folder folder;
  int number = 0;
};

error says(int number) {
  return fault_of(purpose::own_folder, number, "an action's sandbox: mounting /proc");
}

}  // namespace sandbox_choice

using namespace sandbox_choice;

BOOST_FIXTURE_TEST_SUITE(choice_of_a_sandbox, choice)

BOOST_AUTO_TEST_CASE(a_command_that_cannot_be_found_is_one_that_could_have_run) {
  played_machine machine(fault_of(purpose::start, ENOENT, "starting the command"));
  for (auto level : {sandbox_level::automatic, sandbox_level::namespaces}) {
    auto found = of(level, machine);
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST((*found != nullptr));
  }
}

BOOST_AUTO_TEST_CASE(a_machine_that_refuses_one_has_none_or_no_worker_as_it_is_wanted) {
  for (int why : {EPERM, EACCES, ENOSYS, EINVAL}) {
    played_machine machine(says(why));
    auto found = of(sandbox_level::automatic, machine);
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST((*found == nullptr));
    auto refused = of(sandbox_level::namespaces, machine);
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().code() == errc::failed_precondition));
    BOOST_TEST((refused.error().message().find("mounting /proc") != std::string::npos),
               refused.error().message());
    BOOST_TEST(machine.tries == 2U);
  }
}

BOOST_AUTO_TEST_CASE(
    a_machine_that_is_short_of_something_is_asked_again_and_never_taken_for_one_that_refuses) {
  for (int why : {ENOMEM, ENOSPC, EMFILE, EAGAIN})
    for (auto level : {sandbox_level::automatic, sandbox_level::namespaces}) {
      played_machine machine(says(why));
      auto refused = of(level, machine);
      BOOST_REQUIRE(!refused.has_value());
      BOOST_TEST((refused.error().message().find("could not be made at the moment") != std::string::npos),
                 refused.error().message());
      BOOST_TEST(machine.tries == 3U);
    }
}

BOOST_AUTO_TEST_CASE(where_none_is_wanted_none_is_tried) {
  played_machine machine(says(EPERM));
  auto found = of(sandbox_level::folder, machine);
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST((*found == nullptr));
  BOOST_TEST(machine.tries == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace kiln::test
