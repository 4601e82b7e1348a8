#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "actors/worker/command/action_users.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

// Nothing that an action does to its inputs changes what others read: where Kiln may, actions run as users of
// their own and have links; elsewhere they have copies.
namespace kiln::test {
namespace own_users {

namespace fs = std::filesystem;

constexpr const char* tampering =
    "for i in small large; do chmod u+w $i; touch $i; echo evil >> $i; truncate -s 3 $i; "
    "python3 -c \"import os; s=os.stat('$i'); f=open('$i','r+b'); f.write(b'EVIL'); f.close(); "
    "os.utime('$i', ns=(s.st_atime_ns, s.st_mtime_ns))\"; done 2>/dev/null; true";

struct apart_bench : worker_bench {
  apart_bench() : worker_bench(nullptr, false) {
    fs::permissions(folder.path(), fs::perms(0711));
    options.slots = 4;
  }
  /// As in all_in_one: the store that lends is the one that clients read.
  void start_working() {
    cas = spawn_filesystem_store();
    hire();
  }
  /// Whether this machine lets us; if not, it is no fault of ours.
  bool may_have_users() {
    std::string why;
    auto users = find_action_users({true, {}}, options.work_root, 8, why);
    if (users && *users) return true;
    BOOST_TEST_MESSAGE("not tried here: " + why);
    return false;
  }
  std::string said(const std::string& script, const v2::Directory& root = {}) {
    auto outcome = run(shell(script), root);
    BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
    return out_of(outcome);
  }
  bool logged(const std::string& words) {
    for (const auto& line : log_lines())
      if (line.find(words) != std::string::npos) return true;
    return false;
  }

