#include "actors/tools/conform/rules/worker_rules.hpp"

#include <algorithm>
#include <iterator>
#include <set>

// 11. What a worker does: the actions' surroundings and inputs.
namespace kiln::conform {
namespace {

void set_variable(v2::Command& of, const std::string& name, const std::string& value) {
  auto* variable = of.add_environment_variables();
  variable->set_name(name);
  variable->set_value(value);
}

void arguments(probe& ask) {
  auto literal =
      command_of({"/bin/sh", "-c", "printf '%s\\n' \"$@\"", "zero", "a b", "$HOME", "*", "", "x;y"});
  auto got = succeeded(ask, action_with(ask, literal));
  ask.equal("standard output", said_by(ask, got), std::string("a b\n$HOME\n*\n\nx;y\n"));
}

void program(probe& ask) {
  auto by_name = command_of({"sh", "-c", "echo found"});
  auto nowhere = by_name;
  set_variable(by_name, "PATH", "/nothing/here:/bin:/usr/bin");
  ask.equal("standard output", said_by(ask, succeeded(ask, action_with(ask, by_name))),
            std::string("found\n"));
  set_variable(nowhere, "PATH", "/nothing/here");
  auto lost = execute(ask, action_with(ask, nowhere));
  if (lost.ok()) {
    auto response = response_of(ask, lost);
    ask.check(response.status().code() != 0 || response.result().exit_code() != 0,
              "no program, for none of PATH's folders has it");
  } else {
    ask.refused(lost);
  }
  blob tool = blob_of("#!/bin/sh\necho tool\n", ask.server().main_function());
  ask.store(tool);
  v2::Directory bin, folder, root;
  add_file(bin, "tool", tool, true);
  add_folder(folder, "bin", ask.store_message(bin));
  add_file(folder, "tool", tool, true);
  add_folder(root, "folder", ask.store_message(folder));
  for (const auto* path : {"./tool", "bin/tool"}) {
    auto relative = command_of({path});
    relative.set_working_directory("folder");
    ask.equal("standard output", said_by(ask, succeeded(ask, action_with(ask, relative, root))),
              std::string("tool\n"));
  }
}

void working_directory(probe& ask) {
  v2::Directory folder, root;
  add_folder(folder, "inner", ask.store_message(v2::Directory()));
  add_folder(root, "folder", ask.store_message(folder));
  auto file = ask.fresh();
  ask.store(file);
  add_file(root, "file", file);
  auto command = shell("pwd");
  command.set_working_directory("folder/inner");
  auto said = said_by(ask, succeeded(ask, action_with(ask, command, root)));
  ask.check(said.ends_with("/folder/inner\n"), "to stand in folder/inner");
  auto in = [&](const char* where) {
    auto elsewhere = command;
    elsewhere.set_working_directory(where);
    return action_with(ask, elsewhere, root);
  };
  expect_all_refused(ask, {in("missing"), in("folder/missing"), in("file")}, {invalid, precondition});
  expect_all_refused(ask, {in(".."), in("folder/../.."), in("/tmp")}, {invalid});
}

// Beside what was given, only variables that a platform may document as its defaults or that the shell sets.
void environment(probe& ask) {
  static const std::set<std::string> defaults{"PATH", "HOME",   "USER", "LOGNAME", "SHELL",   "TMPDIR",
                                              "TMP",  "TEMP",   "PWD",  "OLDPWD",  "SHLVL",   "_",
                                              "LANG", "LC_ALL", "TZ",   "TERM",    "HOSTNAME"};
  auto command = shell("env; printf '%s|' \"$CONFORM_SPACED\" \"${CONFORM_EMPTY-unset}\"");
  set_variable(command, "CONFORM_EMPTY", "");
  set_variable(command, "CONFORM_SPACED", "a  b $HOME *");
  auto said = said_by(ask, succeeded(ask, action_with(ask, command)));
  ask.check(said.ends_with("a  b $HOME *||"), "the two variables that were given, as they were given");
  for (std::size_t at = 0, end; (end = said.find('\n', at)) != std::string::npos; at = end + 1) {
    auto line = said.substr(at, end - at);
    auto name = line.substr(0, line.find('='));
    if (!name.starts_with("CONFORM_") && !defaults.contains(name))
      ask.fail("no variable but those given and usual defaults", line);
  }
}

v2::Directory plain_and_program(probe& ask) {
  auto script = blob_of("#!/bin/sh\nexit 0\n", ask.server().main_function());
  ask.store(script);
  v2::Directory root;
  add_file(root, "plain", script);
  add_file(root, "program", script, true);
  return root;
}

void executable(probe& ask) {
  auto command = shell("./program && touch made && cp program tool");
  command.add_output_paths("made");
  command.add_output_paths("tool");
  auto got = succeeded(ask, action_with(ask, command, plain_and_program(ask)));
  ask.equal("output_files", got.output_files_size(), 2);
  for (const auto& file : got.output_files())
    ask.check(file.is_executable() == (file.path() == "tool"), "is_executable of tool, and of nothing else");
}

void not_executable(probe& ask) {
  auto root = plain_and_program(ask);
  ask.equal("exit_code of test -x, for an input without is_executable:",
            ran(ask, action_with(ask, shell("test -x plain"), root)).exit_code(), 1);
}

// Whether the action may do it, and whether the blob outlives that, is the server's business. What nobody may
// see is what became of it.
void inputs_stay(probe& ask) {
  auto input = ask.fresh(1000);
  ask.store(input);
  v2::Directory root;
  add_file(root, "again", input);
  add_file(root, "input", input);
  auto spoil = shell("chmod 777 input; echo changed > input; truncate -s 1 again; true");
  response_of(ask, execute(ask, action_with(ask, spoil, root)));
  auto got = ask.read(ask.read_name(input));
  ask.expect(got, {errc::ok, errc::not_found});
  ask.check(!got.ok() || data_of(got) == input.data, "the blob as it was stored, or none");
  if (!got.ok()) ask.store(input);
  v2::Directory next;
  add_file(next, "input", input);
  auto command = shell("cat input > copy");
  command.add_output_paths("copy");
  auto seen = succeeded(ask, action_with(ask, command, next));
  ask.check(seen.output_files_size() == 1 && seen.output_files(0).digest().hash() == input.digest.hash(),
            "the next action's input as it was stored");
}

void mixed_functions(probe& ask) {
  auto main = ask.server().main_function();
  for (auto other : ask.server().functions()) {
    if (hash_length(other) == hash_length(main)) continue;
    auto stored = [&](const auto& message) {
      auto made = blob_of(message.SerializeAsString(), other);
      ask.store(made);
      return made.digest;
    };
    auto action = action_of(ask, "exit 0"), rooted = action;
    *action.mutable_command_digest() = stored(shell("exit 0"));
    *rooted.mutable_input_root_digest() = stored(v2::Directory());
    v2::Directory root;
    *root.add_directories()->mutable_digest() = stored(v2::Directory());
    root.mutable_directories(0)->set_name("folder");
    expect_all_refused(
        ask, {ask.store_message(action), ask.store_message(rooted), action_with(ask, shell("exit 0"), root)},
        {invalid});
    return;
  }
  ask.skip("no two functions with hashes of different lengths are announced");
}

void canonical_directories(probe& ask) {
  auto file = ask.fresh();
  ask.store(file);
  auto folder = ask.store_message(v2::Directory());
  std::vector<v2::Directory> wrong;
  using namespace std::string_literals;
  for (const auto& name : {"a/b"s, "."s, ".."s, ""s, "/"s, "a\0b"s}) {
    add_file(wrong.emplace_back(), name, file);
    add_folder(wrong.emplace_back(), name, folder);
    add_link(wrong.emplace_back(), name, "target");
  }
  for (const auto* second : {"a", "b"}) {  // unsorted, then twice the same
    add_file(wrong.emplace_back(), "b", file);
    add_file(wrong.back(), second, file);
    add_folder(wrong.emplace_back(), "b", folder);
    add_folder(wrong.back(), second, folder);
    add_link(wrong.emplace_back(), "b", "target");
    add_link(wrong.back(), second, "target");
  }
  add_file(wrong.emplace_back(), "a", file);
  add_folder(wrong.back(), "a", folder);
  add_file(wrong.emplace_back(), "a", file);
  add_link(wrong.back(), "a", "target");
  std::vector<blob> actions;
  for (const auto& root : wrong) actions.push_back(action_with(ask, shell("exit 0"), root));
  v2::Directory above;
  add_folder(above, "inner", ask.store_message(wrong.front()));
  actions.push_back(action_with(ask, shell("exit 0"), above));
  expect_all_refused(ask, actions, {invalid});
}

void absolute_links(probe& ask) {
  if (ask.server().cache().symlink_absolute_path_strategy() != v2::SymlinkAbsolutePathStrategy::DISALLOWED)
    ask.skip("absolute symlinks are not DISALLOWED");
  v2::Directory root;
  add_link(root, "link", "/bin/sh");
  expect_refused(ask, action_with(ask, shell("exit 0"), root), {invalid});
  auto command = shell("ln -s /bin/sh link");
  command.add_output_paths("link");
  expect_refused(ask, action_with(ask, command), {precondition});
}

}  // namespace

std::vector<rule> worker_rules() {
  constexpr auto worker = needs::cache | needs::worker;
  std::vector<rule> all{
      {188, tag::stated, "arguments reach the program untouched, which PATH or a relative path names", worker,
       [](probe& ask) {
         arguments(ask);
         program(ask);
       }},
      {189, tag::stated, "working_directory is a folder of the input tree", worker, working_directory},
      {190, tag::stated, "only the given variables and known defaults are seen", worker, environment},
      {198, tag::stated, "where absolute symlinks are DISALLOWED, none goes in or out", worker,
       absolute_links},
      {199, tag::stated, "is_executable is kept both ways, and no change to an input is seen elsewhere",
       worker,
       [](probe& ask) {
         executable(ask);
         inputs_stay(ask);
         not_executable(ask);
       }},
      {204, tag::must, "an action with digests of two functions is INVALID_ARGUMENT", worker,
       mixed_functions},
      {208, tag::must, "a Directory that is not canonical is INVALID_ARGUMENT", worker,
       canonical_directories},
  };
  for (auto part : {worker_output_rules, worker_life_rules}) {
    auto more = part();
    std::move(more.begin(), more.end(), std::back_inserter(all));
  }
  std::stable_sort(all.begin(), all.end(), [](const rule& a, const rule& b) { return a.number < b.number; });
  return all;
}

}  // namespace kiln::conform
