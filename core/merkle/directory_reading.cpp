#include "core/merkle/directory_reading.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/directory.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message.hpp"
#include "core/wire/node_properties.hpp"

namespace kiln {

namespace v2 = build::bazel::remote::execution::v2;

namespace {

bool is_part_of_directory(const field_reader& field) noexcept {
  return field.is(v2::Directory::kFilesFieldNumber, wire_type::length) ||
         field.is(v2::Directory::kDirectoriesFieldNumber, wire_type::length) ||
         field.is(v2::Directory::kSymlinksFieldNumber, wire_type::length) ||
         field.is(v2::Directory::kNodePropertiesFieldNumber, wire_type::length);
}

// Of a mode no more is honoured: files are links to what the cache has, as executable or not.
bool is_executable(const v2::FileNode& node) noexcept {
  constexpr std::uint32_t by_owner = 0100;
  return node.is_executable() || (node.node_properties().unix_mode().value() & by_owner) != 0;
}

// What stands between `begin` and the end, as the entries of `of`.
template <class Range, class Entry>
void note_range(std::vector<Range>& ranges, walked_tree::place of, std::size_t begin,
                const std::vector<Entry>& entries) {
  if (entries.size() == begin) return;
  if (ranges.size() <= of) ranges.resize(std::size_t{of} + 1);
  ranges[of] = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(entries.size() - begin)};
}

}  // namespace

directory_reading::directory_reading(merkle_walk& walk, walked_tree::place at)
    : walk_(walk), tree_(walk.tree_), at_(at), name_(walk.tree_.directory(at)) {}

expected<void> directory_reading::run(const bytes& content) {
  return keeps(walk_detail::paths) ? read_canonical(content) : read_in_place(content.view());
}

// No message is made of it, which would take several times its memory, and time.
expected<void> directory_reading::read_in_place(std::string_view content) {
  field_reader fields(content);
  bool any = content.empty();
  while (fields.next()) {
    any = any || is_part_of_directory(fields);
    const bool is_file =
        keeps(walk_detail::blobs) && fields.is(v2::Directory::kFilesFieldNumber, wire_type::length);
    if (!is_file && !fields.is(v2::Directory::kDirectoriesFieldNumber, wire_type::length)) continue;
    if (auto read = read_node(fields.text(), is_file); !read) return read;
  }
  if (fields.broken() || !any) return fail({errc::invalid_argument, words(walk_.rules_.words.undecodable)});
  return {};
}

expected<void> directory_reading::read_node(std::string_view node, bool is_file) {
  static_assert(int{v2::FileNode::kDigestFieldNumber} == int{v2::DirectoryNode::kDigestFieldNumber});
  wire_digest named;
  field_reader fields(node);
  bool whole = true;
  while (fields.next())
    if (fields.is(v2::DirectoryNode::kDigestFieldNumber, wire_type::length))
      whole = whole && read_digest(fields.text(), named);
  const auto& in = walk_.rules_.words.directory;
  if (!whole || fields.broken())
    return fail(
        error(errc::invalid_argument, is_file ? "an entry is no FileNode" : "an entry is no DirectoryNode")
            .in_context(words(in)));
  auto blob = parse_digest(name_.function, named.hash, named.size);
  if (!blob) return fail(blob.error().in_context(words(in)));
  auto heard = is_file ? walk_.hear_file(*blob) : walk_.hear(*blob, at_);
  return heard ? expected<void>() : failure(std::move(heard).error());
}

expected<void> directory_reading::read_canonical(const bytes& content) {
  const auto& say = walk_.rules_.words;
  auto directory = parse<v2::Directory>(content);
  if (!directory) return fail(directory.error().in_context(words(say.undecodable)));
  if (auto fine = validate_directory(*directory); !fine)
    return fail(fine.error().in_context(words(say.directory)));
  auto counted = walk_.count_entries(static_cast<std::uint64_t>(directory->files_size()) +
                                     static_cast<std::uint64_t>(directory->directories_size()) +
                                     static_cast<std::uint64_t>(directory->symlinks_size()));
  if (!counted) return counted;
  if (auto added = add_files(*directory); !added) return added;
  if (auto added = add_children(*directory); !added) return added;
  add_links(*directory);
  return {};
}

expected<void> directory_reading::add_files(const v2::Directory& from) {
  const auto begin = tree_.files_.size();
  for (const auto& node : from.files()) {
    auto blob = from_wire(node.digest(), name_.function);
    if (!blob) return fail(blob.error().in_context(words(walk_.rules_.words.file, node.name())));
    auto at = walk_.hear_file(*blob);
    if (!at) return failure(std::move(at).error());
    if (keeps(walk_detail::everything))
      tree_.files_.push_back(
          {keep(node.name()), *at, is_executable(node), is_tool_input(node.node_properties())});
  }
  note_range(tree_.files_of_, at_, begin, tree_.files_);
  return {};
}

expected<void> directory_reading::add_children(const v2::Directory& from) {
  const auto& say = walk_.rules_.words;
  const auto begin = tree_.children_.size();
  for (const auto& node : from.directories()) {
    auto child = from_wire(node.digest(), name_.function);
    if (!child) return fail(child.error().in_context(words(say.child, node.name())));
    if (*child == name_)
      return fail(error(errc::invalid_argument, "it holds itself").in_context(words(say.directory)));
    auto at = walk_.hear(*child, at_);
    if (!at) return failure(std::move(at).error());
    tree_.children_.push_back({keep(node.name()), *at});
  }
  note_range(tree_.children_of_, at_, begin, tree_.children_);
  return {};
}

void directory_reading::add_links(const v2::Directory& from) {
  if (!keeps(walk_detail::everything)) return;
  const auto begin = tree_.links_.size();
  for (const auto& node : from.symlinks()) tree_.links_.push_back({keep(node.name()), keep(node.target())});
  note_range(tree_.links_of_, at_, begin, tree_.links_);
}

// The bound of bytes of all directories keeps what is here below 4 GiB.
walked_tree::text directory_reading::keep(std::string_view some) {
  const walked_tree::text kept{static_cast<std::uint32_t>(tree_.texts_.size()),
                               static_cast<std::uint32_t>(some.size())};
  tree_.texts_ += some;
  return kept;
}

std::string directory_reading::words(std::string_view format, std::string_view entry) const {
  return fmt::format(fmt::runtime(format), name_, entry);
}

}  // namespace kiln
