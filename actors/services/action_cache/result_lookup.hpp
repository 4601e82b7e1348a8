#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/action_cache/referred_blobs.hpp"

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
    std::vector<digest> blobs;  ///< where they were asked for
  };
  using outcome = std::function<void(expected<found>)>;
  /// Whether nobody waits for it any more.
  using abandoned = std::function<bool()>;

  /// `options` belongs to the actor's state, as does what `then` refers to.
  result_lookup(action_cache_service::pointer self, const action_cache_options& options,
                const find_result& wanted, outcome then, abandoned is_over = {});
  /// Calls `then` once: NOT_FOUND where there is no result, or none that is whole, CANCELLED if it is
  /// abandoned.
  void start();

private:
  // A wait for bytes that another thread may bring: it comes back to the actor as a message.
  void collect_blob(const store_actor& from, const digest& name, std::size_t limit,
                    std::function<void(expected<byte_chain>)> take);
  void take_record(expected<byte_chain> record);
  void take_again(expected<byte_chain> record);
  void parse(byte_chain record);
  void take_parsed(expected<found> parsed);
  void drop_record(const error& why);
  expected<void> note_outputs();
  expected<void> note(const build::bazel::remote::execution::v2::Digest& name);
  expected<void> note_all(const std::vector<digest>& blobs);
  expected<void> note_root(const digest& name);
  void read_next_tree();
  void read_tree(const digest& name);
  void take_tree(const expected<walked_tree>& tree);
  void read_directories();
  void take_directories(merkle_walk::batch asked, blob_batch batch);
  void end_walk();
  void ask_missing(std::size_t from);
  void end(expected<found> outcome);
  void end_with_blobs();
  /// Unless it is abandoned. What it throws ends the lookup.
  template <class Body>
  void step(Body body);

  action_cache_service me() const { return action_cache_service(self_); }
  /// Goes on with `then` here, when there is memory for so many bytes more.
  template <class Then>
  void make_room(std::uint64_t bytes, Then then);
  template <class Work, class Then>
  void work_on(std::size_t size, Work work, Then then) {
    interpret(me(), options_.reading, size, std::move(work),
              [me = shared_from_this(), then = std::move(then)](auto outcome) mutable {
                me->step([&] { then(std::move(outcome)); });
              });
  }

  const action_cache_service::pointer self_;
  const action_cache_options& options_;
  const digest action_;
  const digest_function function_;
  const digest key_;
  const bool with_blobs_;
  const steady_time until_;
  outcome then_;
  const abandoned is_over_;

  found found_;
  std::shared_ptr<work_budget::share> memory_;  ///< once there was something large
  std::vector<digest> needed_;                  ///< everything that must be present
  std::vector<digest> trees_;                   ///< Trees still to be read
  std::shared_ptr<merkle_walk> walk_;           ///< through the Directories that are named by their roots
};

}  // namespace kiln
