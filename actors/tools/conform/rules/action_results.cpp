#include <functional>

#include "actors/tools/conform/rules/action_cache_rules.hpp"

namespace kiln::conform {
namespace {

constexpr std::size_t max_taken = 4 << 20;  // bytes in a message, by a client that was told nothing

void add_file(v2::ActionResult& to, const std::string& path, const blob& content) {
  auto* file = to.add_output_files();
  file->set_path(path);
  *file->mutable_digest() = content.digest;
}

v2::Directory directory_of(const blob& content) {
  v2::Directory directory;
  auto* file = directory.add_files();
  file->set_name("file");
  *file->mutable_digest() = content.digest;
  return directory;
}

void add_child(v2::Directory& to, const blob& child) {
  auto* node = to.add_directories();
  node->set_name("child");
  *node->mutable_digest() = child.digest;
}

// A Tree whose root holds one file, and whose only child another one.
v2::Tree tree_of(const blob& in_root, const blob& in_child, digest_kind function) {
  v2::Tree tree;
  auto child = directory_of(in_child);
  *tree.mutable_root() = directory_of(in_root);
  add_child(*tree.mutable_root(), blob_of(child.SerializeAsString(), function));
  *tree.add_children() = child;
  return tree;
}

v2::OutputDirectory& add_directory(v2::ActionResult& to) {
  auto* directory = to.add_output_directories();
  directory->set_path("directory");
  return *directory;
}

void add_tree(v2::ActionResult& to, probe& ask, const blob& in_root, const blob& in_child) {
  *add_directory(to).mutable_tree_digest() =
      ask.store_message(tree_of(in_root, in_child, ask.server().main_function())).digest;
}

void add_root(v2::ActionResult& to, probe& ask, const blob& in_root, const blob& in_child) {
  auto root = directory_of(in_root);
  add_child(root, ask.store_message(directory_of(in_child)));
  *add_directory(to).mutable_root_directory_digest() = ask.store_message(root).digest;
}

void completeness(probe& ask) {
  auto there = ask.fresh(), absent = ask.fresh();
  ask.store(there);
  using making = std::function<void(v2::ActionResult&, const blob&)>;
  const std::pair<const char*, making> references[] = {
      {"an output file", [](auto& to, const blob& one) { add_file(to, "file", one); }},
      {"stdout", [](auto& to, const blob& one) { *to.mutable_stdout_digest() = one.digest; }},
      {"stderr", [](auto& to, const blob& one) { *to.mutable_stderr_digest() = one.digest; }},
      {"a file in a tree's root", [&](auto& to, const blob& one) { add_tree(to, ask, one, there); }},
      {"a file in a tree's child", [&](auto& to, const blob& one) { add_tree(to, ask, there, one); }},
      {"a file in a root directory", [&](auto& to, const blob& one) { add_root(to, ask, one, there); }},
      {"a file below a root directory", [&](auto& to, const blob& one) { add_root(to, ask, there, one); }},
      {"a tree", [&](auto& to, const blob& one) { *add_directory(to).mutable_tree_digest() = one.digest; }},
  };
  for (const auto& [what, make] : references) {
    auto action = stored_action(ask);
    v2::ActionResult incomplete;
    add_file(incomplete, "there", there);
    make(incomplete, absent);
    ask.expect(ask.update_result(action.digest, incomplete),
               {errc::ok, errc::failed_precondition, errc::not_found, errc::invalid_argument});
    auto got = ask.get_result(action.digest);
    if (got.ok()) ask.fail(fmt::format("NOT_FOUND, for {} is missing", what), "the result");
    ask.expect(got, errc::not_found);
    if (std::string_view(what) == "a tree") continue;  // what is there is none
    v2::ActionResult complete;
    make(complete, there);
    ask.ok(ask.update_result(action.digest, complete));
    ask.ok(ask.get_result(action.digest));
  }
}

answer<v2::ActionResult> get_inlined(probe& ask, const blob& action, const std::vector<std::string>& files) {
  auto request = ask.request<v2::GetActionResultRequest>();
  *request.mutable_action_digest() = action.digest;
  request.set_inline_stdout(true);
  request.set_inline_stderr(true);
  for (const auto& path : files) request.add_inline_output_files(path);
  return ask.ask<v2::ActionResult>(probe::reapi("ActionCache/GetActionResult"), request);
}

void expect_nothing_or(probe& ask, const std::string& got, const blob& wanted, const std::string& where) {
  if (!got.empty() && got != wanted.data)
    ask.fail(fmt::format("nothing in {}, or {}", where, shown(wanted.data)), shown(got));
}

void inlining(probe& ask) {
  auto action = stored_action(ask);
  auto large = ask.fresh(5 << 20), small = ask.fresh();
  ask.store(large);
  ask.store(small);
  v2::ActionResult result;
  *result.mutable_stdout_digest() = large.digest;
  *result.mutable_stderr_digest() = small.digest;
  add_file(result, "large", large);
  std::vector<std::string> paths{"large"};
  std::vector<blob> contents;
  for (int i = 0; i < 8; ++i) {
    contents.push_back(ask.fresh(700'000));
    paths.push_back(fmt::format("file{}", i));
    ask.store(contents.back());
    add_file(result, paths.back(), contents.back());
  }
  ask.ok(ask.update_result(action.digest, result));

  auto plain = ask.ok(ask.get_result(action.digest));
  bool inside = !plain.stdout_raw().empty() || !plain.stderr_raw().empty();
  for (const auto& file : plain.output_files()) inside = inside || !file.contents().empty();
  ask.check(!inside, "nothing inline, for nothing was asked to be");

  auto full = ask.ok(get_inlined(ask, action, paths));
  if (full.ByteSizeLong() > max_taken)
    ask.fail("a message of 4194304 bytes at most", fmt::format("one of {}", full.ByteSizeLong()));
  ask.check(full.stdout_digest().hash() == large.digest.hash() && full.output_files_size() == 9,
            "the digest of stdout, and nine files");
  expect_nothing_or(ask, full.stderr_raw(), small, "stderr_raw");
  for (int i = 0; i < 8; ++i)
    expect_nothing_or(ask, full.output_files(i + 1).contents(), contents[static_cast<std::size_t>(i)],
                      paths[static_cast<std::size_t>(i) + 1]);
}

void inlining_by_path(probe& ask) {
  auto action = stored_action(ask);
  auto wanted = ask.fresh(), other = ask.fresh();
  ask.store({wanted, other});
  v2::ActionResult result;
  for (const char* path : {"folder/file", "folder/file2", "file"})
    add_file(result, path, std::string_view(path) == "folder/file" ? wanted : other);
  ask.ok(ask.update_result(action.digest, result));
  auto got = ask.ok(get_inlined(ask, action, {"folder/file", "no/such/file", "folder", "./file"}));
  ask.check(got.output_files_size() == 3, "three output files");
  for (const auto& file : got.output_files()) {
    if (file.path() == "folder/file")
      expect_nothing_or(ask, file.contents(), wanted, file.path());
    else
      ask.check(file.contents().empty(), "contents of folder/file alone");
  }
}

void bad_results(probe& ask) {
  auto content = ask.fresh();
  ask.store(content);
  using spoiling = std::function<void(v2::ActionResult&)>;
  auto link = [](v2::ActionResult& to, const char* path) {
    auto* added = to.add_output_symlinks();
    added->set_path(path);
    added->set_target("target");
  };
  auto wrong = [](v2::Digest* digest, const std::string& hash, std::int64_t size) {
    digest->set_hash(hash);
    digest->set_size_bytes(size);
  };
  const auto& hash = content.digest.hash();
  const std::pair<const char*, spoiling> faults[] = {
      {"an absolute path", [&](auto& to) { add_file(to, "/file", content); }},
      {"a path that climbs", [&](auto& to) { add_file(to, "../file", content); }},
      {"a path that climbs within", [&](auto& to) { add_file(to, "a/../../file", content); }},
      {"a path twice", [&](auto& to) { add_file(to, "file", content), add_file(to, "file", content); }},
      {"a symlink's absolute path", [&](auto& to) { link(to, "/link"); }},
      {"a symlink's path that climbs", [&](auto& to) { link(to, "../link"); }},
      {"a directory's absolute path",
       [&](auto& to) {
         add_tree(to, ask, content, content), to.mutable_output_directories(0)->set_path("/d");
       }},
      {"a hash too short", [&](auto& to) { wrong(to.mutable_stdout_digest(), hash.substr(1), 100); }},
      {"a hash of other letters",
       [&](auto& to) { wrong(to.mutable_stdout_digest(), "g" + hash.substr(1), 100); }},
      {"a size below 0", [&](auto& to) { wrong(to.mutable_stderr_digest(), hash, -1); }},
  };
  for (const auto& [what, spoil] : faults) {
    auto action = stored_action(ask);
    auto result = result_saying(what);
    spoil(result);
    ask.expect(ask.update_result(action.digest, result), errc::invalid_argument);
    expect_no_result(ask, action);
  }
}

void two_directories(probe& ask) {
  auto content = ask.fresh(), other = ask.fresh();
  ask.store({content, other});
  auto tree = tree_of(content, content, ask.server().main_function());
  ask.store_message(tree.children(0));
  v2::ActionResult agreeing;
  auto& directory = add_directory(agreeing);
  *directory.mutable_tree_digest() = ask.store_message(tree).digest;
  auto disagreeing = agreeing;
  *directory.mutable_root_directory_digest() = ask.store_message(tree.root()).digest;
  *disagreeing.mutable_output_directories(0)->mutable_root_directory_digest() =
      ask.store_message(directory_of(other)).digest;
  auto action = stored_action(ask);
  ask.expect(ask.update_result(action.digest, disagreeing), errc::invalid_argument);
  expect_no_result(ask, action);
  ask.ok(ask.update_result(action.digest, agreeing));
}

void too_large(probe& ask) {
  auto action = stored_action(ask);
  v2::ActionResult result;
  result.set_stdout_raw(ask.fresh_bytes(max_taken));
  auto got = ask.update_result(action.digest, result);
  ask.expect(got, {errc::invalid_argument, errc::resource_exhausted});
  if (got.status.message().empty()) ask.fail("a text that says why", "none");
  expect_no_result(ask, action);
}

}  // namespace

std::vector<rule> action_result_rules() {
  constexpr auto updates = needs::cache | needs::action_cache_updates;
  return {
      {129, tag::should, "a result of which a blob is missing is NOT_FOUND", updates, completeness},
      {131, tag::must, "nothing comes inline unless it was asked for and fits into a message", updates,
       inlining},
      {132, tag::stated, "files come inline by their exact paths", updates, inlining_by_path},
      {134, tag::stated, "a result with a bad digest or path is INVALID_ARGUMENT", updates, bad_results},
      {145, tag::must, "a directory whose tree and root disagree is INVALID_ARGUMENT", updates,
       two_directories},
      {146, tag::choice, "a result larger than clients take is INVALID_ARGUMENT or RESOURCE_EXHAUSTED",
       updates, too_large},
  };
}

}  // namespace kiln::conform
