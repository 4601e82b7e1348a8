#include "actors/worker/outputs/output_collector.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <limits>
#include <string_view>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/outputs/output_tree.hpp"
#include "actors/worker/worker_options.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/digest/hasher.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

constexpr std::int64_t small_file = 1 << 20;
constexpr std::size_t kept_at_most = 32U << 20;
constexpr std::size_t read_at_once = 256U << 10;

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISREG(mode)) return "a file";
  if (S_ISLNK(mode)) return "a link";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

failure wrong_kind(const std::string& path, mode_t mode, std::string_view wanted) {
  return fail(errc::failed_precondition, "output \"{}\" is {}, not {}", path, kind_of(mode), wanted);
}

}  // namespace

output_collector::output_collector(std::shared_ptr<const descriptor> root, const worker_options& options,
                                   const output_room::limits& room, digest_function function,
                                   const std::atomic<bool>& stop)
    : root_(std::move(root)), options_(options), room_(room), function_(function), stop_(stop) {}

expected<output_collector::stream_end> output_collector::add_stream(std::shared_ptr<const descriptor> stream,
                                                                    std::string name) {
  struct stat facts {};
  if (::fstat(stream->number(), &facts) != 0)
    return failure(fault_of(purpose::outputs, errno, "looking at a standard stream"));
  const auto most = static_cast<std::int64_t>(
      std::min<std::uint64_t>(options_.max_stream_size.bytes, std::numeric_limits<std::int64_t>::max()));
  const auto size = std::min<std::int64_t>(facts.st_size, most);
  auto blob = hash(*stream, size, std::move(name), [stream]() -> expected<descriptor> {
    descriptor again(::fcntl(stream->number(), F_DUPFD_CLOEXEC, 3));
    if (!again) return failure(fault_of(purpose::own_folder, errno, "reading a standard stream"));
    return again;
  });
  if (!blob) return failure(std::move(blob).error());
  return stream_end{*blob, facts.st_size > most};
}

expected<void> output_collector::add_outputs(const command_plan& plan, v2::ActionResult& result) {
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
  descriptor found = open_beneath(*root_, path, O_PATH, follow::but_the_last);
  if (!found) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    if (errno == EXDEV || errno == ELOOP)
      return fail(errc::failed_precondition,
                  "output \"{}\" lies behind a link or a mount that leads out of the tree", path);
    return failure(fault_of(purpose::outputs, errno, "looking at output " + path));
  }
  struct stat facts {};
  if (::fstat(found.number(), &facts) != 0)
    return failure(fault_of(purpose::outputs, errno, "looking at output " + path));

  if (S_ISLNK(facts.st_mode)) return add_link(output, found, result);
  if (S_ISREG(facts.st_mode)) {
    if (output.kind == output_kind::folder) return wrong_kind(path, facts.st_mode, "a folder");
    auto file = add_file(path);
    if (!file) return failure(std::move(file).error());
    auto* entry = result.add_output_files();
    entry->set_path(output.path);
    entry->set_is_executable(file->executable);
    to_wire(file->blob, entry->mutable_digest());
    return tell(entry->ByteSizeLong());
  }
  if (!S_ISDIR(facts.st_mode)) return wrong_kind(path, facts.st_mode, "a file, a folder or a link");
  if (output.kind == output_kind::file) return wrong_kind(path, facts.st_mode, "a file");
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
                                          v2::ActionResult& result) {
  const auto& path = output.where;
  auto target = read_link(link.number(), "", path);
  if (!target) return failure(std::move(target).error());
  if (auto fine = check_link_target(output, path); !fine) return fine;
  auto fill = [&](v2::OutputSymlink* entry) {
    entry->set_path(output.path);
    entry->set_target(*target);
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
  descriptor target = open_beneath(*root_, path, O_PATH, follow::all);
  struct stat facts {};
  if (!target || ::fstat(target.number(), &facts) != 0) return {};
  bool wanted_folder = output.kind == output_kind::folder;
  if (wanted_folder == static_cast<bool>(S_ISDIR(facts.st_mode))) return {};
  return wrong_kind(path, facts.st_mode, wanted_folder ? "a folder" : "a file");
}

expected<output_collector::hashed_file> output_collector::add_file(const std::string& path) {
  if (stop_.load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
  // Not blocking, should it have become a pipe: nobody is left to do so, but it costs nothing.
  constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
  descriptor file = open_beneath(*root_, path, flags, follow::but_the_last);
  if (!file && errno == EACCES) return fail(errc::failed_precondition, "output \"{}\" may not be read", path);
  if (!file && errno == EXDEV)
    return fail(errc::failed_precondition, "something is mounted over output \"{}\"", path);
  struct stat facts {};
  if (!file || ::fstat(file.number(), &facts) != 0)
    return failure(fault_of(purpose::outputs, errno, "opening output " + path));
  if (!S_ISREG(facts.st_mode)) return wrong_kind(path, facts.st_mode, "a file");
  if (auto counted = count(path, facts.st_size); !counted) return failure(std::move(counted).error());
  auto blob = hash(file, facts.st_size, path, [root = root_, path]() -> expected<descriptor> {
    descriptor again = open_beneath(*root, path, flags, follow::but_the_last);
    if (!again) return failure(fault_of(purpose::outputs, errno, "opening output " + path));
    return again;
  });
  if (!blob) return with_context(blob.error(), "output \"{}\"", path);
  return hashed_file{*blob, (facts.st_mode & S_IXUSR) != 0};
}

/// The first `size` bytes; a file that is shorter has changed under our eyes.
expected<digest> output_collector::hash(const descriptor& file, std::int64_t size, std::string path,
                                        std::function<expected<descriptor>()> open_again) {
  bool keep = size <= small_file && kept_ + static_cast<std::size_t>(size) <= kept_at_most;
  buffer room(keep ? static_cast<std::size_t>(size) + 1 : read_at_once);
  hasher all(function_);
  for (std::int64_t offset = 0; offset < size;) {
    if (stop_.load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
    char* into = room.data() + (keep ? offset : 0);
    auto wanted = std::min<std::int64_t>(size - offset, read_at_once);
    ssize_t count = ::pread(file.number(), into, static_cast<std::size_t>(wanted), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(fault_of(purpose::outputs, errno, "reading"));
    if (count == 0) return fail(errc::aborted, "the file became shorter while it was read");
    all.update({into, static_cast<std::size_t>(count)});
    offset += count;
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

expected<std::string> output_collector::read_link(int folder, const char* name, const std::string& path) {
  if (auto counted = count(path, 0); !counted) return failure(std::move(counted).error());
  char target[PATH_MAX];
  ssize_t size = ::readlinkat(folder, name, target, sizeof target);
  if (size < 0) return failure(fault_of(purpose::outputs, errno, "reading link " + path));
  std::string result(target, static_cast<std::size_t>(size));
  if (!is_utf8(result))
    return fail(errc::failed_precondition, "link \"{}\" leads to what is not UTF-8", path);
  if (!options_.absolute_symlinks && result.front() == '/')
    return fail(errc::failed_precondition, "link \"{}\" is absolute, which is not allowed here", path);
  return result;
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
