#include <boost/test/unit_test.hpp>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

// Inputs are links to the cache's own files, which an action that runs as their owner can change: what it did
// is found out by their bytes, and mended.
namespace kiln::test {
namespace trusted_links {

void trusting(worker_options& options) {
  options.inputs = input_mode::trusted_links;
  options.slots = 4;
}

struct trusting_bench : worker_bench {
  trusting_bench() : worker_bench(trusting, false) {}
  /// As in all_in_one: the store that lends is the one that clients read.
  void hire_with_one_store() {
    cas = spawn_filesystem_store();
    hire();
  }
  std::vector<std::string> missing(const std::vector<std::string>& contents) {
    std::vector<std::string> lost;
    for (const auto& content : contents)
      if (!ask<missing_blobs>(system, cas, find_missing{{digest_of(content)}})->blobs.empty() ||
          get(digest_of(content)) != content)
        lost.push_back(content.substr(0, 10));
    return lost;
  }

  const std::string small = "honest";
  const std::string large = std::string(200'000, 'L');
  const std::string plain = "not executable";
  v2::Directory both() {
    v2::Directory root;
    add_file(root, "large", large, true);
    add_file(root, "plain", plain);
    add_file(root, "small", small, true);
    return root;
  }
};

constexpr const char* crimes[] = {
    "truncate -s 3 small", "printf x >> small", "dd if=/dev/zero of=small bs=1 count=1 conv=notrunc 2>&-",
    "python3 -c \"import mmap; f=open('small','r+b'); m=mmap.mmap(f.fileno(),0); m[0:1]=b'X'; m.flush()\""};

}  // namespace trusted_links

BOOST_FIXTURE_TEST_SUITE(trusted_links, trusting_bench)

BOOST_AUTO_TEST_CASE(a_changed_mode_or_time_costs_no_blob) {
  hire_with_one_store();
  auto root = both();
  for (const char* touch : {"chmod u+w *", "chmod 000 *", "touch *", "touch -d 2001-01-01 *",
                            "ln small other", "chmod 777 *; touch *; ln large other"}) {
    auto outcome = run(shell(touch), root);
    BOOST_TEST(outcome.status.ok(), touch);
    BOOST_TEST(outcome.exit_code == 0, touch);
    BOOST_TEST(missing({small, large, plain}).empty(), touch);
    // And the next one finds them as if nothing had been.
    BOOST_TEST(out_of(run(shell("cat small; stat -c %a small large plain"), root)) == "honest555\n555\n444\n",
               touch);
  }
}

BOOST_AUTO_TEST_CASE(a_neighbour_of_one_that_touches_is_not_disturbed) {
  hire_with_one_store();
  auto root = both();
  meeting_point here(folder / "here"), go(folder / "go");
  auto neighbour =
      start(spec(shell(here.script() + "; read word < " + go.path() + "; cat small; wc -c < large"), root));
  here.wait();
  BOOST_TEST(run(shell("chmod 644 *; touch *"), root).status.ok());
  go.send("on\n");
  auto ended = master.next_finished();
  BOOST_TEST(ended.operation == neighbour);
  BOOST_TEST(ended.outcome.status.ok());
  BOOST_TEST(out_of(ended.outcome) == "honest200000\n");
  BOOST_TEST(missing({small, large}).empty());
}

BOOST_AUTO_TEST_CASE(rule_199_an_action_that_writes_to_its_input_is_told_and_poisons_nothing) {
  hire(spawn_filesystem_store());
  auto root = both();
  auto poisoned = run(shell("chmod u+w small; printf EVIL!! > small"), root);
  BOOST_TEST(poisoned.status.code() == errc::failed_precondition);
  BOOST_TEST(poisoned.status.message().find("wrote to its input \"small\"") != std::string::npos);
  BOOST_TEST(out_of(run(shell("cat small; stat -c %a small"), root)) == "honest555\n");
}

BOOST_AUTO_TEST_CASE(s11_no_way_of_altering_an_input_goes_unnoticed) {
  hire(spawn_filesystem_store());
  auto root = both();
  for (const char* crime : crimes) {
    auto outcome = run(shell(std::string("chmod u+w small; ") + crime), root);
    BOOST_TEST(outcome.status.code() == errc::failed_precondition, crime);
    BOOST_TEST(out_of(run(shell("cat small"), root)) == "honest");
  }
}

// The file that was lent is a copy of what lies in a pack, and that is as it was.
BOOST_AUTO_TEST_CASE(what_is_whole_in_a_pack_serves_on_though_its_copy_was_written_to) {
  hire_with_one_store();
  auto root = both();
  for (const char* crime : crimes) {
    BOOST_TEST(!run(shell(std::string("chmod u+w small; ") + crime), root).status.ok());
    BOOST_TEST(missing({small, large}).empty());
    BOOST_TEST(out_of(run(shell("cat small"), root)) == "honest");
  }
}

BOOST_AUTO_TEST_CASE(a_blob_whose_only_bytes_were_written_to_is_missing_rather_than_wrong) {
  hire_with_one_store();
  auto root = both();
  BOOST_TEST(!run(shell("chmod u+w large; printf x >> large"), root).status.ok());
  // What is missing is named, so that the client brings it again.
  auto next = run(shell("wc -c < large"), root);
  BOOST_TEST(next.status.code() == errc::failed_precondition);
  BOOST_TEST(next.status.details().size() == 1U);
  put(large);
  BOOST_TEST(out_of(run(shell("wc -c < large"), root)) == "200000\n");
}

BOOST_AUTO_TEST_CASE(a_neighbour_that_may_have_read_changed_bytes_runs_again) {
  hire(spawn_filesystem_store());
  auto root = both();
  meeting_point here(folder / "here"), go(folder / "go");
  start(spec(shell(here.script() + "; read word < " + go.path() + "; cat small"), root));
  here.wait();
  auto guilty = run(shell("chmod u+w small; printf EVIL!! > small"), root);
  // Two have had it: either may have done it.
  BOOST_TEST(guilty.status.code() == errc::aborted);
  go.send("on\n");
  BOOST_TEST(master.next_finished().outcome.status.code() == errc::aborted);
  BOOST_TEST(out_of(run(shell("cat small"), root)) == "honest");
  BOOST_TEST(run(shell("chmod u+w small; printf EVIL!! > small"), root).status.code() ==
             errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(s11_an_action_that_is_stopped_does_not_poison_the_cache_either) {
  hire(spawn_filesystem_store());
  auto root = both();
  meeting_point done(folder / "done");
  auto name =
      start(spec(shell("chmod u+w small; printf EVIL!! > small; " + done.script() + "; sleep 1000"), root));
  done.wait();
  caf::anon_send(worker, kill_action{name, 1, "enough"});
  BOOST_TEST(master.next_finished().outcome.status.code() == errc::cancelled);
  BOOST_TEST(out_of(run(shell("cat small"), root)) == "honest");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
