#include "actors/worker/outputs/output_collector.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string_view>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/outputs/absolute_links.hpp"
#include "actors/worker/outputs/output_tree.hpp"
#include "actors/worker/worker_options.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/digest/hasher.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/times.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

constexpr std::int64_t small_file = 1 << 20;
constexpr std::size_t kept_at_most = 32U << 20;
constexpr std::size_t read_at_once = 256U << 10;
constexpr unsigned executable_by_owner = 0100;
constexpr std::size_t shown_of_target = 512;

std::string_view in_words(file_kind kind) {
  switch (kind) {
    case file_kind::folder:
      return "a folder";
    case file_kind::file:
      return "a file";
    case file_kind::link:
      return "a link";
    case file_kind::pipe:
      return "a pipe";
    case file_kind::socket:
      return "a socket";
    case file_kind::other:
      break;
  }
  return "a device";
}

failure wrong_kind(const std::string& path, file_kind kind, std::string_view wanted) {
  return fail(errc::failed_precondition, "output \"{}\" is {}, not {}", path, in_words(kind), wanted);
}

failure output_fault(const disk_error& why, const std::string& doing) {
  return failure(fault_of(purpose::outputs, why.number, doing));
}

}  // namespace

output_collector::output_collector(disk& on, place where, const worker_options& options,
                                   const output_room::limits& room, digest_function function,
                                   const std::atomic<bool>& stop)
    : on_(on),
      root_(std::move(where.root)),
      seen_at_(std::move(where.seen_at)),
      options_(options),
      room_(room),
      function_(function),
      stop_(stop) {}

bool output_collector::hashed_file::executable() const noexcept {
  return (facts.mode & executable_by_owner) != 0;
}

expected<output_collector::stream_end> output_collector::add_stream(std::shared_ptr<const descriptor> stream,
                                                                    std::string name) {
  auto facts = on_.facts(*stream);
  if (!facts) return output_fault(facts.error(), "looking at a standard stream");
  constexpr std::uint64_t max_ever = std::numeric_limits<std::int64_t>::max();
  const auto most = std::min(options_.max_stream_size.bytes, max_ever);
  const auto size = static_cast<std::int64_t>(std::min(facts->size, most));
  auto blob = hash(*stream, size, std::move(name), [stream] { return stream; });
  if (!blob) return failure(std::move(blob).error());
  return stream_end{*blob, facts->size > most};
}

expected<void> output_collector::add_outputs(const command_plan& plan, v2::ActionResult& result) {
  properties_ = plan.properties;
  for (const auto& output : plan.outputs)
    if (auto added = add_output(plan, output, result); !added) return added;
  return {};
}

/// What a result says of one output, at least: with more of it than a result may have, no more is looked at.
expected<void> output_collector::tell(std::size_t bytes) {
  told_ += bytes;
  if (auto fine = check_size(largest::result, told_); !fine)
    return fail(errc::failed_precondition, "the action has too many outputs: {}", fine.error().message());
  return {};
}

expected<void> output_collector::add_output(const command_plan& plan, const declared_output& output,
                                            v2::ActionResult& result) {
  const auto& path = output.where;
  auto found = on_.open_beneath(*root_, path, O_PATH, follow::but_the_last);
  if (!found) {
    const auto number = found.error().number;
    if (number == ENOENT || number == ENOTDIR) return {};
    if (number == EXDEV || number == ELOOP)
      return fail(errc::failed_precondition,
                  "output \"{}\" lies behind a link or a mount that leads out of the tree", path);
    return output_fault(found.error(), "looking at output " + path);
  }
  auto facts = on_.facts(*found);
  if (!facts) return output_fault(facts.error(), "looking at output " + path);

  if (facts->kind == file_kind::link) return add_link(output, *found, *facts, result);
  if (facts->kind == file_kind::file) {
    if (output.kind == output_kind::folder) return wrong_kind(path, facts->kind, "a folder");
    auto file = add_file(path);
    if (!file) return failure(std::move(file).error());
    auto* entry = result.add_output_files();
    entry->set_path(output.path);
    entry->set_is_executable(file->executable());
    to_wire(file->blob, entry->mutable_digest());
    if (properties_.any()) describe(file->facts, entry->mutable_node_properties());
    return tell(entry->ByteSizeLong());
  }
  if (facts->kind != file_kind::folder) return wrong_kind(path, facts->kind, "a file, a folder or a link");
  if (output.kind == output_kind::file) return wrong_kind(path, facts->kind, "a file");
  auto tree = tree_walk(*this, path).run();
  if (!tree) return failure(std::move(tree).error());
  auto* entry = result.add_output_directories();
  entry->set_path(output.path);
  if (plan.format != folder_format::directories) {
    to_wire(add_content(std::move(tree->tree), path), entry->mutable_tree_digest());
    entry->set_is_topologically_sorted(true);
  }
  if (plan.format != folder_format::tree) {
    for (auto& folder : tree->folders) add_content(std::move(folder), path);
    to_wire(tree->root, entry->mutable_root_directory_digest());
  }
  return tell(entry->ByteSizeLong());
}

