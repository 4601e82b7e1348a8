#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/base/clock.hpp"

namespace kiln {

/// An action's end when it has written more than `most` to the standard stream of that name.
error too_much_in_stream(std::string_view name, const byte_size& most);
/// The same for a file, beyond which the system lets it write nothing.
error too_much_in_file(const byte_size& most);

/// Checks how much an action has written while it runs. Otherwise it could fill the disk, and the cache
/// beside it would evict blobs to make space.
///
/// Its folder is only walked when it can have reached its limit: when the whole file system has grown by what
/// was left to it, or a while after the last walk, and never so often that walking takes more than a fiftieth
/// of the time. What an action has put elsewhere is not seen.
class usage_watch {
public:
  struct amount {
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
  };
  /// `inputs` lie in the folder from the beginning; null: none do. `taken` says what is taken of the whole
  /// file system; by default that of the folder is asked. `within`: what of the folder is the action's; null:
  /// all.
  usage_watch(std::shared_ptr<const action_folder> folder, const worker_options& options,
              const input_tree* inputs, const clock& time, std::function<amount()> taken = nullptr,
              std::shared_ptr<const descriptor> within = nullptr);

  /// What is over its limit, as the action's end. Blocks; one at a time.
  std::optional<error> look();

private:
  class walk;

  std::optional<error> look_at_streams() const;
  bool must_walk(const amount& taken) const;

  const std::shared_ptr<const action_folder> folder_;
  const std::shared_ptr<const descriptor> within_;
  const clock& time_;
  const std::function<amount()> taken_;
  const byte_size max_in_stream_;
  const byte_size max_in_outputs_;
  const std::uint32_t max_entries_;
  amount inputs_;
  amount found_;         ///< by the last walk
  amount taken_before_;  ///< of the whole file system, before it
  steady_time walked_{};
  duration walk_took_{0};
};

}  // namespace kiln
