#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "actors/services/action_cache.hpp"

namespace kiln {

/// Finds one action's result and makes sure that all it refers to is there: output files, trees with
/// everything in them, directories named by their root, stdout and stderr. What is found is touched, so that
/// it outlives the client's next questions. Lives in the action cache's actor, held by the answers it waits
/// for.
class result_lookup : public std::enable_shared_from_this<result_lookup> {
public:
  struct found {
    bytes result;  ///< serialised, as it was stored
    build::bazel::remote::execution::v2::ActionResult parsed;
  };
  using outcome = std::function<void(expected<found>)>;

  /// `options` belongs to the actor's state, as does what `then` refers to.
  result_lookup(action_cache_service::pointer self, const action_cache_options& options,
                const find_result& wanted, outcome then);
  /// Calls `then` once: NOT_FOUND where there is no result, or none that is whole.
  void start();

private:
  // A wait for bytes that another thread may bring: it comes back to the actor as a message.
  void collect_blob(const store_actor& from, const digest& name, std::size_t limit,
                    std::function<void(expected<bytes>)> then);
  void take_record(expected<bytes> record);
  void drop_record(const error& why);
  expected<void> note_outputs();
  expected<void> note(const build::bazel::remote::execution::v2::Digest& name);
  expected<void> note_files(const build::bazel::remote::execution::v2::Directory& directory);
  void read_next_tree();
  expected<void> take_tree(const bytes& content);
  void read_directories();
  expected<void> take_directories(const blob_batch& level);
  void ask_missing();

  const action_cache_service::pointer self_;
  const action_cache_options& options_;
  const digest action_;
  const digest_function function_;
  const digest key_;
  const outcome then_;

  found found_;
  std::vector<digest> needed_;       ///< everything that must be present
  std::vector<digest> trees_;        ///< Trees still to be read
  std::vector<digest> directories_;  ///< the level of Directories to be read next
  std::set<digest> seen_;            ///< Directories that were read or will be
};

}  // namespace kiln
