#include <sys/mount.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "test/actors/worker/kept_tree_bench.hpp"
#include "test/harness/print.hpp"

// What becomes of the input trees that a worker keeps: over its restarts, when they are harmed, and when
// there are too many.
namespace kiln::test {

namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(trees_that_a_worker_keeps, kept_tree_bench)

BOOST_AUTO_TEST_CASE(finds_its_trees_again_and_makes_a_damaged_one_anew) {
  if (!start_working()) return;
  auto inputs = some_files(40);
  auto other = inputs;
  other["d1/f1"] = "other";
  other.erase("d2/f2");
  auto alone = some_files(3);
  done("true", inputs);
  BOOST_TEST(done("true", other).facts.input_tree() == "changed");
  BOOST_TEST(done("true", alone).facts.input_tree() == "made");
  start_anew();
  for (const auto* which : {&other, &inputs, &alone}) {
    auto seen = done(listing, *which);
    BOOST_TEST(seen.facts.input_tree() == "kept");
    BOOST_TEST(seen.out == text_of(*which));
  }
  BOOST_TEST(has_logged("input trees are kept from before"));
  using harm = std::function<void(const fs::path&)>;
  const auto in_base = [&](const fs::path& tree) { return tree / "layer" / "d3" / "f3"; };
  const harm harms[] = {
      [&](const fs::path& tree) { fs::remove(in_base(tree)); },
      [&](const fs::path& tree) {
        fs::remove(in_base(tree));
        std::ofstream(in_base(tree)) << inputs["d3/f3"];
      },
      [&](const fs::path& tree) { std::ofstream(tree / "layer" / "more") << "more"; },
      [&](const fs::path& tree) { fs::permissions(in_base(tree), fs::perms(0700)); },
      [&](const fs::path& tree) { fs::resize_file(tree / "record", 100); },
      [&](const fs::path& tree) { std::ofstream(tree / "record") << "no record"; },
      [&](const fs::path& tree) { fs::remove(tree / "record"); },
      [&](const fs::path& tree) { fs::remove_all(tree / "layer"); },
      [&](const fs::path& tree) { fs::permissions(tree / "layer" / "d3", fs::perms(0)); },
      [&](const fs::path& tree) { fs::permissions(tree / "layer", fs::perms(0700)); },
      [&](const fs::path& tree) {
        // Nobody waits for whoever would write to it.
        fs::remove(tree / "record");
        BOOST_REQUIRE(::mkfifo((tree / "record").c_str(), 0600) == 0);
      },
  };
  for (const auto& damage : harms) {
    fire();
    for (const auto& name : on_the_shelf())
      if (fs::exists(in_base(shelf() / name))) damage(shelf() / name);
    std::ofstream(shelf() / "new-77") << "not finished";
    start_anew();
    for (const auto* which : {&other, &inputs, &alone}) {
      auto seen = done(listing, *which);
      BOOST_TEST(seen.out == text_of(*which));
      if (which == &alone) BOOST_TEST(seen.facts.input_tree() == "kept");
      if (which == &other) BOOST_TEST(seen.facts.input_tree() != "kept");
    }
    BOOST_TEST(!fs::exists(shelf() / "new-77"));
  }
}

// One that is harmed while its worker runs cannot be used; the next try makes it anew.
BOOST_AUTO_TEST_CASE(looks_again_at_a_tree_that_could_not_be_used) {
  if (!start_working()) return;
  const auto inputs = some_files(20);
  done("true", inputs);
  for (const auto& name : on_the_shelf()) fs::remove_all(shelf() / name / "layer");
  auto failed = run(shell("true"), directory_of(inputs));
  BOOST_TEST(!failed.status.ok());
  BOOST_TEST((failed.fault != fault_owner::action));
  auto seen = done(listing, inputs);
  BOOST_TEST(seen.facts.input_tree() == "made");
  BOOST_TEST(seen.out == text_of(inputs));
}

BOOST_AUTO_TEST_CASE(keeps_nothing_of_a_worker_that_had_other_options) {
  if (!start_working()) return;
  const auto inputs = some_files(5);
  done("true", inputs);
  options.max_input_entries = 1000;
  start_anew();
  BOOST_TEST(done("true", inputs).facts.input_tree() == "made");
  options.kept_trees = byte_size{0};
  start_anew();
  auto outcome = run(shell("cat d0/f0"), directory_of(inputs));
  BOOST_TEST(out_of(outcome) == "content 0");
  BOOST_TEST((facts_of(result_of(outcome)).input_method() != "overlay"));
  BOOST_TEST(!fs::exists(shelf()));
}

// F15: more trees than there is room for, made and used at once.
BOOST_AUTO_TEST_CASE(forgets_trees_for_others_while_actions_use_them) {
  options.slots = 8;
  options.kept_trees = byte_size{2'000'000};
  if (!start_working()) return;
  const std::size_t rounds =
      std::getenv("KILN_ROUNDS") != nullptr ? std::stoul(std::getenv("KILN_ROUNDS")) : 25;
  std::mt19937 random(7);
  std::size_t made = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::map<std::string, std::string> wanted;
    for (int i = 0; i < 8; ++i) {
      auto inputs = some_files(10);
      const auto variant = std::to_string(random() % 9);
      inputs["d" + variant + "/own"] = "of " + variant;
      inputs["variant"] = variant + std::string(400, 'x');
      wanted[start(spec(shell(listing), directory_of(inputs)))] = text_of(inputs);
    }
    for (int i = 0; i < 8; ++i) {
      auto finished = master.next_finished();
      BOOST_TEST(finished.outcome.status.ok(), finished.outcome.status.to_string());
      BOOST_TEST(out_of(finished.outcome) == wanted[finished.operation]);
      made += facts_of(result_of(finished.outcome)).input_tree() == "kept" ? 0 : 1;
    }
  }
  BOOST_TEST(made > 0U);
  // Nothing is left but what is kept: and that is within its bound.
  fire();
  std::uint64_t bytes = 0;
  const auto counted = [&] {
    bytes = 0;
    for (const auto& name : on_the_shelf()) {
      std::set<ino_t> seen;
      for (const auto& entry : fs::recursive_directory_iterator(shelf() / name / "layer")) {
        struct stat facts {};
        if (::lstat(entry.path().c_str(), &facts) != 0) continue;
        if (S_ISREG(facts.st_mode) && seen.insert(facts.st_ino).second)
          bytes += static_cast<std::uint64_t>(facts.st_size);
        if (S_ISDIR(facts.st_mode)) bytes += 16384;
      }
    }
    return bytes;
  };
  start_anew();
  done("true", {{"one", "1"}});
  BOOST_TEST(counted() <= 2'000'000U);
  BOOST_TEST(leftovers().empty());
}

