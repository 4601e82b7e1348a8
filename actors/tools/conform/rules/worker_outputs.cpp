#include <algorithm>
#include <set>

#include "actors/tools/conform/rules/worker_rules.hpp"

// 11. What a worker does: outputs.
namespace kiln::conform {
namespace {

void parents(probe& ask) {
  auto command = shell("test -d a/b && test ! -e a/b/file && test -d c/d && test ! -e c/d/folder");
  auto by_kind = command, elsewhere = command;
  command.add_output_paths("a/b/file");
  command.add_output_paths("c/d/folder");
  succeeded(ask, action_with(ask, command));
  by_kind.add_output_files("a/b/file");
  by_kind.add_output_directories("c/d/folder");
  succeeded(ask, action_with(ask, by_kind));
  elsewhere = command;
  elsewhere.set_working_directory("inner");
  v2::Directory root;
  add_folder(root, "inner", ask.store_message(v2::Directory()));
  succeeded(ask, action_with(ask, elsewhere, root));
}

void absent(probe& ask) {
  auto command = shell("echo hello > there"), by_kind = command;
  for (const auto* path : {"absent", "not/there", "there"}) {
    command.add_output_paths(path);
    by_kind.add_output_files(path);
  }
  by_kind.add_output_directories("absent_folder");
  for (const auto& one : {command, by_kind}) {
    auto got = succeeded(ask, action_with(ask, one));
    ask.check(got.output_files_size() == 1 && got.output_files(0).path() == "there" &&
                  got.output_directories_size() == 0 && got.output_symlinks_size() == 0,
              "the file that is there, and nothing else");
  }
}

void paths_rule(probe& ask) {
  auto command = shell("touch one two; mkdir three");
  command.add_output_paths("one");
  command.add_output_files("two");
  command.add_output_directories("three");
  auto got = succeeded(ask, action_with(ask, command));
  ask.check(got.output_files_size() == 1 && got.output_files(0).path() == "one" &&
                got.output_directories_size() == 0,
            "what output_paths names, and nothing else");
}

void wrong_kinds(probe& ask) {
  std::vector<blob> actions;
  for (const auto* script : {"mkdir out", "mkdir target; ln -s target out"}) {
    auto command = shell(script);
    command.add_output_files("out");
    actions.push_back(action_with(ask, command));
  }
  for (const auto* script : {"touch out", "touch target; ln -s target out"}) {
    auto command = shell(script);
    command.add_output_directories("out");
    actions.push_back(action_with(ask, command));
  }
  expect_all_refused(ask, actions, {precondition});
}

template <class Links>
bool has_link(const Links& links, const std::string& path, const std::string& target) {
  return std::any_of(links.begin(), links.end(),
                     [&](const auto& link) { return link.path() == path && link.target() == target; });
}

void links(probe& ask) {
  auto command = shell("touch file; mkdir folder; ln -s file to_file; ln -s folder to_folder"),
       by_kind = command;
  command.add_output_paths("to_file");
  command.add_output_paths("to_folder");
  by_kind.add_output_files("to_file");
  by_kind.add_output_directories("to_folder");
  for (const auto& one : {command, by_kind}) {
    auto got = succeeded(ask, action_with(ask, one));
    ask.check(has_link(got.output_symlinks(), "to_file", "file") &&
                  has_link(got.output_symlinks(), "to_folder", "folder"),
              "both links in output_symlinks");
    if (one.output_paths_size() > 0) continue;
    ask.check(has_link(got.output_file_symlinks(), "to_file", "file") &&
                  has_link(got.output_directory_symlinks(), "to_folder", "folder"),
              "each link in the old field of its kind, too");
  }
  auto dangling = shell("ln -s nowhere link");
  dangling.add_output_paths("link");
  auto got = succeeded(ask, action_with(ask, dangling));
  ask.check(has_link(got.output_symlinks(), "link", "nowhere"), "the link, though it leads nowhere");
}

// Actions that name this path as an output, in each of the fields.
std::vector<blob> naming(probe& ask, std::initializer_list<const char*> paths) {
  std::vector<blob> actions;
  for (const auto* path : paths) {
    auto command = shell("exit 0"), as_file = command, as_folder = command;
    command.add_output_paths(path);
    as_file.add_output_files(path);
    as_folder.add_output_directories(path);
    for (const auto& one : {command, as_file, as_folder}) actions.push_back(action_with(ask, one));
  }
  return actions;
}

void slashes(probe& ask) {
  expect_all_refused(ask, naming(ask, {"/absolute", "/tmp/absolute", "trailing/", "a/trailing/", "/"}),
                     {invalid});
}

void upwards(probe& ask) {
  expect_all_refused(ask, naming(ask, {"..", "../out", "a/../../out", "./../out"}), {invalid});
}

void everything(probe& ask) {
  auto input = ask.fresh();
  ask.store(input);
  v2::Directory inner, root;
  add_file(inner, "input", input);
  add_folder(root, "inner", ask.store_message(inner));
  auto command = shell("echo made > output; mkdir deeper; touch deeper/file"), by_path = command;
  command.set_working_directory("inner");
  by_path.set_working_directory("inner");
  command.add_output_directories("");
  by_path.add_output_paths("");
  for (const auto& one : {command, by_path}) {
    auto got = succeeded(ask, action_with(ask, one, root));
    auto tree = tree_of(ask, got);
    ask.equal("path of the output directory", got.output_directories(0).path(), std::string());
    const auto& top = tree.root();
    ask.check(top.files_size() == 2 && top.files(0).name() == "input" &&
                  top.files(0).digest().hash() == input.digest.hash() && top.files(1).name() == "output" &&
                  top.directories_size() == 1 && top.directories(0).name() == "deeper" &&
                  tree.children_size() == 1,
              "all of the working directory: input, output, deeper");
  }
}

void properties(probe& ask) {
  auto command = shell("touch out");
  command.add_output_paths("out");
  command.add_output_node_properties("conform.no_such_property");
  expect_refused(ask, action_with(ask, command), {invalid});
}

void formats(probe& ask) {
  for (int format : {0, 1, 2, 77}) {
    auto command = shell("mkdir -p out/inner; echo hello > out/inner/file");
    command.add_output_paths("out");
    command.set_output_directory_format(static_cast<v2::Command::OutputDirectoryFormat>(format));
    auto got = succeeded(ask, action_with(ask, command));
    bool by_level =
        got.output_directories_size() == 1 && got.output_directories(0).has_root_directory_digest();
    if (format != v2::Command::DIRECTORY_ONLY || !by_level) {
      auto tree = tree_of(ask, got);
      ask.check(tree.root().directories_size() == 1 && tree.children_size() == 1, "the Tree of out");
    }
    if (!by_level) continue;
    auto levels = ask.ok(ask.get_tree(got.output_directories(0).root_directory_digest()));
    ask.equal("levels under root_directory_digest", levels.directories_size(), 2);
  }
}

// The root first; then each folder once, after all in which it stands; the fields in their order.
void expect_sorted(probe& ask, const v2::Tree& tree, const std::string& bytes) {
  ask.check(tree.SerializeAsString() == bytes, "a Tree with its root first, as canonical bytes");
  auto function = ask.server().main_function();
  std::set<std::string> known, seen;
  auto note = [&](const v2::Directory& one) {
    for (const auto& below : one.directories()) {
      ask.check(!seen.contains(below.digest().hash()), "each folder after all in which it stands");
      known.insert(below.digest().hash());
    }
  };
  note(tree.root());
  for (const auto& child : tree.children()) {
    auto hash = *hash_of(child.SerializeAsString(), function);
    ask.check(known.contains(hash), "no folder before the first in which it stands");
    ask.check(seen.insert(hash).second, "each folder once");
    note(child);
  }
  ask.check(known == seen, "every folder");
}

void sorted_trees(probe& ask) {
  std::string first;
  for (const auto* order : {"z a m", "m z a", "a m z"}) {
    auto command =
        shell(fmt::format("for f in {}; do mkdir -p out/$f/b/$f out/$f/same/deep; "
                          "echo $f > out/$f/b/$f/file; echo top > out/$f.txt; done; ln -s a out/link",
                          order));
    command.add_output_paths("out");
    auto got = succeeded(ask, action_with(ask, command));
    auto tree = tree_of(ask, got);
    const auto& folder = got.output_directories(0);
    if (folder.is_topologically_sorted()) expect_sorted(ask, tree, content_of(ask, folder.tree_digest()));
    if (first.empty()) first = folder.tree_digest().hash();
    ask.equal("tree_digest of an equal output", folder.tree_digest().hash(), first);
  }
}

}  // namespace

std::vector<rule> worker_output_rules() {
  constexpr auto worker = needs::cache | needs::worker;
  return {
      {191, tag::stated, "the folders around outputs are made before the start, the outputs are not", worker,
       parents},
      {192, tag::stated, "an output that is absent is left out", worker, absent},
      {193, tag::stated, "output_paths makes the older fields count for nothing", worker, paths_rule},
      {194, tag::stated, "an output of the wrong kind is FAILED_PRECONDITION", worker, wrong_kinds},
      {195, tag::stated, "a symlink is an output of its own, told in the old fields too", worker, links},
      {196, tag::must, "an output path with a slash at an end is INVALID_ARGUMENT", worker, slashes},
      {197, tag::choice, "an output path that leads out of the input root is INVALID_ARGUMENT", worker,
       upwards},
      {200, tag::stated, "the empty output path is the whole working directory", worker, everything},
      {201, tag::stated, "an unknown output_node_properties is INVALID_ARGUMENT", worker, properties},
      {202, tag::should, "an output_directory_format that is not served becomes TREE_ONLY", worker, formats},
      {203, tag::must, "is_topologically_sorted is true, and equal outputs are equal Trees", worker,
       sorted_trees},
  };
}

}  // namespace kiln::conform
