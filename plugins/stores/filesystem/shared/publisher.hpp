#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "plugins/stores/filesystem/files/inspect.hpp"
#include "plugins/stores/filesystem/files/temp_file.hpp"
#include "plugins/stores/filesystem/shared/shared_engine.hpp"

namespace kiln::filesystem {

/// What became of a name.
struct named {
  disk_result<void> done;
  bool was_there = false;    ///< published: another file had the name, and keeps it; removed: there was one
  std::uint64_t weight = 0;  ///< of what was removed
  bool gave_back = false;    ///< the room that was taken for it
};

/// To give a blob its name, or to take it away.
struct name_order {
  digest blob;
  std::shared_ptr<temp_file> file;  ///< to be published; null: the name is to be removed
  usage_file::wish taken;           ///< room for it, which is given back as the blob is counted
  /// Of a removal: only the file with this time of writing, or one that cannot be the blob. Who found a file
  /// damaged must not take away the one that came in its place.
  std::optional<file_stamp> only;
  /// Runs in the actor.
  std::function<void(const named&)> then;
};
struct name_outcome {
  std::function<void(const named&)> then;
  named result;
};

/// Carries out groups of orders. A blob that is reported as published is durable, unless the store is
/// relaxed: the bytes of all are synced first, then the names given, then the folders of the names synced; a
/// group costs few syncs however many are in it. Results replace what has their name. Content does not, if
/// what is there is the blob: it is read to see that, for hard links to it stay good. One thread at a time.
class publisher {
public:
  static disk_result<publisher> open(shared_engine_ptr with);

  std::vector<name_outcome> work(std::vector<name_order> orders) noexcept;

private:
  struct group;
  publisher(shared_engine_ptr with, usage_file usage) : with_(std::move(with)), usage_(std::move(usage)) {}

  named publish(const name_order& what, std::optional<file_stamp> instead_of);
  named publish_over_damage(const name_order& what);
  named remove(const digest& blob, const std::optional<file_stamp>& only);
  named put_aside(const digest& blob, const std::optional<file_stamp>& only, const char* aside);
  disk_result<void> give_name(const name_order& what, unsigned flags);

  shared_engine_ptr with_;
  usage_file usage_;
};

}  // namespace kiln::filesystem
