#include "actors/worker/sandbox/control_groups.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "core/base/cgroups.hpp"
#include "core/config/units.hpp"

namespace kiln {
namespace {

constexpr std::uint64_t period_us = 100'000;
/// In a group beside an action's own: the launcher, the supervisor and the first process of its sandbox, and
/// those of the spare one.
constexpr std::uint64_t of_the_launchers = 5;
constexpr const char* unlimited_v1 = "-1";
constexpr const char* unlimited_v2 = "max";

failure group_fault(const disk_error& why, const std::string& doing) {
  return failure(fault_of(purpose::own_folder, why.number, doing));
}

/// The number behind a word at the start of a line.
std::uint64_t number_of(const std::string& text, std::string_view word) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(word) || line.size() <= word.size() || line[word.size()] != ' ') continue;
    std::uint64_t number = 0;
    std::from_chars(line.data() + word.size() + 1, line.data() + line.size(), number);
    return number;
  }
  return 0;
}

}  // namespace

bool control_groups::hierarchy::has(std::string_view controller) const {
  std::istringstream all(controllers);
  for (std::string one; std::getline(all, one, ',');)
    if (one == controller) return true;
  return false;
}

control_group::~control_group() {
  if (home_) home_->give_back({where_.number, std::move(folders_), limits_});
}

control_group::counts control_group::read_counts() const {
  counts seen;
  for (std::size_t i = 0; i < folders_.size(); ++i) {
    const auto& in = home_->hierarchies_[i];
    if (in.has("memory"))
      seen.out_of_memory = number_of(
          home_->read(folders_[i] + (in.unified ? "/memory.events" : "/memory.oom_control")), "oom_kill");
    if (in.has("pids")) seen.refused_processes = number_of(home_->read(folders_[i] + "/pids.events"), "max");
  }
  return seen;
}

std::optional<std::string> control_group::met() const {
  const auto now = read_counts();
  if (limits_.memory > 0 && now.out_of_memory > before_.out_of_memory)
    return fmt::format("the {} of memory that it may have (sandbox.memory, or memory of its platform)",
                       to_string(byte_size{limits_.memory}));
  if (limits_.processes > 0 && now.refused_processes > before_.refused_processes)
    return fmt::format("the {} processes that it may have (sandbox.processes)", limits_.processes);
  return std::nullopt;
}

expected<std::shared_ptr<control_groups>> control_groups::open(disk& on, const std::string& process,
                                                               const std::string& name, bool cpus) {
  std::shared_ptr<control_groups> made(new control_groups(on));
  const auto groups = made->read(process + "/cgroup"), mounts = made->read(process + "/mountinfo");
  for (const auto& seen : find_own_cgroups(groups, mounts)) {
    if (!seen.below) continue;
    hierarchy one{seen.mount + *seen.below, "", seen.version == cgroup_version::two};
    const auto listed = one.unified ? made->read(one.base + "/cgroup.controllers") : std::string();
    for (const char* wanted : {"memory", "pids", "cpu"}) {
      std::istringstream words(listed);
      bool there =
          std::find(seen.controllers.begin(), seen.controllers.end(), wanted) != seen.controllers.end();
      for (std::string word; !there && words >> word;) there = word == wanted;
      if (wanted == std::string_view("cpu")) there = there && cpus;
      // A hierarchy may be mounted at several places.
      const auto is_there = [&](const hierarchy& other) { return other.has(wanted); };
      there = there && std::none_of(made->hierarchies_.begin(), made->hierarchies_.end(), is_there);
      if (there) one.controllers += (one.controllers.empty() ? "" : ",") + std::string(wanted);
    }
    if (one.controllers.empty()) continue;
    made->kind_ +=
        (made->kind_.empty() ? "" : ", ") + std::string(one.unified ? "v2 " : "v1 ") + one.controllers;
    made->hierarchies_.push_back(std::move(one));
  }
  for (const char* needed : {"memory", "pids"})
    if (std::none_of(made->hierarchies_.begin(), made->hierarchies_.end(),
                     [&](const hierarchy& one) { return one.has(needed); }))
      return fail(errc::failed_precondition, "there is no control group of {} that is ours", needed);
  if (auto ready = made->prepare(name); !ready) return failure(std::move(ready).error());
  return made;
}

expected<void> control_groups::prepare(const std::string& name) {
  for (auto& one : hierarchies_) {
    if (one.unified)
      if (auto given = delegate(one); !given) return given;
    const auto ours = one.base + "/" + name;
    auto made = on_.make_folder(descriptor(), ours.c_str(), 0755);
    if (!made && made.error().number != EEXIST)
      return group_fault(made.error(), "making the control group " + ours);
    one.base = ours;
    auto opened = on_.open_folder(ours);
    if (!opened) return group_fault(opened.error(), "opening the control group " + ours);
    // Of an earlier worker; what a process is still in stays.
    std::vector<std::string> left;
    (void)on_.list(*opened, [&](std::string_view entry, file_kind kind) {
      if (kind == file_kind::folder) left.emplace_back(entry);
      return true;
    });
    for (const auto& old : left) (void)on_.remove_folder(descriptor(), (ours + "/" + old).c_str());
    if (one.unified)
      if (auto given = delegate(one); !given) return given;
  }
  return {};
}

