#include <sys/mount.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "actors/worker/folders/work_root.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

// What an action mounts in its folder is somebody else's: it is unmounted, and neither emptied nor collected.
namespace kiln::test {
namespace mounts_in_action_folders {

namespace fs = std::filesystem;

struct mount_bench {
  temporary_folder place;
  const fs::path outside = place / "outside";
  std::shared_ptr<work_root> root = open();

  mount_bench() {
    fs::create_directories(outside / "deep/er");
    std::ofstream(outside / "precious") << "kept";
    std::ofstream(outside / "deep/er/precious") << "kept";
  }
  std::shared_ptr<work_root> open() {
    return work_root::open(system_disk(), (place / "work").string(), make_inline_pool(), nullptr).value();
  }
  fs::path home() const { return fs::directory_iterator(place / "work/actions")->path(); }
  bool nothing_there() const { return fs::is_empty(place / "work/actions"); }
  bool all_kept() const {
    return read_file(outside / "precious") == "kept" && read_file(outside / "deep/er/precious") == "kept";
  }
  /// False where this machine does not let us mount anything, which is no fault of ours.
  static bool bind(const fs::path& what, const fs::path& where) {
    fs::create_directories(where.parent_path());
    if (fs::is_directory(what))
      fs::create_directory(where);
    else if (!fs::exists(where))
      std::ofstream(where) << "under it";
    if (::mount(what.c_str(), where.c_str(), nullptr, MS_BIND, nullptr) == 0) return true;
    BOOST_TEST_MESSAGE("nothing can be mounted here");
    return false;
  }
};

}  // namespace mounts_in_action_folders

BOOST_FIXTURE_TEST_SUITE(mounts_in_action_folders, mount_bench)

BOOST_AUTO_TEST_CASE(what_was_mounted_is_unmounted_and_not_emptied) {
  for (bool reuse : {false, true}) {
    auto folder = root->make_action_folder().value();
    auto within = home() / "root";
    if (!bind(outside, within / "a/b")) return;
    bind(outside, within / "a/b");  // and once more over it
    bind(outside / "precious", within / "file");
    bind(outside / "precious", within / "file");
    fs::path deep = within;
    for (int i = 0; i < 40; ++i) deep /= "d";
    bind(outside, deep / "mounted");
    bind(outside / "precious", deep / "file");
    BOOST_TEST((reuse ? folder->hand_back() : folder->remove()).has_value());
    folder.reset();
    BOOST_TEST(all_kept());
    if (reuse)
      BOOST_TEST(fs::is_empty(home() / "root"));
    else
      BOOST_TEST(nothing_there());
  }
}

BOOST_AUTO_TEST_CASE(a_root_that_something_was_mounted_over_is_not_taken_for_itself) {
  auto folder = root->make_action_folder().value();
  if (!bind(outside, home() / "root")) return;
  BOOST_TEST(folder->hand_back().has_value());
  folder.reset();
  BOOST_TEST(all_kept());
  BOOST_TEST(nothing_there());
}

BOOST_AUTO_TEST_CASE(what_an_earlier_worker_left_mounted_is_not_emptied_by_the_next) {
  auto left = place / "work/actions/77/root/mounted";
  if (!bind(outside, left)) return;
  root.reset();
  root = open();
  BOOST_TEST(all_kept());
  BOOST_TEST(!fs::exists(left));
  BOOST_TEST(nothing_there());
  BOOST_TEST((!fs::exists(place / "work/old") || fs::is_empty(place / "work/old")));
}

BOOST_AUTO_TEST_CASE(what_is_mounted_is_no_output) {
  worker_bench bench([](worker_options& options) { options.action_users = "none"; });
  const auto what = outside.string();
  auto mounting =
      bench.shell("mkdir -p out/below tree; touch file; mount --bind " + what +
                  " out/below && mount --bind " + what + " tree && mount --bind " + what + "/precious file");
  if (bench.run(mounting).exit_code != 0) {
    BOOST_TEST_MESSAGE("nothing can be mounted here");
    return;
  }
  for (const char* output : {"out", "tree", "file", "out/below/precious"}) {
    auto command = mounting;
    command.add_output_paths(output);
    auto outcome = bench.run(command);
    BOOST_TEST(outcome.status.code() == errc::failed_precondition, output);
    BOOST_TEST(bench.leftovers().empty());
    BOOST_TEST(all_kept());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
