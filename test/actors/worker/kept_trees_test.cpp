#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "test/actors/worker/kept_tree_bench.hpp"
#include "test/harness/print.hpp"

// Input trees that a worker keeps, and what actions that see a union with one can do to them.
namespace kiln::test {

namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(a_worker_that_keeps_trees, kept_tree_bench)

BOOST_AUTO_TEST_CASE(lays_a_tree_out_once_and_only_what_differs_of_one_that_is_nearly_the_same) {
  if (!start_working()) return;
  auto inputs = some_files(60);
  inputs["tool"] = "! #!/bin/sh\necho from the tool\n";
  BOOST_TEST(done("./tool", inputs).facts.input_tree() == "made");
  auto again = done(listing, inputs);
  BOOST_TEST(again.facts.input_tree() == "kept");
  BOOST_TEST(again.out == text_of(inputs));
  inputs["d3/f3"] = "another content";
  auto other = done(listing, inputs);
  BOOST_TEST(other.facts.input_tree() == "changed");
  BOOST_TEST(other.out == text_of(inputs));
  BOOST_TEST(done(listing, inputs).facts.input_tree() == "kept");
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(shelf()))
    files += entry.is_regular_file() && entry.path().string().find("/layer/") != std::string::npos ? 1 : 0;
  BOOST_TEST(files == 62U);
  BOOST_TEST(leftovers().empty());
}

BOOST_AUTO_TEST_CASE(shows_every_tree_as_it_is_whatever_it_lies_over) {
  if (!start_working()) return;
  std::mt19937 random(42);
  auto any = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  picture now = some_files(40);
  now["link"] = "-> d1/f1";
  std::set<std::string> ways;
  for (int round = 0; round < 40; ++round) {
    for (int change = 1 + any(3); change > 0; --change) {
      auto which = std::next(now.begin(), any(static_cast<int>(now.size())));
      const auto path = which->first;
      switch (any(6)) {
        case 0:
          now.erase(which);
          break;
        case 1:
          which->second = "changed in " + std::to_string(round);
          break;
        case 2:  // a folder in the place of a file
          now.erase(which);
          now[path + (path.ends_with('/') ? "" : "/") + "inner"] = "deeper";
          break;
        case 3: {  // a file in the place of a folder
          const auto folder = path.substr(0, path.find('/'));
          std::erase_if(now, [&](const auto& one) { return one.first.starts_with(folder + "/"); });
          now[folder] = "was a folder";
          break;
        }
        case 4:
          if (!path.ends_with('/')) which->second = "-> somewhere/" + std::to_string(round);
          break;
        default: {
          now["new" + std::to_string(round) + "/"] = "";
          const auto folder = "d" + std::to_string(any(7)) + "x";
          now.erase(folder);
          now[folder + "/n" + std::to_string(round)] = "fresh";
        }
      }
    }
    auto seen = done(listing, now);
    BOOST_TEST(seen.out == text_of(now));
    ways.insert(seen.facts.input_tree());
  }
  BOOST_TEST(ways.contains("changed"));
  BOOST_TEST(!has_logged("damaged"));
}

// S11: at every level of users.
BOOST_AUTO_TEST_CASE(lets_actions_do_to_their_inputs_what_they_like_and_nobody_else_sees_it) {
  for (const char* users : {"auto", "none"}) {
    kept_tree_bench bench;
    bench.options.action_users = users;
    if (!bench.start_working()) return;
    auto inputs = some_files(30);
    inputs["program"] = "! #!/bin/sh\necho honest\n";
    inputs["empty"] = "";
    inputs["link"] = "-> d1/f1";
    const std::string harm =
        "set -e; chmod -R u+rwx .; touch d0 d1/f1 program; echo wrong > d0/f0; echo more >> d1/f1; "
        "echo not empty > empty; : > d2/f2; "
        "python3 -c 'import mmap; f = open(\"d3/f3\", \"r+b\"); m = mmap.mmap(f.fileno(), 0); m[0:3] = "
        "b\"bad\"; "
        "m.flush()'; rm d4/f4; rm -r d5; mv d6/f6 d6/moved; ln -f d6/f13 d6/hard; rm link; ln -s /etc/passwd "
        "link; "
        "echo 'echo wrong' > program; chmod 4777 d0; mkdir d2/own; echo x > d2/own/x; cat d3/f3";
    BOOST_TEST(bench.done(harm, inputs).out == "bad" + inputs["d3/f3"].substr(3));
    auto seen = bench.done(listing, inputs);
    BOOST_TEST(seen.facts.input_tree() == "kept");
    BOOST_TEST(seen.out == text_of(inputs), users);
    BOOST_TEST(bench.done("./program; stat -c %a d0 d0/f0 program", inputs).out == "honest\n755\n444\n555\n");
    for (const auto& [path, content] : inputs)
      if (!content.starts_with("-> ")) {
        const auto plain = content.starts_with("! ") ? content.substr(2) : content;
        BOOST_TEST(bench.get(digest_of(plain)).value_or("gone") == plain);
      }
    // It is looked at whole, and file by file.
    bench.start_anew();
    BOOST_TEST(bench.done(listing, inputs).facts.input_tree() == "kept");
    BOOST_TEST(bench.leftovers().empty());
    BOOST_TEST(!bench.has_logged("damaged"));
  }
}