  const std::string small = "honest";
  const std::string large = std::string(200'000, 'L');
  v2::Directory inputs() {
    v2::Directory root;
    add_file(root, "large", large, true);
    add_file(root, "small", small);
    return root;
  }
  bool all_is_well() { return get(digest_of(small)) == small && get(digest_of(large)) == large; }
};

}  // namespace own_users

BOOST_FIXTURE_TEST_SUITE(own_users, apart_bench)

BOOST_AUTO_TEST_CASE(each_action_is_somebody_else_and_nobody_in_particular) {
  if (!may_have_users()) return;
  start_working();
  BOOST_TEST(logged("actions run as users of their own"));
  BOOST_TEST(logged("links"));
  auto who = said("test $(id -u) = $(id -g); echo $? $(id -G | wc -w) $(id -u)");
  BOOST_TEST(who.starts_with("0 1 "));
  BOOST_TEST(std::stoul(who.substr(4)) >= 61184U);
  meeting_point here(folder / "here"), go(folder / "go");
  ::chmod(here.path().c_str(), 0666), ::chmod(go.path().c_str(), 0666);
  start(spec(shell("echo mine > file; chmod 666 file; pwd > " + here.path() + "; read word < " + go.path() +
                   "; cat file; id -u")));
  const auto place = read_file(here.path());
  const auto there = place.substr(0, place.find('\n'));
  auto other = said("ls " + there + " 2>&1; echo theirs > " + there + "/file; id -u");
  go.send("on\n");
  auto first = out_of(master.next_finished().outcome);
  BOOST_TEST(first.starts_with("mine\n"));
  BOOST_TEST(other.find("Permission denied") != std::string::npos);
  BOOST_TEST(first.substr(5) != other.substr(other.rfind('\n', other.size() - 2) + 1));
}

BOOST_AUTO_TEST_CASE(its_folders_and_streams_are_its_own) {
  if (!may_have_users()) return;
  start_working();
  v2::Directory sub;
  add_file(sub, "file", "x");
  v2::Directory root;
  auto* node = root.add_directories();
  node->set_name("sub");
  to_wire(put(sub), node->mutable_digest());
  auto command = shell(
      "set -e; echo a > made; echo b > sub/made; mkdir sub/more; rm sub/file; echo c > deep/er/out; "
      "echo said > /dev/stdout; echo wrong > /dev/stderr; mkdir closed; touch closed/in; chmod 000 closed; "
      "pwd");
  command.add_output_paths("deep/er/out");
  for (int round = 0; round < 3; ++round) {
    auto outcome = run(command, root);
    BOOST_TEST(outcome.status.ok());
    BOOST_TEST(outcome.exit_code == 0);
    BOOST_TEST(out_of(outcome).starts_with("said\n/"));
    BOOST_TEST(get(result_of(outcome).output_files(0).digest()) == "c\n");
    BOOST_TEST(leftovers().empty());
  }
}

// The next one has the same folder, and the same files for its streams.
BOOST_AUTO_TEST_CASE(an_action_cannot_spoil_the_streams_of_the_next) {
  start_working();
  BOOST_TEST(said("echo a line of some length; exec python3 -c 'import fcntl, os; "
                  "fcntl.fcntl(1, fcntl.F_SETFL, 0); fcntl.flock(2, fcntl.LOCK_EX); os.lseek(1, 5, 0)'") ==
             "a line of some length\n");
  auto outcome = run(shell("echo said; echo complained >&2"));
  BOOST_TEST(out_of(outcome) == "said\n");
  BOOST_TEST(get(result_of(outcome).stderr_digest()) == "complained\n");
}

BOOST_AUTO_TEST_CASE(an_action_cannot_set_what_the_folder_of_the_next_inherits) {
  start_working();
  const auto fresh = said("lsattr -d . 2>/dev/null");
  said("chattr +SD . 2>/dev/null; chattr +S /dev/stdout 2>/dev/null; true");
  BOOST_TEST(said("lsattr -d . 2>/dev/null") == fresh);
  BOOST_TEST(said("mkdir new; lsattr -d new 2>/dev/null | cut -d' ' -f1") ==
             said("lsattr -d . 2>/dev/null | cut -d' ' -f1"));
}

BOOST_AUTO_TEST_CASE(links_to_inputs_cannot_be_changed) {
  if (!may_have_users()) return;
  start_working();
  auto root = inputs();
  for (int round = 0; round < 2; ++round) {
    BOOST_TEST(said(std::string(tampering) + "; cat small; wc -c < large; stat -c '%a %h' small large",
                    root) == "honest200000\n444 2\n555 2\n");
    BOOST_TEST(all_is_well());
  }
}

BOOST_AUTO_TEST_CASE(an_action_may_remove_and_replace_its_links) {
  if (!may_have_users()) return;
  start_working();
  BOOST_TEST(said("rm small large; echo new > small; cat small", inputs()) == "new\n");
  BOOST_TEST(all_is_well());
}

BOOST_AUTO_TEST_CASE(many_actions_share_few_users_one_after_the_other) {
  if (!may_have_users()) return;
  options.action_users = "300000-300007";
  start_working();
  std::set<std::string> seen;
  // Every other one leaves a folder that cannot serve again, and its user comes back with the next.
  for (int i = 0; i < 30; ++i) seen.insert(said(i % 2 == 0 ? "id -u" : "chmod 777 .; id -u"));
  for (const auto& one : seen) BOOST_TEST((one >= "300000\n" && one <= "300007\n"));
}

BOOST_AUTO_TEST_CASE(copies_are_an_actions_own_whoever_it_runs_as) {
  options.inputs = input_mode::copy;
  start_working();
  for (int round = 0; round < 2; ++round) {
    // Whatever it does to them works, and nobody else sees it.
    auto strict = "set -e; chmod u+w small large; touch small large; echo more >> small; cat small";
    BOOST_TEST(said(strict, inputs()) == "honestmore\n");
    BOOST_TEST(said(std::string(tampering) + "; cat small", inputs()) == "EVIL");
    BOOST_TEST(said("cat small; wc -c < large", inputs()) == "honest200000\n");
    BOOST_TEST(all_is_well());
  }
}

BOOST_AUTO_TEST_CASE(without_users_of_their_own_actions_have_copies) {
  options.action_users = "none";
  start_working();
  BOOST_TEST(logged("actions run as kiln's own user"));
  BOOST_TEST(logged("copies"));
  BOOST_TEST(said("stat -c %h small large", inputs()) == "1\n1\n");
  said(tampering, inputs());
  BOOST_TEST(said("cat small; wc -c < large", inputs()) == "honest200000\n");
  BOOST_TEST(all_is_well());
}

BOOST_AUTO_TEST_CASE(where_others_may_not_pass_there_are_copies_and_it_says_so) {
  fs::permissions(folder.path(), fs::perms(0700));
  start_working();
  BOOST_TEST(said("stat -c %h small large", inputs()) == "1\n1\n");
  BOOST_TEST(logged("copies"));
  // A range that was asked for is not given up in silence.
  fire();
  options.action_users = "300000-300100";
  options.work_root = (folder / "other").string();
  BOOST_TEST(!spawn_worker(system, options, {env, cas, store_actor(), master.actor()}).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_range_of_users_is_refused) {
  for (const char* bad :
       {"", "root", "0", "0-10", "10-5", "1-", "-5", "1-4294967295", "12x", "1 - 5", "1-2-3"})
    BOOST_TEST(!parse_users(bad).has_value(), bad);
  BOOST_TEST((parse_users("5-9")->range->size() == 5U));
  BOOST_TEST((parse_users("7")->range->size() == 1U));
  BOOST_TEST(parse_users("auto")->any);
  BOOST_TEST((!parse_users("none")->any && !parse_users("none")->range));
}

BOOST_AUTO_TEST_CASE(users_are_given_once_and_again_when_they_are_back) {
  action_users users({10, 12});
  std::set<user_number> seen{*users.take(), *users.take(), *users.take()};
  BOOST_TEST(seen.size() == 3U);
  BOOST_TEST(users.take().error().code() == errc::resource_exhausted);
  users.give_back(11);
  BOOST_TEST(*users.take() == 11U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
