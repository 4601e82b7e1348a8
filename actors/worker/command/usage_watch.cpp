#include "actors/worker/command/usage_watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/worker/fault_owners.hpp"

namespace kiln {
namespace {

constexpr int walk_share = 50;  // a walk takes at most one part in so many of the time
constexpr duration between_walks = std::chrono::seconds(1);
// File systems take room ahead of a file that grows, and give it back.
constexpr std::uint64_t most_ahead = std::uint64_t{8} << 30;

/// Of the disk, a hole being nothing.
std::uint64_t room_of(const struct stat& facts) {
  if (!S_ISREG(facts.st_mode)) return 0;  // folders are bounded by their number
  auto size = static_cast<std::uint64_t>(facts.st_size);
  auto taken = static_cast<std::uint64_t>(facts.st_blocks) * 512;
  if (taken <= size + most_ahead) taken = std::min(taken, size);
  // Each name of a file has its share, so that all of them together are the file once.
  return taken / std::max<nlink_t>(facts.st_nlink, 1);
}

usage_watch::amount taken_beside(const descriptor& folder) {
  struct statvfs facts {};
  if (::fstatvfs(folder.number(), &facts) != 0) return {};
  return {(facts.f_blocks - facts.f_bfree) * facts.f_frsize, facts.f_files - facts.f_ffree};
}

bool is_longer(const descriptor& stream, const byte_size& most) {
  struct stat facts {};
  return ::fstat(stream.number(), &facts) == 0 && static_cast<std::uint64_t>(facts.st_size) > most.bytes;
}

}  // namespace

error too_much_in_stream(std::string_view name, const byte_size& most) {
  return owned_by(fault_owner::action,
                  {errc::failed_precondition,
                   fmt::format("the command wrote more than {} to its standard {}, and was stopped",
                               to_string(most), name)});
}

error too_much_in_file(const byte_size& most) {
  return owned_by(
      fault_owner::action,
      {errc::failed_precondition,
       fmt::format("the command wrote to a file beyond the {} that are allowed", to_string(most))});
}

/// Through a tree that is being changed meanwhile, with two open folders however deep it is. It does not
/// cross mounts, and ends early where it can go no further: the next one sees more.
class usage_watch::walk {
public:
  walk(const descriptor& root, const amount& most) : most_(most) {
    here_ = descriptor(::openat(root.number(), ".", flags));
  }

  amount run() {
    if (!here_ || !enter()) return found_;
    while (!stack_.empty() && !is_over()) {
      auto& pending = stack_.back().folders;
      if (pending.empty()) {
        if (!leave()) break;
        continue;
      }
      auto name = std::move(pending.back());
      pending.pop_back();
      descriptor below(::openat(here_.number(), name.c_str(), flags));
      if (!below) continue;  // gone, or not to be read
      std::swap(here_, below);
      if (!enter()) std::swap(here_, below);
    }
    return found_;
  }

private:
  static constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  struct level {
    dev_t device;
    ino_t inode;
    std::vector<std::string> folders;  ///< still to be looked into
  };

  bool is_over() const { return found_.bytes > most_.bytes || found_.entries > most_.entries; }

  /// Counts what is directly in `here_`.
  bool enter() {
    struct stat own {};
    if (::fstat(here_.number(), &own) != 0) return false;
    if (!stack_.empty() && own.st_dev != stack_.front().device) return false;
    int number = ::fcntl(here_.number(), F_DUPFD_CLOEXEC, 3);
    DIR* listing = number < 0 ? nullptr : ::fdopendir(number);
    if (listing == nullptr) {
      if (number >= 0) ::close(number);
      return false;
    }
    stack_.push_back({own.st_dev, own.st_ino, {}});
    while (const dirent* entry = ::readdir(listing)) {
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      count(entry->d_name);
      if (is_over()) break;
    }
    ::closedir(listing);
    return true;
  }

  void count(const char* name) {
    struct stat facts {};
    if (::fstatat(here_.number(), name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return;
    ++found_.entries;
    if (S_ISDIR(facts.st_mode)) stack_.back().folders.emplace_back(name);
    found_.bytes += room_of(facts);
  }

  bool leave() {
    stack_.pop_back();
    if (stack_.empty()) return true;
    descriptor above(::openat(here_.number(), "..", flags));
    struct stat facts {};
    // Somebody may have moved the folder elsewhere.
    if (!above || ::fstat(above.number(), &facts) != 0 || facts.st_ino != stack_.back().inode ||
        facts.st_dev != stack_.back().device)
      return false;
    std::swap(here_, above);
    return true;
  }

  const amount most_;
  descriptor here_;
  std::vector<level> stack_;
  amount found_;
};

usage_watch::usage_watch(std::shared_ptr<const action_folder> folder, const worker_options& options,
                         const input_tree& inputs, const clock& time, std::function<amount()> taken)
    : folder_(std::move(folder)),
      time_(time),
      taken_(taken ? std::move(taken) : [folder = folder_] { return taken_beside(folder->root()); }),
      most_in_stream_(options.max_stream_size),
      most_in_outputs_{std::min(options.max_output_size.bytes, UINT64_MAX / 2)},
      most_entries_(options.max_output_entries) {
  for (const auto& file : inputs.files) inputs_.bytes += static_cast<std::uint64_t>(file.blob.size);
  inputs_.entries = inputs.files.size() + inputs.folders.size() + inputs.symlinks.size();
  found_ = inputs_;
  taken_before_ = taken_();
  walked_ = time_.now();
}

std::optional<error> usage_watch::look() {
  if (auto over = look_at_streams()) return over;
  auto taken = taken_();
  if (!must_walk(taken)) return std::nullopt;
  auto begun = time_.now();
  const amount most{inputs_.bytes + most_in_outputs_.bytes, inputs_.entries + most_entries_};
  found_ = walk(folder_->root(), most).run();
  taken_before_ = taken;
  walked_ = time_.now();
  walk_took_ = walked_ - begun;
  if (found_.bytes > most.bytes)
    return owned_by(fault_owner::action,
                    {errc::failed_precondition,
                     fmt::format("the action wrote more than {} into its folder, and was stopped",
                                 to_string(most_in_outputs_))});
  if (found_.entries > most.entries)
    return owned_by(fault_owner::action,
                    {errc::failed_precondition,
                     fmt::format("the action made more than {} files, folders and links, and was stopped",
                                 most_entries_)});
  return std::nullopt;
}

std::optional<error> usage_watch::look_at_streams() const {
  if (is_longer(folder_->out(), most_in_stream_)) return too_much_in_stream("output", most_in_stream_);
  if (is_longer(folder_->err(), most_in_stream_)) return too_much_in_stream("error", most_in_stream_);
  return std::nullopt;
}

bool usage_watch::must_walk(const amount& taken) const {
  auto grown = [](std::uint64_t now, std::uint64_t before) { return now > before ? now - before : 0; };
  auto bytes = found_.bytes + grown(taken.bytes, taken_before_.bytes);
  auto entries = found_.entries + grown(taken.entries, taken_before_.entries);
  if (bytes > inputs_.bytes + most_in_outputs_.bytes || entries > inputs_.entries + most_entries_)
    return true;
  return time_.now() - walked_ >= std::max<duration>(between_walks, walk_took_ * walk_share);
}

}  // namespace kiln
