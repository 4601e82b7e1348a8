#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/worker/command/action_users.hpp"
#include "actors/worker/folders/action_place.hpp"
#include "core/base/error.hpp"
#include "core/base/thread_pool.hpp"

namespace kiln {

class logger;
class work_root;

/// The private folder of one action: its input root, and beside it what the command writes to its standard
/// streams. Removed with all that is in it when it is dropped, or before, by `remove`.
class action_folder {
public:
  /// One that `stays` is not removed when it is dropped.
  action_folder(std::shared_ptr<work_root> home, action_place place, bool stays = false);
  ~action_folder();
  action_folder(const action_folder&) = delete;
  action_folder& operator=(const action_folder&) = delete;

  disk& on() const noexcept;                                       ///< where it is
  const descriptor& root() const noexcept { return place_.root; }  ///< what the action sees as its input root
  const descriptor& out() const noexcept { return place_.out; }    ///< open for reading and appending
  const descriptor& err() const noexcept { return place_.err; }
  user_number user() const noexcept { return place_.user; }  ///< whose it is, and who the action is to run as

  /// Blocks. The root is to be the top of a union, unless something `else_where` is; `layers` is held until
  /// nobody can see it any more.
  expected<void> lie_over(std::shared_ptr<const void> layers, bool else_where = false);
  /// How the action saw it.
  void show(std::shared_ptr<const descriptor> view) { view_ = std::move(view); }
  /// What there is to be seen of it: the union, or the root alone.
  const descriptor& seen() const noexcept { return view_ ? *view_ : place_.root; }

  /// Blocks. Afterwards nothing of the action is on the disk.
  expected<void> remove();
  /// The same, and the emptied folder may serve another action. Only for an action whose processes are gone
  /// and whose outputs have been read.
  expected<void> hand_back();

private:
  std::shared_ptr<work_root> home_;
  action_place place_;
  std::shared_ptr<const void> layers_;  ///< below it
  std::shared_ptr<const descriptor> view_;
  bool removed_ = false;
};

/// The folder a worker works in. Belongs to one worker at a time, which is held by a lock; what an earlier
/// one has left there is removed. Any thread.
class work_root : public std::enable_shared_from_this<work_root> {
public:
  /// Makes the folder if need be. Blocks shortly: old things are moved aside and removed by `pool`.
  /// FAILED_PRECONDITION if another process works there.
  static expected<std::shared_ptr<work_root>> open(disk& on, const std::string& path,
                                                   std::shared_ptr<thread_pool> pool, logger* log);

  /// From now on each action folder belongs to one of these users, as long as it is there. Blocks. To be
  /// called before the first is made.
  expected<void> share_with(std::shared_ptr<action_users> users);

  /// Blocks.
  ~work_root();

  disk& on() const noexcept { return on_; }
  const std::string& path() const noexcept { return path_; }
  const descriptor& folder() const noexcept { return folder_; }
  /// For copies of blobs that no store lends.
  std::string blobs_path() const { return path_ + "/blobs"; }
  const descriptor& blobs() const noexcept { return blobs_; }

  /// Blocks.
  expected<std::unique_ptr<action_folder>> make_action_folder();
  /// One that is somewhere else, where there is nothing of this name, and stays. Nobody else has its user as
  /// long as this is here.
  expected<std::unique_ptr<action_folder>> make_lasting_folder(const descriptor& in, const std::string& name);
  /// What lies here under this name is moved aside, and removed by and by. Blocks shortly.
  expected<void> discard(const std::string& name);

private:
  friend class action_folder;
  work_root(disk& on, std::string path, std::shared_ptr<thread_pool> pool, logger* log);
  expected<void> take_over();
  expected<void> set_aside(const std::string& name);
  void do_later(const std::string& name, std::function<expected<void>(work_root&)> remove);
  void remove_later(const std::string& name);
  void remove_place_later(const std::string& name, user_number user);
  expected<void> remove_place(const std::string& name, user_number user);
  expected<user_number> take_user();
  expected<action_place> make_place();
  bool keep_spare(action_place& place);

  disk& on_;
  const std::string path_;
  const std::shared_ptr<thread_pool> pool_;
  logger* const log_;
  descriptor folder_;
  descriptor lock_;
  descriptor actions_;
  descriptor blobs_;
  std::shared_ptr<action_users> users_;  ///< null: all is Kiln's own
  std::atomic<std::uint64_t> next_{1};
  std::mutex mutex_;
  std::vector<action_place> spare_;  ///< emptied; as many as there ever were at once, up to a bound
};

}  // namespace kiln