BOOST_AUTO_TEST_CASE(gives_an_action_its_inputs_as_its_own) {
  if (!start_working()) return;
  auto inputs = some_files(10);
  auto seen = done(
      "me=$(id -u); find . ! -uid $me; mkdir d0/sub && mv d0 renamed 2>/dev/null || cp -a d0 renamed; "
      "test -f renamed/f0 && touch -d @0 d1 && chmod 700 d1 && stat -c '%a %Y' d1",
      inputs);
  BOOST_TEST(seen.out == "700 0\n");
}

BOOST_AUTO_TEST_CASE(collects_outputs_out_of_the_union) {
  if (!start_working()) return;
  picture inputs = {
      {"in/kept", "an input"}, {"in/gone", "is removed"}, {"in/deep/too", "deeper"}, {"as_it_is", "same"}};
  auto command =
      shell("rm in/gone; echo made > in/made; echo deep > in/deep/made; echo out > in/new/place/out");
  for (const char* path : {"in", "as_it_is", "in/new/place/out", "never"}) command.add_output_paths(path);
  for (int round = 0; round < 3; ++round) {
    auto seen = done(command, inputs);
    std::map<std::string, std::string> files;
    for (const auto& file : seen.result.output_files()) files[file.path()] = get(file.digest());
    BOOST_TEST(
        (files == std::map<std::string, std::string>{{"as_it_is", "same"}, {"in/new/place/out", "out\n"}}));
    BOOST_REQUIRE(seen.result.output_directories_size() == 1);
    v2::Tree tree;
    BOOST_REQUIRE(tree.ParseFromString(get(seen.result.output_directories(0).tree_digest())));
    std::map<std::string, std::string> top;
    for (const auto& file : tree.root().files()) top[file.name()] = get(file.digest());
    BOOST_TEST((top == std::map<std::string, std::string>{{"kept", "an input"}, {"made", "made\n"}}));
    BOOST_TEST(tree.root().directories_size() == 2);
    BOOST_TEST(tree.children_size() == 3);
    BOOST_TEST(leftovers().empty());
  }
}

BOOST_AUTO_TEST_CASE(may_have_in_memory_what_an_action_changes) {
  options.sandbox.changes = changes_place::memory;
  if (!start_working()) return;
  if (has_logged("a union in memory cannot be made here")) return;
  auto inputs = some_files(30);
  auto command =
      shell("chmod 700 d0/f0; echo more >> d0/f0; rm d1/f1; mkdir -p new; echo out > new/out; cat d0/f0");
  command.add_output_paths("d0");
  command.add_output_paths("new/out");
  for (int round = 0; round < 3; ++round) {
    auto seen = done(command, inputs);
    BOOST_TEST(seen.out == "content 0more\n");
    BOOST_TEST(seen.result.output_directories_size() == 1);
    BOOST_REQUIRE(seen.result.output_files_size() == 1);
    BOOST_TEST(get(seen.result.output_files(0).digest()) == "out\n");
    BOOST_TEST(done(listing, inputs).out == text_of(inputs));
    BOOST_TEST(leftovers().empty());
  }
  // No more of it than there is room for.
  auto full =
      run(shell("head -c 20000000 /dev/zero > large 2> /dev/null || echo full"), directory_of(inputs));
  BOOST_TEST(out_of(full) == "full\n");
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_a_working_directory_or_an_output) {
  if (!start_working()) return;
  const auto root = directory_of({{"file", "a file"}, {"folder/x", "x"}});
  auto command = shell("pwd");
  command.set_working_directory("folder/none");
  auto outcome = run(command, root);
  BOOST_TEST((outcome.status.code() == errc::invalid_argument), outcome.status.to_string());
  BOOST_TEST((outcome.status.message().find("\"folder/none\" is not in the input tree") != std::string::npos),
             outcome.status.to_string());
  command.set_working_directory("folder");
  command.add_output_paths("../file/below/out");
  outcome = run(command, root);
  BOOST_TEST((outcome.status.code() == errc::failed_precondition), outcome.status.to_string());
  BOOST_TEST((outcome.status.message().find("\"file/below\"") != std::string::npos),
             outcome.status.to_string());
  BOOST_TEST((outcome.fault == fault_owner::action));
  command.clear_output_paths();
  BOOST_TEST(out_of(run(command, root)) == "/build/folder\n");
  BOOST_TEST(!has_logged("damaged"));
}

BOOST_AUTO_TEST_CASE(names_all_that_is_missing_and_keeps_nothing_of_it) {
  if (!start_working()) return;
  auto inputs = some_files(12);
  auto root = directory_of(inputs);
  const auto first = digest_of("never put"), second = digest_of("neither");
  for (const auto& blob : {first, second}) {
    auto* file = root.add_files();
    file->set_name("x" + blob.hex());
    to_wire(blob, file->mutable_digest());
  }
  if (root.files(0).name() > root.files(1).name()) root.mutable_files()->SwapElements(0, 1);
  const auto action = spec(shell("true"), root);
  std::set<std::string> running;
  for (int i = 0; i < 4; ++i) {
    auto one = action;
    one.action = digest_of("waiting " + std::to_string(i));
    running.insert(start(one));
  }
  for (int i = 0; i < 4; ++i) {
    auto finished = master.next_finished();
    running.erase(finished.operation);
    BOOST_TEST((finished.outcome.status.code() == errc::failed_precondition));
    BOOST_TEST((finished.outcome.status.message().find("2 inputs are not in the store") != std::string::npos),
               finished.outcome.status.to_string());
  }
  BOOST_TEST(running.empty());
  BOOST_TEST(on_the_shelf().empty());
  put("never put");
  put("neither");
  BOOST_TEST(run(action).status.ok());
  BOOST_TEST(on_the_shelf().size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
