#include "actors/worker/command/usage_watch.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

/// An action cannot fill the disk, and what it wrote up to its limit is not lost.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(usage)

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t limit = 1'000'000;

void small_limits(worker_options& options) {
  options.max_stream_size = {limit};
  options.max_output_size = {4 * limit};
  options.max_output_entries = 1000;
}

std::string repeated(const std::string& text, std::size_t size) {
  std::string result;
  while (result.size() < size) result += text;
  result.resize(size);
  return result;
}

/// A folder of an action, looked at with a clock that the test moves.
struct watched_folder {
  explicit watched_folder(const input_tree& inputs = {}) {
    small_limits(options);
    auto made = work_root::open(system_disk(), (folder / "work").string(), pool, nullptr);
    BOOST_REQUIRE(made);
    root = *made;
    auto one = root->make_action_folder();
    BOOST_REQUIRE(one);
    action = std::move(*one);
    watch.emplace(action, options, &inputs, time, [this] { return taken; });
  }
  void write(const std::string& name, std::size_t size) {
    descriptor file(::openat(action->root().number(), name.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666));
    BOOST_REQUIRE(write_all(system_disk(), file, std::string(size, 'x'), 0));
    taken.bytes += size;
    ++taken.entries;
  }
  bool is_fine() { return !watch->look(); }

