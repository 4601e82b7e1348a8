#include "actors/worker/fault_owners.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "core/wire/digests.hpp"
#include "core/wire/utf8.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

/// Whose fault a failure is, and that no action of its own fault is tried again.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(faults)

namespace {

struct judged {
  errc code;
  fault_owner owner;
};

judged judge(purpose what_for, int number) {
  auto fault = fault_of(what_for, number, "doing");
  auto code = fault.code();
  auto owner = take_owner(fault, fault_place::worker);
  BOOST_TEST(fault.details().empty());  // nothing of it leaves the worker
  return {code, owner};
}

/// Every errno that a file system or the start of a program may answer.
const std::vector<int> all_numbers = {
    EPERM,  ENOENT,    EINTR,  EIO,    ENXIO,     E2BIG,   ENOEXEC,   EBADF,   EAGAIN,       ENOMEM,
    EACCES, EFAULT,    EBUSY,  EEXIST, EXDEV,     ENODEV,  ENOTDIR,   EISDIR,  EINVAL,       ENFILE,
    EMFILE, ETXTBSY,   EFBIG,  ENOSPC, EROFS,     EMLINK,  EPIPE,     ENOSYS,  ENAMETOOLONG, ELOOP,
    EILSEQ, EOVERFLOW, EDQUOT, ESTALE, ETIMEDOUT, EUCLEAN, ENOTEMPTY, ELIBBAD, EOPNOTSUPP};

/// What is the action's, by purpose; all others are the worker's.
const std::map<purpose, std::map<int, errc>> of_the_action = {
    {purpose::own_folder, {}},
    {purpose::inputs,
     {{ENAMETOOLONG, errc::invalid_argument},
      {ELOOP, errc::invalid_argument},
      {ENOTDIR, errc::invalid_argument},
      {EINVAL, errc::invalid_argument},
      {EEXIST, errc::failed_precondition},
      {EILSEQ, errc::failed_precondition},
      {EMLINK, errc::failed_precondition},
      {EFBIG, errc::failed_precondition},
      {EOVERFLOW, errc::failed_precondition}}},
    {purpose::start,
     {{E2BIG, errc::invalid_argument},
      {ENOENT, errc::failed_precondition},
      {ENOTDIR, errc::failed_precondition},
      {EISDIR, errc::failed_precondition},
      {EACCES, errc::failed_precondition},
      {EPERM, errc::failed_precondition},
      {ENOEXEC, errc::failed_precondition},
      {ELIBBAD, errc::failed_precondition},
      {EINVAL, errc::failed_precondition},
      {ELOOP, errc::failed_precondition},
      {ENAMETOOLONG, errc::failed_precondition}}},
    {purpose::outputs,
     {{ENAMETOOLONG, errc::failed_precondition},
      {ELOOP, errc::failed_precondition},
      {ENOTDIR, errc::failed_precondition},
      {EISDIR, errc::failed_precondition},
      {EXDEV, errc::failed_precondition},
      {EACCES, errc::failed_precondition},
      {EPERM, errc::failed_precondition},
      {EFBIG, errc::failed_precondition},
      {EOVERFLOW, errc::failed_precondition},
      {ENXIO, errc::failed_precondition},
      {ENODEV, errc::failed_precondition}}},
};

/// A tree of folders, each in the one before, whose path is longer than a path may be.
v2::Directory too_deep(worker_bench& bench) {
  v2::Directory here;
  bench.add_file(here, "leaf", "content");
  for (int i = 0; i < 20; ++i) {
    v2::Directory above;
    auto* node = above.add_directories();
    node->set_name(std::string(250, 'd'));
    to_wire(bench.put(here), node->mutable_digest());
    here = above;
  }
  return here;
}

/// It ended by its own fault, with a message that a client can be shown.
void check_own_fault(const action_outcome& outcome, errc code) {
  BOOST_TEST(outcome.status.code() == code, outcome.status.to_string());
  BOOST_TEST((owner_of(outcome) == fault_owner::action));
  BOOST_TEST(outcome.status.message().size() < 1000);
  BOOST_TEST(is_utf8(outcome.status.message()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_errno_has_an_owner_for_every_purpose) {
  for (const auto& [what_for, own] : of_the_action)
    for (int number : all_numbers) {
      auto found = judge(what_for, number);
      auto what = std::string(std::strerror(number)) + " for " + std::to_string(static_cast<int>(what_for));
      auto expected = own.find(number);
      bool of_action = expected != own.end();
      BOOST_TEST((found.owner == (of_action ? fault_owner::action : fault_owner::worker)), what);
      if (of_action) BOOST_TEST(found.code == expected->second, what);
      // A scheduler that reads only the code comes to the same end.
      BOOST_TEST((owner_of(found.code) == found.owner), what);
    }
}

BOOST_AUTO_TEST_CASE(what_is_used_up_and_what_is_broken_is_told_apart) {
  for (int number : {ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EAGAIN})
    BOOST_TEST(judge(purpose::inputs, number).code == errc::resource_exhausted);
  BOOST_TEST(judge(purpose::outputs, EROFS).code == errc::unavailable);
  BOOST_TEST(judge(purpose::own_folder, EIO).code == errc::internal);
}

BOOST_AUTO_TEST_CASE(an_error_without_owner_is_judged_where_it_arose) {
  auto owner = [](errc code, fault_place from) {
    error fault(code, "something");
    return take_owner(fault, from);
  };
  BOOST_TEST((owner(errc::not_found, fault_place::worker) == fault_owner::worker));
  BOOST_TEST((owner(errc::permission_denied, fault_place::worker) == fault_owner::worker));
  BOOST_TEST((owner(errc::failed_precondition, fault_place::worker) == fault_owner::action));
  BOOST_TEST((owner(errc::aborted, fault_place::worker) == fault_owner::elsewhere));
  BOOST_TEST((owner(errc::unavailable, fault_place::store) == fault_owner::elsewhere));
  BOOST_TEST((owner(errc::permission_denied, fault_place::store) == fault_owner::elsewhere));
  BOOST_TEST((owner(errc::failed_precondition, fault_place::store) == fault_owner::action));
}

BOOST_AUTO_TEST_CASE(an_owner_stays_with_its_error_and_other_details_too) {
  auto fault = owned_by(fault_owner::suspect, error(errc::unavailable, "gone").add_detail({"url", "value"}));
  fault = fault.in_context("fetching");
  BOOST_TEST((take_owner(fault, fault_place::store) == fault_owner::suspect));
  BOOST_REQUIRE(fault.details().size() == 1U);
  BOOST_TEST(fault.details()[0].type_url == "url");
  BOOST_TEST(fault.message() == "fetching: gone");
}

BOOST_AUTO_TEST_CASE(an_input_deeper_than_a_path_may_be_is_the_actions_fault) {
  worker_bench bench;
  auto outcome = bench.run(worker_bench::shell("true"), too_deep(bench));
  check_own_fault(outcome, errc::invalid_argument);
  BOOST_TEST(outcome.status.message().find("4095 bytes") != std::string::npos);
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(an_input_link_with_a_target_that_is_too_long_is_the_actions_fault) {
  worker_bench bench;
  v2::Directory root;
  auto* link = root.add_symlinks();
  link->set_name("link");
  link->set_target(std::string(5000, 'x'));
  check_own_fault(bench.run(worker_bench::shell("true"), root), errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(an_output_deeper_than_a_path_may_be_is_the_actions_fault) {
  worker_bench bench;
  auto command = worker_bench::shell(
      "mkdir out; cd out; n=$(printf %250s | tr ' ' d); "
      "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do mkdir $n; cd -P $n; echo x > f; done");
  command.add_output_paths("out");
  check_own_fault(bench.run(command), errc::failed_precondition);
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(a_declared_output_that_no_path_can_name_is_the_actions_fault) {
  worker_bench bench;
  auto command = worker_bench::shell("true");
  std::string path = "a";
  while (path.size() < 5000) path += "/" + std::string(200, 'p');
  command.add_output_paths(path);
  auto outcome = bench.run(command);
  BOOST_TEST((owner_of(outcome) == fault_owner::action));
  BOOST_TEST((owner_of(outcome.status.code()) == fault_owner::action));
}

BOOST_AUTO_TEST_CASE(an_output_behind_links_that_go_round_is_the_actions_fault) {
  worker_bench bench;
  auto command = worker_bench::shell("rmdir d/a; ln -s b d/a; ln -s a d/b");
  command.add_output_paths("d/a/file");
  auto outcome = bench.run(command);
  check_own_fault(outcome, errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(arguments_that_are_too_many_are_the_actions_fault) {
  worker_bench bench;
  auto command = worker_bench::shell("true");
  command.add_arguments(std::string(3U << 20, 'x'));
  check_own_fault(bench.run(command), errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_work_folder_that_is_gone_is_the_workers_fault) {
  worker_bench bench;
  bench.master.next_registered();
  std::filesystem::remove_all(bench.options.work_root + "/actions");
  auto outcome = bench.run(worker_bench::shell("true"));
  BOOST_TEST((outcome.fault == fault_owner::worker));
  BOOST_TEST((owner_of(outcome.status.code()) == fault_owner::worker));  // not the client's NOT_FOUND
  BOOST_TEST(outcome.status.details().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