/// In version 2 a group with processes of its own gives nothing to groups in it: so we go into one as well.
expected<void> control_groups::delegate(const hierarchy& to) {
  std::string all;
  std::istringstream words(to.controllers);
  for (std::string one; std::getline(words, one, ',');) all += (all.empty() ? "+" : " +") + one;
  const auto door = to.base + "/cgroup.subtree_control";
  auto given = write(door, all);
  if (given) return given;
  const auto own = to.base + "/kiln-server";
  auto made = on_.make_folder(descriptor(), own.c_str(), 0755);
  if (!made && made.error().number != EEXIST) return given;
  if (!write(own + "/cgroup.procs", "0")) return given;
  return write(door, all);
}

control_groups::~control_groups() {
  for (const auto& one : spare_)
    for (const auto& folder : one.folders) (void)on_.remove_folder(descriptor(), folder.c_str());
  for (const auto& one : hierarchies_) (void)on_.remove_folder(descriptor(), one.base.c_str());
}

expected<std::unique_ptr<control_group>> control_groups::take(const group_limits& limits) {
  std::unique_ptr<control_group> group(new control_group);
  if (std::lock_guard lock(mutex_); !spare_.empty()) {
    group->folders_ = std::move(spare_.back().folders);
    group->where_.number = spare_.back().number;
    group->limits_ = spare_.back().limits;
    spare_.pop_back();
  } else {
    group->where_.number = ++made_;
  }
  const bool fresh = group->folders_.empty();
  const bool as_it_was = !fresh && group->limits_ == limits;
  // What is set half-way is set anew by the next.
  group->limits_.memory = UINT64_MAX;
  group->home_ = shared_from_this();
  for (std::size_t i = 0; i < hierarchies_.size(); ++i) {
    const auto& in = hierarchies_[i];
    if (fresh) {
      auto folder = in.base + "/" + std::to_string(group->where_.number);
      if (auto made = on_.make_folder(descriptor(), folder.c_str(), 0755);
          !made && made.error().number != EEXIST)
        return group_fault(made.error(), "making the control group " + folder);
      group->folders_.push_back(std::move(folder));
    }
    if (!as_it_was)
      if (auto limited = limit(in, group->folders_[i], limits); !limited)
        return failure(std::move(limited).error());
    group->where_.doors.push_back(group->folders_[i] + "/cgroup.procs");
  }
  group->limits_ = limits;
  group->before_ = group->read_counts();
  return group;
}

expected<void> control_groups::limit(const hierarchy& in, const std::string& folder, const group_limits& to) {
  auto set = [&](const char* file, std::uint64_t value, bool must = true) -> expected<void> {
    const auto* none =
        in.unified || std::string_view(file).starts_with("/pids") ? unlimited_v2 : unlimited_v1;
    auto written = write(folder + file, value == 0 ? none : std::to_string(value));
    return must ? written : expected<void>();
  };
  expected<void> done;
  if (in.has("pids")) done = set("/pids.max", to.processes == 0 ? 0 : to.processes + of_the_launchers);
  if (done && in.has("memory") && in.unified) {
    done = set("/memory.max", to.memory);
    if (done && to.memory > 0) (void)write(folder + "/memory.swap.max", "0");
  } else if (done && in.has("memory")) {
    // Both together are never less than the one.
    (void)set("/memory.memsw.limit_in_bytes", 0, false);
    done = set("/memory.limit_in_bytes", to.memory);
    if (done) (void)set("/memory.memsw.limit_in_bytes", to.memory, false);
  }
  if (done && in.has("cpu") && in.unified)
    done = write(
        folder + "/cpu.max",
        fmt::format("{} {}", to.cpus == 0 ? std::string(unlimited_v2) : std::to_string(to.cpus * period_us),
                    period_us));
  else if (done && in.has("cpu"))
    done = set("/cpu.cfs_quota_us", to.cpus * period_us, to.cpus > 0);
  return done;
}

expected<void> control_groups::write(const std::string& path, const std::string& text) {
  auto file = on_.open(descriptor(), path.c_str(), O_WRONLY);
  if (!file) return group_fault(file.error(), "opening " + path);
  if (auto written = write_all(on_, *file, text, 0); !written)
    return group_fault(written.error(), fmt::format("writing {} to {}", text, path));
  return {};
}

std::string control_groups::read(const std::string& path) const {
  std::string content;
  auto file = on_.open(descriptor(), path.c_str(), O_RDONLY);
  if (!file) return content;
  for (;;) {
    char piece[4096];
    auto size = on_.read(*file, piece, content.size());
    if (!size || *size == 0) return content;
    content.append(piece, *size);
  }
}

void control_groups::give_back(spare_group one) {
  if (one.folders.size() != hierarchies_.size()) {  // it was not made whole
    for (const auto& folder : one.folders) (void)on_.remove_folder(descriptor(), folder.c_str());
    return;
  }
  std::lock_guard lock(mutex_);
  spare_.push_back(std::move(one));
}

}  // namespace kiln