// A disk has so many inodes, whatever its bytes; trees that nobody uses can be made again.
BOOST_AUTO_TEST_CASE(are_given_up_for_room_where_the_disk_is_full) {
  const auto small = (folder / "small").string();
  fs::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "mode=0711,nr_inodes=4000,size=64m") != 0)
    return;  // nothing can be mounted here
  options.work_root = small + "/work";
  {
    const std::shared_ptr<void> mounted(nullptr, [&](void*) { ::umount2(small.c_str(), MNT_DETACH); });
    if (!start_working()) return;
    if (!has_logged("input trees are kept, and lie below")) return;
    for (int number = 0; number < 15; ++number) {
      picture inputs = {{"own", std::to_string(number)}};
      for (int i = 0; i < 700; ++i)
        inputs["l" + std::to_string(i)] = "-> " + std::to_string(number) + "/" + std::to_string(i);
      auto seen = done("ls | wc -l", inputs);
      BOOST_TEST(seen.out == "701\n");
      BOOST_TEST(seen.facts.input_tree() == "made");
    }
    BOOST_TEST(has_logged("the disk is full: kept input trees are removed"));
    fire();
  }
}

// The inputs themselves find no room, before there is a tree of them.
BOOST_AUTO_TEST_CASE(are_given_up_for_the_inputs_of_the_next_action) {
  const auto small = (folder / "small").string();
  fs::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "mode=0711,size=48m") != 0)
    return;  // nothing can be mounted here
  options.work_root = small + "/work";
  {
    const std::shared_ptr<void> mounted(nullptr, [&](void*) { ::umount2(small.c_str(), MNT_DETACH); });
    if (!start_working()) return;
    if (!has_logged("input trees are kept, and lie below")) return;
    const auto inputs_of = [](char letter) {
      return picture{{"one", std::string(700'000, letter)}, {"two", std::string(300'000, letter)}};
    };
    for (char letter = 'a'; letter < 'u'; ++letter)
      BOOST_TEST(done("cat one two | wc -c", inputs_of(letter)).out == "1000000\n");
    std::ofstream filler(small + "/filler");
    while (fs::space(small).available > 400'000) filler << std::string(4096, 'x') << std::flush;
    BOOST_TEST(done("cat one two | wc -c", inputs_of('z')).out == "1000000\n");
    BOOST_TEST(has_logged("the disk is full: kept input trees are removed"));
    fire();
  }
}

BOOST_AUTO_TEST_CASE(uses_a_tree_that_is_too_large_to_be_kept_and_forgets_it) {
  options.kept_trees = byte_size{10};
  if (!start_working()) return;
  const auto inputs = some_files(20);
  for (int round = 0; round < 3; ++round) {
    auto seen = done(listing, inputs);
    BOOST_TEST(seen.facts.input_tree() == "made");
    BOOST_TEST(seen.out == text_of(inputs));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
