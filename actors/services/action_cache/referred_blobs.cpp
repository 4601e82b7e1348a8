#include "actors/services/action_cache/referred_blobs.hpp"

#include <unordered_set>

#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"

namespace kiln {
namespace {

// FileNode and DirectoryNode: digest = 2.
expected<digest> named_in(std::string_view node, digest_function function) {
  wire_digest words;
  field_reader fields(node);
  while (fields.next())
    if (fields.is(2, wire_type::length) && !read_digest(fields.text(), words))
      return fail(errc::invalid_argument, "an entry of a directory has no digest");
  if (fields.broken()) return fail(errc::invalid_argument, "an entry of a directory is broken");
  return parse_digest(function, words.hash, words.size);
}

}  // namespace

// Directory: files = 1, directories = 2.
expected<void> read_directory(std::string_view directory, digest_function function, referred_blobs& into) {
  field_reader fields(directory);
  while (fields.next()) {
    const bool is_file = fields.is(1, wire_type::length);
    if (!is_file && !fields.is(2, wire_type::length)) continue;
    auto blob = named_in(fields.text(), function);
    if (!blob) return failure(blob.error());
    (is_file ? into.files : into.directories).push_back(*blob);
  }
  if (fields.broken()) return fail(errc::invalid_argument, "a directory is broken");
  return {};
}

// Tree: root = 1, children = 2.
expected<std::vector<digest>> files_of_tree(const byte_chain& tree, digest_function function) {
  referred_blobs all;
  std::vector<bytes> children;
  field_reader fields(tree);
  while (fields.next()) {
    const bool is_child = fields.is(2, wire_type::length);
    if (!is_child && !fields.is(1, wire_type::length)) continue;
    auto directory = fields.flat();
    if (auto read = read_directory(directory.view(), function, all); !read) return failure(read.error());
    if (is_child) children.push_back(std::move(directory));
  }
  if (fields.broken()) return fail(errc::invalid_argument, "it is no Tree");
  std::unordered_set<digest> wanted(all.directories.begin(), all.directories.end());
  for (const auto& child : children) {
    if (wanted.empty()) break;
    wanted.erase(digest_of(child.view(), function));
  }
  std::erase_if(wanted, is_empty_blob);
  if (!wanted.empty())
    return fail(errc::not_found, "a Tree lacks directory {}, which it refers to", *wanted.begin());
  return std::move(all.files);
}

}  // namespace kiln
