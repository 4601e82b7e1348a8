#include "actors/worker/work_root.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "actors/worker/warden_image.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

expected<descriptor> make_folder(const descriptor& in, const std::string& name, unsigned mode) {
  if (::mkdirat(in.number(), name.c_str(), mode) != 0 && errno != EEXIST)
    return fail(system_error(errno, "making folder " + name));
  descriptor made = open_beneath(in, name, O_RDONLY | O_DIRECTORY, follow::none);
  if (!made) return fail(system_error(errno, "opening folder " + name));
  return made;
}

expected<descriptor> make_stream(const descriptor& in, const char* name) {
  descriptor made = open_beneath(in, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL, follow::none, 0600);
  if (!made) return fail(system_error(errno, "making a file for a standard stream"));
  return made;
}

expected<void> write_warden(const descriptor& in) {
  if (auto gone = remove_tree(in, "warden"); !gone) return gone;
  descriptor file = open_beneath(in, "warden", O_WRONLY | O_CREAT | O_EXCL, follow::none, 0700);
  if (!file) return fail(system_error(errno, "making the warden's file"));
  return write_all(file, warden_image());
}

}  // namespace

action_folder::action_folder(std::shared_ptr<work_root> home, std::string name, descriptor root,
                             descriptor out, descriptor err)
    : home_(std::move(home)),
      name_(std::move(name)),
      root_(std::move(root)),
      out_(std::move(out)),
      err_(std::move(err)) {}

action_folder::~action_folder() {
  if (!removed_) home_->remove_later("actions/" + name_);
}

expected<void> action_folder::remove() {
  auto gone = home_->remove_action(name_);
  if (gone) removed_ = true;
  return gone;
}

work_root::work_root(std::string path, std::shared_ptr<crew> hands, logger* log)
    : path_(std::move(path)), hands_(std::move(hands)), log_(log) {}

expected<std::shared_ptr<work_root>> work_root::open(const std::string& path, std::shared_ptr<crew> hands,
                                                     logger* log) {
  std::error_code fault;
  std::filesystem::create_directories(path, fault);
  if (fault) return fail(system_error(fault.value(), "making the work folder " + path));
  auto absolute = std::filesystem::absolute(path, fault).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  std::shared_ptr<work_root> made(new work_root(absolute, std::move(hands), log));
  if (auto ours = made->take_over(); !ours) return with_context(ours.error(), "work folder {}", path);
  return made;
}

expected<void> work_root::take_over() {
  auto folder = open_folder(path_);
  if (!folder) return failure(std::move(folder).error());
  folder_ = std::move(*folder);
  lock_ = open_beneath(folder_, "lock", O_RDWR | O_CREAT, follow::none, 0600);
  if (!lock_) return fail(system_error(errno, "opening the lock file"));
  if (::flock(lock_.number(), LOCK_EX | LOCK_NB) != 0)
    return fail(errc::failed_precondition, "another worker works there");

  // All at once, before the removal begins: it must not meet what comes later.
  for (const char* name : {"actions", "blobs"})
    if (auto aside = set_aside(name); !aside) return aside;
  remove_later("old");
  // Private: what actions read and write is nobody else's business.
  auto actions = make_folder(folder_, "actions", 0700);
  if (!actions) return failure(std::move(actions).error());
  actions_ = std::move(*actions);
  auto blobs = make_folder(folder_, "blobs", 0700);
  if (!blobs) return failure(std::move(blobs).error());
  blobs_ = std::move(*blobs);
  return write_warden(folder_);
}

expected<void> work_root::set_aside(const std::string& name) {
  auto old = make_folder(folder_, "old", 0700);
  if (!old) return failure(std::move(old).error());
  for (;;) {
    std::string there = std::to_string(next_++);
    if (::renameat2(folder_.number(), name.c_str(), old->number(), there.c_str(), RENAME_NOREPLACE) == 0)
      break;
    if (errno == ENOENT) break;
    if (errno != EEXIST) return fail(system_error(errno, "moving away what was left in " + name));
  }
  return {};
}

void work_root::remove_later(std::string name) {
  auto work = [self = shared_from_this(), name] {
    auto slash = name.find('/');
    auto gone = slash == std::string::npos ? remove_tree(self->folder_, name)
                                           : self->remove_action(name.substr(slash + 1));
    if (!gone && self->log_)
      self->log_->error("a folder of an action could not be removed",
                        {{"folder", self->path_ + "/" + name}, {"error", gone.error().to_string()}});
  };
  if (auto posted = hands_->post(std::move(work)); !posted && log_)
    log_->warn("a folder is left until the next start", {{"folder", path_ + "/" + name}});
}

expected<void> work_root::remove_action(const std::string& name) {
  return remove_tree(actions_, name);
}

expected<std::unique_ptr<action_folder>> work_root::make_action_folder() {
  std::string name = std::to_string(next_++);
  auto home = make_folder(actions_, name, 0755);
  if (!home) return failure(std::move(home).error());
  auto root = make_folder(*home, "root", 0755);
  if (!root) return failure(std::move(root).error());
  auto out = make_stream(*home, "stdout");
  if (!out) return failure(std::move(out).error());
  auto err = make_stream(*home, "stderr");
  if (!err) return failure(std::move(err).error());
  return std::make_unique<action_folder>(shared_from_this(), std::move(name), std::move(*root),
                                         std::move(*out), std::move(*err));
}

}  // namespace kiln