/// In the old fields the declaration says what the link stands for; new clients read only the new one.
expected<void> output_collector::add_link(const declared_output& output, const descriptor& link,
                                          const file_facts& facts, v2::ActionResult& result) {
  const auto& path = output.where;
  auto target = read_link(link, "", path);
  if (!target) return failure(std::move(target).error());
  if (auto fine = check_link_target(output, path); !fine) return fine;
  auto fill = [&](v2::OutputSymlink* entry) {
    entry->set_path(output.path);
    entry->set_target(*target);
    if (properties_.any()) describe(facts, entry->mutable_node_properties());
  };
  fill(result.add_output_symlinks());
  if (output.kind == output_kind::file) fill(result.add_output_file_symlinks());
  if (output.kind == output_kind::folder) fill(result.add_output_directory_symlinks());
  const auto times = output.kind == output_kind::any ? 1U : 2U;
  return tell(times * (output.path.size() + target->size()));
}

/// A link that leads nowhere, or out, can be neither right nor wrong.
expected<void> output_collector::check_link_target(const declared_output& output, const std::string& path) {
  if (output.kind == output_kind::any) return {};
  auto target = on_.open_beneath(*root_, path, O_PATH, follow::all);
  auto facts = target ? on_.facts(*target) : tl::unexpected(target.error());
  if (!facts) return {};
  bool wanted_folder = output.kind == output_kind::folder;
  if (wanted_folder == (facts->kind == file_kind::folder)) return {};
  return wrong_kind(path, facts->kind, wanted_folder ? "a folder" : "a file");
}

