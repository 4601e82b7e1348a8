#include "actors/worker/folders/work_root.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

#include "test/harness/temporary_folder.hpp"

// The folders of actions: emptied ones serve again, as if they were new; others do not.
namespace kiln::test {
namespace action_folders {

namespace fs = std::filesystem;

struct root_bench {
  temporary_folder place;
  std::shared_ptr<work_root> root =
      work_root::open(system_disk(), (place / "work").string(), make_inline_pool(), nullptr).value();

  std::unique_ptr<action_folder> folder() { return root->make_action_folder().value(); }
  /// The only one there is.
  fs::path home() const { return fs::directory_iterator(place / "work/actions")->path(); }
  bool nothing_there() const { return fs::is_empty(place / "work/actions"); }

  /// An action that leaves `trace`, and then another.
  bool serves_again(const std::function<void(action_folder&)>& trace) {
    auto first = folder();
    trace(*first);
    auto inode = inode_of(first->root());
    BOOST_REQUIRE(first->hand_back());
    first.reset();
    const bool kept = !nothing_there();
    auto second = folder();
    BOOST_TEST(fs::is_empty(home() / "root"));
    BOOST_TEST(mode_of(second->root()) == 0755U);
    BOOST_TEST(size_of(second->out()) == 0);
    BOOST_TEST(size_of(second->err()) == 0);
    BOOST_TEST(mode_of(second->out()) == 0600U);
    if (kept) BOOST_TEST(inode_of(second->root()) == inode);
    return kept;
  }

  static struct stat facts_of(const descriptor& what) {
    struct stat facts {};
    BOOST_REQUIRE(::fstat(what.number(), &facts) == 0);
    return facts;
  }
  static ino_t inode_of(const descriptor& what) { return facts_of(what).st_ino; }
  static unsigned mode_of(const descriptor& what) { return facts_of(what).st_mode & 07777; }
  static std::int64_t size_of(const descriptor& what) { return facts_of(what).st_size; }
};

}  // namespace action_folders

BOOST_FIXTURE_TEST_SUITE(action_folders, root_bench)

BOOST_AUTO_TEST_CASE(an_emptied_folder_serves_again) {
  BOOST_TEST(serves_again([this](action_folder& folder) {
    fs::create_directories(home() / "root/deep/er");
    std::ofstream(home() / "root/deep/er/file") << "left";
    fs::create_symlink("/", home() / "root/link");
    BOOST_REQUIRE(write_all(system_disk(), folder.out(), "said", 0));
    BOOST_REQUIRE(write_all(system_disk(), folder.err(), "complained", 0));
  }));
}

BOOST_AUTO_TEST_CASE(a_folder_that_was_changed_itself_does_not) {
  BOOST_TEST(!serves_again([](action_folder& folder) { ::fchmod(folder.root().number(), 0777); }));
  BOOST_TEST(!serves_again([](action_folder& folder) { ::fchmod(folder.out().number(), 0666); }));
  BOOST_TEST(!serves_again([this](action_folder&) { std::ofstream(home() / "beside") << "left"; }));
  BOOST_TEST(!serves_again([this](action_folder&) {
    fs::create_hard_link(home() / "stderr", home() / "root/mine"), fs::remove(home() / "stderr"),
        std::ofstream(home() / "stderr") << "other";
  }));
  BOOST_TEST(!serves_again([this](action_folder&) {
    fs::remove(home() / "stdout");
    fs::rename(home() / "root", home() / "stdout");
    fs::create_directory(home() / "root");
  }));
}

BOOST_AUTO_TEST_CASE(a_stream_with_a_second_name_elsewhere_does_not) {
  BOOST_TEST(!serves_again(
      [this](action_folder&) { fs::create_hard_link(home() / "stdout", place / "work/kept"); }));
}

BOOST_AUTO_TEST_CASE(a_root_that_has_grown_large_does_not) {
  BOOST_TEST(!serves_again([this](action_folder&) {
    for (int i = 0; i < 1000; ++i) std::ofstream(home() / "root" / std::to_string(i));
  }));
}

BOOST_AUTO_TEST_CASE(what_is_removed_or_dropped_is_gone) {
  BOOST_REQUIRE(folder()->remove());
  BOOST_TEST(nothing_there());
  folder().reset();
  BOOST_TEST(nothing_there());
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_leaves_nothing) {
  auto first = folder();
  const auto next = std::to_string(std::stoi(home().filename().string()) + 1);
  BOOST_REQUIRE(first->remove());
  fs::create_directories(place / "work/actions" / next / "in the way");
  BOOST_TEST(!root->make_action_folder().has_value());
  BOOST_TEST(nothing_there());
  BOOST_TEST(root->make_action_folder().has_value());
}

BOOST_AUTO_TEST_CASE(folders_that_wait_go_with_the_worker) {
  BOOST_REQUIRE(folder()->hand_back());
  BOOST_TEST(!nothing_there());
  root.reset();
  BOOST_TEST(nothing_there());
}

BOOST_AUTO_TEST_CASE(not_all_of_very_many_wait) {
  std::vector<std::unique_ptr<action_folder>> all;
  for (int i = 0; i < 100; ++i) all.push_back(folder());
  for (auto& one : all) BOOST_REQUIRE(one->hand_back());
  all.clear();
  BOOST_TEST(std::distance(fs::directory_iterator(place / "work/actions"), {}) == 64);
}

BOOST_AUTO_TEST_CASE(a_lasting_folder_stays_with_all_that_is_in_it) {
  auto in = system_disk().open_folder(place.path().string());
  BOOST_REQUIRE(in);
  auto lasting = root->make_lasting_folder(*in, "kept");
  BOOST_REQUIRE(lasting);
  std::ofstream(place / "kept/root/file") << "content";
  BOOST_TEST(!root->make_lasting_folder(*in, "kept"));
  lasting->reset();
  root.reset();
  BOOST_TEST(fs::file_size(place / "kept/root/file") == 7U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
