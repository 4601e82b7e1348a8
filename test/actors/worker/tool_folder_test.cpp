#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/persistent/tool_folder.hpp"
#include "core/base/thread_pool.hpp"
#include "test/harness/faulty_disk.hpp"
#include "test/harness/print.hpp"
#include "test/harness/temporary_folder.hpp"

/// The folder of a tool that works against Kiln while Kiln works in it.
namespace kiln::test {

namespace fs = std::filesystem;

namespace tool_folders {

struct bench {
  bench() {
    auto opened = work_root::open(on, (folder / "work").string(), make_inline_pool(), nullptr);
    BOOST_REQUIRE(opened);
    root = *opened;
    if (::geteuid() == 0) {
      fs::permissions(folder.path(), fs::perms(0711));
      BOOST_REQUIRE(root->share_with(std::make_shared<action_users>(user_range{290000, 290009})));
    }
    plan.outputs = {{"o/p/q", "o/p/q", output_kind::any}, {"tool/made/x", "tool/made/x", output_kind::any}};
    inputs.folders = {{""}, {"d"}, {"tool"}, {"tool/more"}};
    auto add = [&](std::uint32_t in, const char* name, bool tool) {
      inputs.files.push_back({in, name, digest_of(""), true, tool});
    };
    add(0, "args", false);
    add(1, "x", false);
    add(2, "t", true);
    add(3, "y", false);
    inputs.symlinks.push_back({1, "l", "x"});
  }
  std::shared_ptr<action_folder> make() {
    auto made = root->make_action_folder();
    BOOST_REQUIRE(made);
    return std::move(*made);
  }
  static fs::path path_of(const action_folder& of) {
    return fs::read_symlink("/proc/self/fd/" + std::to_string(of.root().number()));
  }
  static std::vector<std::string> names_in(const fs::path& where) {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(where))
      names.push_back(entry.path().lexically_relative(where).string());
    std::sort(names.begin(), names.end());
    return names;
  }

  temporary_folder folder;
  faulty_disk on;
  std::shared_ptr<work_root> root;
  command_plan plan;
  input_tree inputs;
  std::atomic<bool> never{false};
};

const std::vector<std::string> all_of_it{"args", "d",         "d/l",       "d/x",         "o",     "o/p",
                                         "tool", "tool/made", "tool/more", "tool/more/y", "tool/t"};

}  // namespace tool_folders

BOOST_FIXTURE_TEST_SUITE(the_folder_of_a_tool, tool_folders::bench)

BOOST_AUTO_TEST_CASE(keeps_what_is_the_tools_and_nothing_else) {
  auto place = make();
  tool_folder tool(place);
  BOOST_REQUIRE(tool.lay_out_tool(inputs, plan, false, never));
  const auto where = path_of(*place);
  BOOST_TEST(names_in(where) == (std::vector<std::string>{"tool", "tool/t"}));
  for (int round = 0; round < 3; ++round) {
    auto stage = make();
    auto laid_out = tool.lay_out_request(*stage, inputs, plan, never);
    BOOST_REQUIRE(laid_out.has_value());
    BOOST_TEST(names_in(where) == tool_folders::all_of_it);
    BOOST_REQUIRE(stage->hand_back());
    std::ofstream(where / "tool/left") << "x";
    BOOST_REQUIRE(tool.clear());
    BOOST_TEST(names_in(where) == (std::vector<std::string>{"tool", "tool/t"}));
  }
  std::ofstream(where / "tool/t") << "changed";
  BOOST_TEST(!tool.clear());
}

BOOST_AUTO_TEST_CASE(gives_nobody_what_a_tool_puts_in_the_way) {
  if (::geteuid() != 0) return;
  const auto victim = folder / "victim";
  std::ofstream(victim) << "of the cache";
  for (const bool sandboxes : {false, true}) {
    auto place = make();
    tool_folder tool(place);
    BOOST_REQUIRE(tool.lay_out_tool(inputs, plan, sandboxes, never));
    auto stage = make();
    const auto where = path_of(*place);
    const auto link = where / "victim";
    fs::create_hard_link(victim, link);
    // Before each call that names something, whatever has that name in its folder is a link to the file
    // instead.
    on.fault = [&](disk_call, const std::string& path) {
      if (path.empty() || path.front() == '/') return 0;
      for (const auto& in : {where, where / "tool", where / "d", where / "o"})
        (void)::renameat2(AT_FDCWD, link.c_str(), AT_FDCWD, (in / path).c_str(), RENAME_EXCHANGE);
      return 0;
    };
    if (sandboxes)
      (void)tool.lay_out_sandbox(*stage, 1, inputs, plan, never);
    else
      (void)tool.lay_out_request(*stage, inputs, plan, never);
    (void)tool.clear();
    on.fault = nullptr;
    BOOST_TEST(system_disk().facts(descriptor(), victim.c_str())->owner == 0U);
    BOOST_TEST(system_disk().facts(descriptor(), victim.c_str())->mode == 0644U);
  }
}

BOOST_AUTO_TEST_CASE(is_not_laid_out_over_what_a_tool_has_made_there) {
  auto place = make();
  tool_folder tool(place);
  BOOST_REQUIRE(tool.lay_out_tool(inputs, plan, false, never));
  const auto where = path_of(*place);
  const auto beside = folder / "beside";
  fs::create_directory(beside);
  fs::create_directory_symlink(beside, where / "d");
  auto stage = make();
  auto laid_out = tool.lay_out_request(*stage, inputs, plan, never);
  BOOST_REQUIRE(!laid_out);
  BOOST_TEST(laid_out.error().code() == errc::unavailable);
  BOOST_TEST(names_in(beside).empty());
  BOOST_REQUIRE(tool.clear());
  BOOST_TEST(fs::exists(beside));
}

BOOST_AUTO_TEST_CASE(names_a_sandbox_as_the_tool_finds_it) {
  BOOST_TEST(sandbox_path(3, "") == "__sandbox/3");
  BOOST_TEST(sandbox_path(12, "a") == "../__sandbox/12/a");
  BOOST_TEST(sandbox_path(1, "a/b") == "../../__sandbox/1/a/b");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
