#include "actors/services/common/result_rules.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/utf8.hpp"
#include "kiln/asset/v1/asset.pb.h"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

// An empty path stands for the working directory itself, which only a directory may be.
expected<void> check_path(std::string_view path) {
  if (path.empty()) return {};
  std::string_view rest = path;
  for (;;) {
    auto slash = rest.find('/');
    auto segment = rest.substr(0, slash);
    if (segment.empty() || segment == "." || segment == ".." || segment.find('\0') != segment.npos)
      return fail(errc::invalid_argument, "output path \"{}\" is not a plain relative path", escaped(path));
    if (slash == rest.npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

class checking {
public:
  explicit checking(digest_function function) : function_(function) {}

  // A symlink may be told twice, in the old field and in the new one; so each field has paths of its own.
  template <class Outputs>
  void paths(const Outputs& outputs) {
    std::unordered_set<std::string_view> seen;
    for (const auto& output : outputs) {
      keep(check_path(output.path()));
      if (!seen.insert(output.path()).second)
        keep(fail(errc::invalid_argument, "output path \"{}\" stands twice", escaped(output.path())));
    }
  }
  void blob(const v2::Digest& name) {
    if (auto good = from_wire(name, function_); !good) keep(failure(good.error()));
  }
  void message(const v2::Digest& name, const message_limit& of) {
    keep(from_wire(name, function_).and_then([&](const digest& blob) { return check_size(of, blob); }));
  }
  expected<void> outcome() && { return std::move(first_); }

private:
  void keep(expected<void> result) {
    if (first_ && !result) first_ = std::move(result);
  }
  digest_function function_;
  expected<void> first_;
};

}  // namespace

expected<void> check_result(const v2::ActionResult& result, const digest& action) {
  if (auto fine = check_size(largest::result, result.ByteSizeLong()); !fine) return fine;
  checking all(action.function);
  all.paths(result.output_files());
  all.paths(result.output_directories());
  all.paths(result.output_symlinks());
  all.paths(result.output_file_symlinks());
  all.paths(result.output_directory_symlinks());
  for (const auto& file : result.output_files()) all.blob(file.digest());
  for (const auto& directory : result.output_directories()) {
    if (directory.has_tree_digest() || !directory.has_root_directory_digest())
      all.message(directory.tree_digest(), largest::tree);
    if (directory.has_root_directory_digest())
      all.message(directory.root_directory_digest(), largest::directory);
  }
  if (result.has_stdout_digest()) all.blob(result.stdout_digest());
  if (result.has_stderr_digest()) all.blob(result.stderr_digest());
  return std::move(all).outcome();
}

void clean_result(v2::ActionResult& result) {
  result.DiscardUnknownFields();
  if (!result.has_execution_metadata()) return;
  auto& notes = *result.mutable_execution_metadata()->mutable_auxiliary_metadata();
  auto kept = std::remove_if(notes.begin(), notes.end(),
                             [](const auto& note) { return note.template Is<asset::v1::Asset>(); });
  notes.erase(kept, notes.end());
}

void slim_result(v2::ActionResult& result) {
  if (check_size(largest::result, result.ByteSizeLong())) return;
  for (auto& file : *result.mutable_output_files()) file.clear_contents();
  if (result.has_stdout_digest()) result.clear_stdout_raw();
  if (result.has_stderr_digest()) result.clear_stderr_raw();
}

// Tree: root = 1. Its bytes are hashed as they lie there, for another encoding would be another digest.
expected<void> check_same_root(const bytes& tree, const digest& root) {
  std::string_view encoded;
  field_reader fields(tree.view());
  while (fields.next())
    if (fields.is(1, wire_type::length)) encoded = fields.text();
  if (fields.broken()) return fail(errc::invalid_argument, "an output directory's tree is no Tree");
  if (auto found = digest_of(encoded, root.function); found != root)
    return fail(errc::invalid_argument, "an output directory's root is {} and that of its tree {}", root,
                found);
  return {};
}

}  // namespace kiln
