#pragma once

#include <memory>
#include <string>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/worker_options.hpp"
#include "actors/worker/worker_resources.hpp"
#include "core/plugin/environment.hpp"

namespace kiln::rehearsal {

/// Where an action runs once: a worker's things in a temporary work folder, and the action's folder, which
/// stays if it has a place of its own. One thread; everything blocks.
class run_place {
public:
  /// `folder` is where the action's folder is to be; empty: in the temporary one. INVALID_ARGUMENT if
  /// something is there.
  static expected<std::unique_ptr<run_place>> open(worker_options options, const environment& env,
                                                   const std::string& folder);
  /// Removes what is temporary.
  ~run_place();
  run_place(const run_place&) = delete;
  run_place& operator=(const run_place&) = delete;

  const worker_resources& worker() const noexcept { return *worker_; }
  bool stays() const noexcept { return !folder_.empty(); }
  expected<void> make_folder();
  /// Once it is made.
  const action_folder& folder() const noexcept { return *action_; }
  /// Of the input root, absolute; empty where it is temporary.
  std::string root_path() const { return stays() ? folder_ + "/root" : std::string(); }

private:
  run_place(disk& on, std::string folder) : on_(on), folder_(std::move(folder)) {}
  expected<void> make_temporary();

  disk& on_;
  const std::string folder_;  ///< absolute, or empty
  descriptor parent_;         ///< of the temporary folder, and of `folder_` if that stays
  std::string parent_path_;
  std::string temporary_;  ///< its name in there
  std::shared_ptr<worker_resources> worker_;
  std::shared_ptr<action_folder> action_;
};

}  // namespace kiln::rehearsal
