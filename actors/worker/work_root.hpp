#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/worker/files.hpp"
#include "core/base/crew.hpp"
#include "core/base/error.hpp"

namespace kiln {

class logger;
class work_root;

/// The private folder of one action: its input root, and beside it what the command writes to its standard
/// streams. Removed with all that is in it when it is dropped, or before, by `remove`.
class action_folder {
public:
  action_folder(std::shared_ptr<work_root> home, std::string name, descriptor root, descriptor out,
                descriptor err);
  ~action_folder();
  action_folder(const action_folder&) = delete;
  action_folder& operator=(const action_folder&) = delete;

  const descriptor& root() const noexcept { return root_; }  ///< what the action sees as its input root
  const descriptor& out() const noexcept { return out_; }    ///< open for reading and appending
  const descriptor& err() const noexcept { return err_; }

  /// Blocks. Afterwards nothing of the action is on the disk.
  expected<void> remove();

private:
  std::shared_ptr<work_root> home_;
  std::string name_;
  descriptor root_;
  descriptor out_;
  descriptor err_;
  bool removed_ = false;
};

/// The folder a worker works in. Belongs to one worker at a time, which is held by a lock; what an earlier
/// one has left there is removed. Any thread.
class work_root : public std::enable_shared_from_this<work_root> {
public:
  /// Makes the folder if need be. Blocks shortly: old things are moved aside and removed by `hands`.
  /// FAILED_PRECONDITION if another process works there.
  static expected<std::shared_ptr<work_root>> open(const std::string& path, std::shared_ptr<crew> hands,
                                                   logger* log);

  const std::string& path() const noexcept { return path_; }
  std::string warden_path() const { return path_ + "/warden"; }
  /// For copies of blobs that no store lends.
  std::string blobs_path() const { return path_ + "/blobs"; }
  const descriptor& blobs() const noexcept { return blobs_; }

  /// Blocks.
  expected<std::unique_ptr<action_folder>> make_action_folder();

private:
  friend class action_folder;
  work_root(std::string path, std::shared_ptr<crew> hands, logger* log);
  expected<void> take_over();
  expected<void> set_aside(const std::string& name);
  void remove_later(std::string name);
  expected<void> remove_action(const std::string& name);

  const std::string path_;
  const std::shared_ptr<crew> hands_;
  logger* const log_;
  descriptor folder_;
  descriptor lock_;
  descriptor actions_;
  descriptor blobs_;
  std::atomic<std::uint64_t> next_{1};
};

}  // namespace kiln
