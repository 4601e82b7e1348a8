#include "actors/worker/folders/work_root.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr std::size_t max_spare = 64;  // emptied action folders, of five open files each

failure folder_fault(const disk_error& why, const std::string& doing) {
  return failure(fault_of(purpose::own_folder, why.number, doing));
}

expected<descriptor> keep_folder(disk& on, const descriptor& in, const std::string& name, unsigned mode) {
  auto made = on.make_folder(in, name.c_str(), mode);
  if (!made && made.error().number != EEXIST) return folder_fault(made.error(), "making folder " + name);
  auto opened = on.open_beneath(in, name, O_RDONLY | O_DIRECTORY, follow::none);
  if (!opened) return folder_fault(opened.error(), "opening folder " + name);
  return std::move(*opened);
}

}  // namespace

action_folder::action_folder(std::shared_ptr<work_root> home, action_place place, bool stays)
    : home_(std::move(home)), place_(std::move(place)), removed_(stays) {}

action_folder::~action_folder() {
  view_.reset();
  if (!removed_) home_->remove_place_later(place_.name, place_.user);
}

disk& action_folder::on() const noexcept {
  return home_->on();
}

expected<void> action_folder::lie_over(std::shared_ptr<const void> layers, bool else_where) {
  layers_ = std::move(layers);
  return else_where ? expected<void>() : prepare_for_union(home_->on(), place_);
}

expected<void> action_folder::remove() {
  view_.reset();
  auto gone = home_->remove_place(place_.name, place_.user);
  if (gone) removed_ = true;
  return gone;
}

expected<void> action_folder::hand_back() {
  view_.reset();
  if (!empty_action_place(home_->on(), place_) || !home_->keep_spare(place_)) return remove();
  removed_ = true;
  return {};
}

work_root::work_root(disk& on, std::string path, std::shared_ptr<thread_pool> pool, logger* log)
    : on_(on), path_(std::move(path)), pool_(std::move(pool)), log_(log) {}

work_root::~work_root() {
  for (const auto& place : spare_) (void)remove_place(place.name, place.user);  // else the next start does it
}

expected<std::shared_ptr<work_root>> work_root::open(disk& on, const std::string& path,
                                                     std::shared_ptr<thread_pool> pool, logger* log) {
  auto absolute = absolute_path(path);
  if (auto there = kiln::make_folders(on, absolute, 0777); !there)
    return folder_fault(there.error(), "making the work folder " + path);
  std::shared_ptr<work_root> made(new work_root(on, absolute, std::move(pool), log));
  if (auto ours = made->take_over(); !ours) return with_context(ours.error(), "work folder {}", path);
  return made;
}

expected<void> work_root::take_over() {
  auto folder = on_.open_folder(path_);
  if (!folder) return fail(folder.error().in_words("opening folder " + path_));
  folder_ = std::move(*folder);
  auto lock = on_.open_beneath(folder_, "lock", O_RDWR | O_CREAT, follow::none, 0600);
  if (!lock) return folder_fault(lock.error(), "opening the lock file");
  lock_ = std::move(*lock);
  if (!on_.lock(lock_)) return fail(errc::failed_precondition, "another worker works there");

  // All at once, before the removal begins: it must not meet what comes later.
  for (const char* name : {"actions", "blobs"})
    if (auto aside = set_aside(name); !aside) return aside;
  remove_later("old");
  // Private: what actions read and write is nobody else's business.
  auto actions = keep_folder(on_, folder_, "actions", 0700);
  if (!actions) return failure(std::move(actions).error());
  actions_ = std::move(*actions);
  auto blobs = keep_folder(on_, folder_, "blobs", 0700);
  if (!blobs) return failure(std::move(blobs).error());
  blobs_ = std::move(*blobs);
  return {};
}

expected<void> work_root::set_aside(const std::string& name) {
  auto old = keep_folder(on_, folder_, "old", 0700);
  if (!old) return failure(std::move(old).error());
  for (;;) {
    std::string there = std::to_string(next_++);
    auto moved = on_.rename(folder_, name.c_str(), *old, there.c_str(), RENAME_NOREPLACE);
    if (moved || moved.error().number == ENOENT) return {};
    if (moved.error().number != EEXIST)
      return folder_fault(moved.error(), "moving away what was left in " + name);
  }
}

expected<void> work_root::discard(const std::string& name) {
  // What is moved into a folder that is just being removed stays where it was.
  while (on_.facts(folder_, name.c_str()))
    if (auto aside = set_aside(name); !aside) return aside;
  remove_later("old");
  return {};
}

void work_root::do_later(const std::string& name, std::function<expected<void>(work_root&)> remove) {
  auto work = [self = shared_from_this(), name, remove = std::move(remove)] {
    if (auto gone = remove(*self); !gone && self->log_)
      self->log_->error("a folder of an action could not be removed",
                        {{"folder", self->path_ + "/" + name}, {"error", gone.error().to_string()}});
  };
  if (auto posted = pool_->post(std::move(work)); !posted && log_)
    log_->warn("a folder is left until the next start", {{"folder", path_ + "/" + name}});
}

void work_root::remove_later(const std::string& name) {
  do_later(name, [name](work_root& self) { return remove_tree(self.on_, self.folder_, name); });
}

void work_root::remove_place_later(const std::string& name, user_number user) {
  do_later("actions/" + name, [name, user](work_root& self) { return self.remove_place(name, user); });
}

/// What cannot be removed keeps its user, for the next action could do something to it.
expected<void> work_root::remove_place(const std::string& name, user_number user) {
  auto gone = remove_tree(on_, actions_, name);
  if (gone && users_) users_->give_back(user);
  return gone;
}

expected<void> work_root::share_with(std::shared_ptr<action_users> users) {
  // To be passed through, and no more: names in it cannot be listed.
  auto facts = on_.facts(folder_);
  auto done = facts ? on_.set_mode(actions_, 0711) : tl::unexpected(facts.error());
  if (done && (facts->mode & S_IXOTH) == 0) done = on_.set_mode(folder_, facts->mode | S_IXOTH);
  if (!done)
    return fail(done.error().in_words("letting the users of actions through the work folder " + path_));
  users_ = std::move(users);
  return {};
}

bool work_root::keep_spare(action_place& place) {
  std::lock_guard lock(mutex_);
  if (spare_.size() >= max_spare) return false;
  spare_.push_back(std::move(place));
  return true;
}

expected<std::unique_ptr<action_folder>> work_root::make_action_folder() {
  if (std::lock_guard lock(mutex_); !spare_.empty()) {
    auto place = std::move(spare_.back());
    spare_.pop_back();
    return std::make_unique<action_folder>(shared_from_this(), std::move(place));
  }
  auto place = make_place();
  if (!place) return failure(std::move(place).error());
  return std::make_unique<action_folder>(shared_from_this(), std::move(*place));
}

expected<std::unique_ptr<action_folder>> work_root::make_lasting_folder(const descriptor& in,
                                                                        const std::string& name) {
  auto user = take_user();
  if (!user) return failure(std::move(user).error());
  auto place = make_action_place(on_, in, name, *user);
  if (!place) return failure(std::move(place).error());
  return std::make_unique<action_folder>(shared_from_this(), std::move(*place), true);
}

expected<user_number> work_root::take_user() {
  return users_ ? users_->take() : same_user;
}

expected<action_place> work_root::make_place() {
  auto user = take_user();
  if (!user) return failure(std::move(user).error());
  auto name = std::to_string(next_++);
  auto place = make_action_place(on_, actions_, name, *user);
  if (!place) remove_place_later(name, *user);  // what of it was made
  return place;
}

}  // namespace kiln
