#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "plugins/stores/filesystem/files/temp_file.hpp"

namespace kiln::filesystem {

/// Gives blobs their names and takes them away, one group after the other, in the order in which the actor
/// asked for it: so nobody ever removes what somebody else just published.
///
/// Writers that wait while a group is at work form the next one, and a group costs few syncs however many are
/// in it: the bytes of all of them first, then the names, then the folders of the names. A blob that is
/// reported as published is durable, unless the store is relaxed; what is lent is a copy and never synced.
/// An exception fails the order that threw it, or all orders of the same sync.
class name_lane : public std::enable_shared_from_this<name_lane> {
public:
  using done = std::function<void(disk_result<void>)>;
  struct order {
    std::optional<digest> blob;  ///< nothing: only the turn in the lane is wanted
    blob_tree tree = blob_tree::content;
    std::shared_ptr<temp_file> file;  ///< to be published; null: the name is to be removed
    done then;                        ///< runs in the actor; null if nobody wants to hear of it
    bool replaces = false;            ///< what has the name could not be read
  };
  struct outcome {
    done then;
    disk_result<void> result;
  };
  /// What came of those of a group that somebody wants to hear of, in their order: called on a thread pool
  /// thread.
  using report = std::function<void(std::vector<outcome>)>;

  name_lane(engine_ptr with, report tell) : deps_(std::move(with)), tell_(std::move(tell)) {}

  /// For the actor alone. An error means that none of them was taken.
  expected<void> submit(std::vector<order> orders);

private:
  struct group;
  void work();
  void work_on(std::vector<order> taken);

  const engine_ptr deps_;
  const report tell_;
  std::mutex mutex_;
  std::vector<order> waiting_;
  bool working_ = false;
};

}  // namespace kiln::filesystem
