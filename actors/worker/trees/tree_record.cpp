#include "actors/worker/trees/tree_record.hpp"

#include <utility>

#include "actors/worker/inputs/batch_size.hpp"
#include "core/merkle/merkle_walk.hpp"
#include "core/wire/message.hpp"
#include "kiln/worker/v1/cached_tree.pb.h"

namespace kiln {
namespace {

using message = worker::v1::CachedTree;
using wire_entry = worker::v1::TreeEntry;

constexpr std::uint32_t version = 2;

static_assert(static_cast<int>(tree_entry::kind::folder) == wire_entry::FOLDER);
static_assert(static_cast<int>(tree_entry::kind::file) == wire_entry::FILE);
static_assert(static_cast<int>(tree_entry::kind::symlink) == wire_entry::SYMLINK);
static_assert(static_cast<int>(tree_entry::kind::hidden) == wire_entry::HIDDEN);

}  // namespace

bytes serialise(const tree_record& what) {
  message out;
  out.set_version(version);
  out.set_function(static_cast<int>(what.root.function));
  out.set_hash(what.root.hex());
  out.set_size_bytes(what.root.size);
  out.set_base(what.base);
  for (const auto& directory : what.directories) out.add_directories(std::string(directory.view()));
  for (const auto& [path, entry] : what.entries) {
    auto* one = out.add_entries();
    one->set_path(path);
    one->set_kind(static_cast<wire_entry::Kind>(entry.what));
    one->set_device(entry.mark.device);
    one->set_inode(entry.mark.inode);
    one->set_size(entry.mark.size);
    one->set_written_ns(entry.mark.written_ns);
    one->set_mode(entry.mark.mode);
    one->set_target(entry.target);
  }
  out.set_bytes(what.bytes);
  out.set_made_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(what.made.time_since_epoch()).count());
  return serialise(out);
}

expected<tree_record> read_tree_record(std::string_view content) {
  auto read = parse<message>(byte_chain(bytes::copy_of(content)));
  if (!read) return failure(std::move(read).error());
  if (read->version() != version)
    return fail(errc::invalid_argument, "it is of version {}, and {} is read here", read->version(), version);
  const auto* function = find_function(read->function());
  if (function == nullptr)
    return fail(errc::invalid_argument, "its digest function is unknown: {}", read->function());
  auto root = parse_digest(function->function, read->hash(), read->size_bytes());
  if (!root) return failure(std::move(root).error());
  tree_record made;
  made.root = *root;
  made.base = read->base();
  for (auto& directory : *read->mutable_directories())
    made.directories.push_back(bytes::adopt(std::move(directory)));
  for (auto& one : *read->mutable_entries()) {
    if (one.kind() < wire_entry::FOLDER || one.kind() > wire_entry::HIDDEN)
      return fail(errc::invalid_argument, "an entry of it is of the unknown kind {}",
                  static_cast<int>(one.kind()));
    tree_entry entry{static_cast<tree_entry::kind>(one.kind()),
                     {one.device(), one.inode(), one.size(), one.written_ns(), one.mode()},
                     std::move(*one.mutable_target())};
    if (!made.entries.emplace(std::move(*one.mutable_path()), std::move(entry)).second)
      return fail(errc::invalid_argument, "an entry of it is named twice");
  }
  made.bytes = read->bytes();
  made.made =
      wall_time(std::chrono::duration_cast<wall_time::duration>(std::chrono::nanoseconds(read->made_ns())));
  return made;
}

expected<std::shared_ptr<const walked_tree>> walk_of(const tree_record& what) {
  std::unordered_map<digest, const bytes*> known;
  for (const auto& directory : what.directories)
    known.emplace(digest_of(directory.view(), what.root.function), &directory);
  walk_rules rules;
  rules.detail = walk_detail::everything;
  rules.batch_directories = batch_blobs;
  rules.batch_bytes = batch_bytes;
  merkle_walk walk(what.root.function, rules);
  if (auto added = walk.add_root(what.root); !added) return failure(std::move(added).error());
  for (auto next = walk.next_batch(); !next.empty(); next = walk.next_batch())
    for (std::size_t i = 0; i < next.names.size(); ++i) {
      auto found = known.find(next.names[i]);
      if (found == known.end())
        return fail(errc::invalid_argument, "directory {} of it is not there", next.names[i]);
      if (auto taken = walk.take(next.places[i], *found->second); !taken)
        return failure(std::move(taken).error());
    }
  return std::make_shared<const walked_tree>(walk.finish());
}

}  // namespace kiln