  temporary_folder folder;
  worker_options options;
  std::shared_ptr<thread_pool> pool = make_inline_pool();
  std::shared_ptr<work_root> root;
  std::shared_ptr<action_folder> action;
  manual_clock time;
  usage_watch::amount taken{1U << 30, 1000};  ///< of the whole file system
  std::optional<usage_watch> watch;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_command_that_does_not_stop_writing_is_stopped_and_its_output_kept) {
  worker_bench bench(small_limits);
  auto outcome = bench.run(bench.shell("exec yes"));
  BOOST_TEST(outcome.status.code() == errc::failed_precondition);
  BOOST_TEST((owner_of(outcome) == fault_owner::action));
  BOOST_TEST(outcome.status.message().find("standard output") != std::string::npos);
  BOOST_TEST((bench.out_of(outcome) == repeated("y\n", limit)));
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(the_same_goes_for_standard_error_and_what_was_said_before_stays) {
  worker_bench bench(small_limits);
  auto outcome = bench.run(bench.shell("echo said; exec yes >&2"));
  BOOST_TEST(outcome.status.code() == errc::failed_precondition);
  BOOST_TEST(outcome.status.message().find("standard error") != std::string::npos);
  BOOST_TEST(bench.out_of(outcome) == "said\n");
  BOOST_TEST((bench.get(bench.result_of(outcome).stderr_digest()) == repeated("y\n", limit)));
}

BOOST_AUTO_TEST_CASE(a_command_that_ends_before_it_can_be_stopped_is_held_to_the_same_limit) {
  worker_bench bench(small_limits);
  BOOST_TEST(bench.run(bench.shell("head -c 1000000 /dev/zero")).status.ok());
  auto outcome = bench.run(bench.shell("head -c 1000001 /dev/zero"));
  BOOST_TEST(outcome.status.code() == errc::failed_precondition);
  BOOST_TEST((bench.out_of(outcome) == std::string(limit, '\0')));
}

BOOST_AUTO_TEST_CASE(a_command_that_fills_its_folder_is_stopped) {
  worker_bench bench(small_limits);
  for (std::string loop : {"head -c 100000 /dev/zero > a/b/f$i", ": > a/f$i"}) {
    auto outcome =
        bench.run(bench.shell("echo said; mkdir -p a/b; i=0; while i=$((i+1)); do " + loop + "; done"));
    BOOST_TEST(outcome.status.code() == errc::failed_precondition, loop);
    BOOST_TEST((owner_of(outcome) == fault_owner::action));
    BOOST_TEST(bench.out_of(outcome) == "said\n");
  }
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(no_file_grows_beyond_all_outputs) {
  worker_bench bench(small_limits);
  auto outcome = bench.run(bench.shell("exec dd if=/dev/zero of=file bs=1M count=100"));
  BOOST_TEST(outcome.status.code() == errc::failed_precondition);
  BOOST_TEST(outcome.exit_code == 128 + SIGXFSZ);
}

BOOST_AUTO_TEST_CASE(outputs_that_are_too_much_leave_what_fitted) {
  worker_bench bench(small_limits);
  auto command =
      bench.shell("echo said; echo x > small; for i in 1 2 3; do head -c 2000000 /dev/zero > $i; done");
  for (const char* name : {"small", "1", "2", "3"}) command.add_output_paths(name);
  auto outcome = bench.run(command);
  BOOST_TEST(outcome.status.code() == errc::failed_precondition);
  BOOST_TEST(bench.out_of(outcome) == "said\n");
  auto result = bench.result_of(outcome);
  BOOST_REQUIRE(result.output_files_size() >= 1);
  BOOST_TEST(bench.get(result.output_files(0).digest()) == "x\n");
}

BOOST_AUTO_TEST_CASE(what_is_removed_again_does_not_count) {
  watched_folder one;
  one.write("first", 3 * limit);
  BOOST_TEST(one.is_fine());
  ::unlinkat(one.action->root().number(), "first", 0);
  one.write("second", 3 * limit);
  one.time.advance(2s);
  BOOST_TEST(one.is_fine());
}

BOOST_AUTO_TEST_CASE(growth_of_the_file_system_is_looked_into_at_once_and_small_things_after_a_while) {
  watched_folder one;
  one.write("first", 3 * limit);
  one.taken.bytes -= 3 * limit;  // somebody else has removed as much
  one.write("second", 3 * limit);
  one.taken.bytes -= 3 * limit;
  BOOST_TEST(one.is_fine());
  one.time.advance(2s);
  BOOST_TEST(!one.is_fine());
  ::unlinkat(one.action->root().number(), "second", 0);
  one.time.advance(2s);
  BOOST_TEST(one.is_fine());
  one.write("third", 2 * limit);  // no time passes
  BOOST_TEST(!one.is_fine());
}

BOOST_AUTO_TEST_CASE(many_small_files_are_seen_by_their_number) {
  watched_folder one;
  for (int i = 0; i < 1001; ++i) one.write("file" + std::to_string(i), 1);
  BOOST_TEST(!one.is_fine());
}

BOOST_AUTO_TEST_CASE(inputs_are_not_what_an_action_wrote) {
  input_tree inputs;
  inputs.folders.push_back({""});
  inputs.files.push_back({0, "input", digest{{}, 5 * limit, digest_function::sha256}, false});
  watched_folder one(inputs);
  one.write("input", 5 * limit);
  one.time.advance(2s);
  BOOST_TEST(one.is_fine());
  one.write("output", 5 * limit);
  one.time.advance(2s);
  BOOST_TEST(!one.is_fine());
}

BOOST_AUTO_TEST_CASE(two_names_of_a_file_are_one_file_and_a_hole_is_nothing) {
  watched_folder one;
  one.write("file", 3 * limit);
  ::linkat(one.action->root().number(), "file", one.action->root().number(), "again", 0);
  descriptor hole(::openat(one.action->root().number(), "hole", O_WRONLY | O_CREAT, 0666));
  BOOST_REQUIRE(::ftruncate(hole.number(), 1LL << 40) == 0);
  one.time.advance(2s);
  BOOST_TEST(one.is_fine());
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_deeper_than_a_path_is_looked_through) {
  watched_folder one;
  descriptor here(::openat(one.action->root().number(), ".", O_RDONLY | O_DIRECTORY));
  const std::string name(200, 'd');
  for (int i = 0; i < 40; ++i) {
    BOOST_REQUIRE(::mkdirat(here.number(), name.c_str(), 0777) == 0);
    here = descriptor(::openat(here.number(), name.c_str(), O_RDONLY | O_DIRECTORY));
  }
  descriptor file(::openat(here.number(), "file", O_WRONLY | O_CREAT, 0666));
  BOOST_REQUIRE(write_all(system_disk(), file, std::string(5 * limit, 'x'), 0));
  one.time.advance(2s);
  BOOST_TEST(!one.is_fine());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
