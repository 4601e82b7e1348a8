#include "actors/worker/command/usage_watch.hpp"

#include <fcntl.h>

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
// File systems take room ahead of a file that grows, as much as it has at most, and give it back. More than
// that somebody has asked for.
constexpr std::uint64_t least_ahead = std::uint64_t{16} << 20;

bool took_ahead(std::uint64_t taken, std::uint64_t size) noexcept {
  return taken / 2 <= size + least_ahead / 2;
}

/// Of the disk, a hole being nothing.
std::uint64_t room_of(const file_facts& facts) {
  if (facts.kind != file_kind::file) return 0;  // folders are bounded by their number
  auto taken = facts.occupied;
  if (took_ahead(taken, facts.size)) taken = std::min(taken, facts.size);
  // Each name of a file has its share, so that all of them together are the file once.
  return taken / std::max(facts.links, 1U);
}

usage_watch::amount taken_beside(const action_folder& folder) {
  auto room = folder.on().room(folder.root());
  if (!room) return {};
  return {room->used, room->entries};
}

bool is_longer(disk& on, const descriptor& stream, const byte_size& most) {
  auto facts = on.facts(stream);
  return facts && (facts->size > most.bytes || !took_ahead(facts->occupied, most.bytes));
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
  walk(disk& on, const descriptor& root, const amount& most) : on_(on), most_(most) {
    if (auto opened = open(root, "")) here_ = std::move(*opened);
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
      auto below = open(here_, name);
      if (!below) continue;  // gone, or not to be read
      std::swap(here_, *below);
      if (!enter()) std::swap(here_, *below);
    }
    return found_;
  }

private:
  struct level {
    std::uint64_t device;
    std::uint64_t inode;
    std::vector<std::string> folders;  ///< still to be looked into
  };

  disk_result<descriptor> open(const descriptor& folder, const std::string& name) {
    return on_.open_beneath(folder, name, O_RDONLY | O_DIRECTORY, follow::none);
  }

  bool is_over() const { return found_.bytes > most_.bytes || found_.entries > most_.entries; }

  /// Counts what is directly in `here_`.
  bool enter() {
    auto own = on_.facts(here_);
    if (!own || (!stack_.empty() && own->device != stack_.front().device)) return false;
    stack_.push_back({own->device, own->inode, {}});
    auto listed = on_.list(here_, [this](std::string_view name, file_kind) {
      count(std::string(name));
      return !is_over();
    });
    if (!listed && stack_.back().folders.empty()) {
      stack_.pop_back();
      return false;
    }
    return true;
  }

  void count(std::string name) {
    auto facts = on_.facts(here_, name.c_str());
    if (!facts) return;
    ++found_.entries;
    found_.bytes += room_of(*facts);
    if (facts->kind == file_kind::folder) stack_.back().folders.push_back(std::move(name));
  }

  bool leave() {
    stack_.pop_back();
    if (stack_.empty()) return true;
    auto above = on_.open_parent(here_);
    if (!above) return false;
    auto facts = on_.facts(*above);
    // Somebody may have moved the folder elsewhere.
    if (!facts || facts->inode != stack_.back().inode || facts->device != stack_.back().device) return false;
    std::swap(here_, *above);
    return true;
  }

  disk& on_;
  const amount most_;
  descriptor here_;
  std::vector<level> stack_;
  amount found_;
};

usage_watch::usage_watch(std::shared_ptr<const action_folder> folder, const worker_options& options,
                         const input_tree* inputs, const clock& time, std::function<amount()> taken,
                         std::shared_ptr<const descriptor> within)
    : folder_(std::move(folder)),
      within_(within ? std::move(within) : std::shared_ptr<const descriptor>(folder_, &folder_->root())),
      time_(time),
      taken_(taken ? std::move(taken) : [folder = folder_] { return taken_beside(*folder); }),
      max_in_stream_(options.max_stream_size),
      max_in_outputs_{std::min(options.max_output_size.bytes, UINT64_MAX / 2)},
      max_entries_(options.max_output_entries) {
  if (inputs != nullptr) {
    for (const auto& file : inputs->files) inputs_.bytes += static_cast<std::uint64_t>(file.blob.size);
    inputs_.entries = inputs->files.size() + inputs->folders.size() + inputs->symlinks.size();
  }
  found_ = inputs_;
  taken_before_ = taken_();
  walked_ = time_.now();
}

std::optional<error> usage_watch::look() {
  if (auto over = look_at_streams()) return over;
  auto taken = taken_();
  if (!must_walk(taken)) return std::nullopt;
  auto begun = time_.now();
  const amount most{inputs_.bytes + max_in_outputs_.bytes, inputs_.entries + max_entries_};
  found_ = walk(folder_->on(), *within_, most).run();
  taken_before_ = taken;
  walked_ = time_.now();
  walk_took_ = walked_ - begun;
  if (found_.bytes > most.bytes)
    return owned_by(fault_owner::action,
                    {errc::failed_precondition,
                     fmt::format("the action wrote more than {} into its folder, and was stopped",
                                 to_string(max_in_outputs_))});
  if (found_.entries > most.entries)
    return owned_by(fault_owner::action,
                    {errc::failed_precondition,
                     fmt::format("the action made more than {} files, folders and links, and was stopped",
                                 max_entries_)});
  return std::nullopt;
}

std::optional<error> usage_watch::look_at_streams() const {
  if (is_longer(folder_->on(), folder_->out(), max_in_stream_))
    return too_much_in_stream("output", max_in_stream_);
  if (is_longer(folder_->on(), folder_->err(), max_in_stream_))
    return too_much_in_stream("error", max_in_stream_);
  return std::nullopt;
}

bool usage_watch::must_walk(const amount& taken) const {
  auto grown = [](std::uint64_t now, std::uint64_t before) { return now > before ? now - before : 0; };
  auto bytes = found_.bytes + grown(taken.bytes, taken_before_.bytes);
  auto entries = found_.entries + grown(taken.entries, taken_before_.entries);
  if (bytes > inputs_.bytes + max_in_outputs_.bytes || entries > inputs_.entries + max_entries_) return true;
  return time_.now() - walked_ >= std::max<duration>(between_walks, walk_took_ * walk_share);
}

}  // namespace kiln