expected<output_collector::hashed_file> output_collector::add_file(const std::string& path) {
  if (stop_.load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
  // Not blocking, should it have become a pipe: nobody is left to do so, but it costs nothing.
  constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
  auto file = on_.open_beneath(*root_, path, flags, follow::but_the_last);
  if (!file && file.error().number == EACCES)
    return fail(errc::failed_precondition, "output \"{}\" may not be read", path);
  if (!file && file.error().number == EXDEV)
    return fail(errc::failed_precondition, "something is mounted over output \"{}\"", path);
  auto facts = file ? on_.facts(*file) : tl::unexpected(file.error());
  if (!facts) return output_fault(facts.error(), "opening output " + path);
  if (facts->kind != file_kind::file) return wrong_kind(path, facts->kind, "a file");
  const auto size = static_cast<std::int64_t>(facts->size);
  if (auto counted = count(path, size); !counted) return failure(std::move(counted).error());
  auto open_again = [&on = on_, root = root_, path]() -> expected<std::shared_ptr<const descriptor>> {
    auto again = on.open_beneath(*root, path, flags, follow::but_the_last);
    if (!again) return output_fault(again.error(), "opening output " + path);
    return std::make_shared<const descriptor>(std::move(*again));
  };
  auto blob = hash(*file, size, path, std::move(open_again));
  if (!blob) return with_context(blob.error(), "output \"{}\"", path);
  return hashed_file{*blob, *facts};
}

/// The first `size` bytes; a file that is shorter has changed under our eyes.
expected<digest> output_collector::hash(const descriptor& file, std::int64_t size, std::string path,
                                        file_opener open_again) {
  bool keep = size <= small_file && kept_ + static_cast<std::size_t>(size) <= kept_at_most;
  buffer room(keep ? static_cast<std::size_t>(size) + 1 : read_at_once);
  hasher all(function_);
  for (std::int64_t offset = 0; offset < size;) {
    if (stop_.load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
    char* into = room.data() + (keep ? offset : 0);
    auto wanted = std::min<std::int64_t>(size - offset, read_at_once);
    auto count = on_.read(file, {into, static_cast<std::size_t>(wanted)}, static_cast<std::uint64_t>(offset));
    if (!count) return output_fault(count.error(), "reading");
    if (*count == 0) return fail(errc::aborted, "the file became shorter while it was read");
    all.update({into, *count});
    offset += static_cast<std::int64_t>(*count);
  }
  auto blob = all.finish();
  if (is_empty_blob(blob) || blobs_.contains(blob)) return blob;
  // Equal outputs are one blob to the cache, so only now it is known how much it would have to hold.
  distinct_ += static_cast<std::uint64_t>(size);
  if (room_.cache > 0 && distinct_ > room_.cache) return failure(outputs_too_large(path, distinct_, room_));
  if (keep) {
    kept_ += static_cast<std::size_t>(size);
    blobs_.emplace(blob, blob_origin{room.freeze(static_cast<std::size_t>(size)), nullptr, std::move(path)});
  } else {
    blobs_.emplace(blob, blob_origin{{}, std::move(open_again), std::move(path)});
  }
  return blob;
}

expected<std::string> output_collector::read_link(const descriptor& folder, const char* name,
                                                  const std::string& path) {
  if (auto counted = count(path, 0); !counted) return failure(std::move(counted).error());
  auto target = on_.read_link(folder, name);
  if (!target) return output_fault(target.error(), "reading link " + path);
  if (!is_utf8(*target))
    return fail(errc::failed_precondition, "link \"{}\" leads to what is not UTF-8", path);
  if (!target->starts_with('/')) return std::move(*target);
  return told_target(std::move(*target), path);
}

/// Of a link to an absolute path. What one that leads out has there is never read: that would be with the
/// worker's rights, not with the action's.
expected<std::string> output_collector::told_target(std::string target, const std::string& path) const {
  const auto what = options_.absolute_output_symlinks;
  if (what == absolute_output::resolve) {
    if (auto relative = relative_target(seen_at_, path, target)) return std::move(*relative);
    return fail(errc::failed_precondition,
                "link \"{}\" leads to \"{}\", which is not in the input root (absolute_output_symlinks)",
                path, escaped(target, shown_of_target));
  }
  if (what == absolute_output::refuse || !options_.absolute_symlinks)
    return fail(errc::failed_precondition, "link \"{}\" is absolute, which is not allowed here", path);
  return target;
}

void output_collector::describe(const file_facts& facts, v2::NodeProperties* into) const {
  if (properties_.mtime) to_wire(facts.written, into->mutable_mtime());
  if (properties_.unix_mode) into->mutable_unix_mode()->set_value(facts.mode);
}

expected<void> output_collector::count(const std::string& path, std::int64_t size) {
  if (++entries_ > options_.max_output_entries)
    return fail(errc::failed_precondition, "the outputs have more than {} entries",
                options_.max_output_entries);
  const auto more = static_cast<std::uint64_t>(size);
  if (more > room_.largest()) return failure(output_too_large(path, more, room_));
  bytes_ += more;
  if (bytes_ > room_.allowed) return failure(outputs_too_large(path, bytes_, {room_.allowed}));
  return {};
}

std::uint64_t output_collector::entries_left() const noexcept {
  return options_.max_output_entries - std::min<std::uint64_t>(entries_, options_.max_output_entries);
}

digest output_collector::add_content(bytes content, const std::string& path) {
  auto blob = digest_of(content.view(), function_);
  if (!is_empty_blob(blob)) blobs_.try_emplace(blob, blob_origin{std::move(content), nullptr, path});
  return blob;
}

}  // namespace kiln
