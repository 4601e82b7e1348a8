#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/completeness/completeness_index.hpp"
#include "core/completeness/referred_blobs.hpp"
#include "core/completeness/store_asker.hpp"
#include "core/plugin/interpreting.hpp"

namespace kiln {

/// Where results are, and what they refer to.
struct result_stores {
  store_actor results;
  store_actor content;
  interpreting reading;
  bool check_completeness = true;  ///< off: a record is read, and nothing is asked about what it names
};

struct wanted_result {
  digest key;                               ///< in the store of results
  std::optional<digest_function> function;  ///< of the digests in it; none: whichever finds them
  bool with_blobs = false;                  ///< tell all that it refers to, if that was looked for
  order_deadline until = waits_for_ever;

  /// As what it stands in the index.
  digest_function indexed_as() const noexcept { return function.value_or(digest_function::sha256); }
};

enum class result_state : std::uint8_t {
  complete,
  absent,      ///< there is no such record
  incomplete,  ///< it refers to what is gone
  broken,      ///< it refers to what cannot be
  foreign,     ///< there is a record, and it is no result of an action
  unknown,     ///< for some other reason: `why`
};

struct looked_up {
  result_state state = result_state::unknown;
  error why;     ///< unless it is complete
  bytes record;  ///< as it lies in the store; none of a foreign one that is larger than any result
  bytes result;  ///< the ActionResult in it
  std::optional<build::bazel::remote::execution::v2::ActionResult> parsed;  ///< unless it was known already
  std::vector<digest> blobs;                                                ///< where they were asked for
};

/// Finds one action's result and makes sure that all it refers to is there: output files, trees with
/// everything in them, directories named by their root, stdout and stderr. What is found is touched, so that
/// it outlives the client's next questions, and entered in the index. Lives in the actor whose asker it has,
/// held by the answers it waits for.
class result_lookup : public std::enable_shared_from_this<result_lookup> {
public:
  using outcome = std::function<void(looked_up)>;
  /// Whether nobody waits for it any more.
  using abandoned = std::function<bool()>;

  /// `asker`, `stores` and `index` belong to the actor's state, as does what `then` refers to.
  result_lookup(store_asker& asker, const result_stores& stores, completeness_index& index,
                const wanted_result& wanted, outcome then, abandoned is_over = {});
  /// Calls `then` once: unknown, CANCELLED, if it is abandoned.
  void start();
  /// The same in two steps, for who reads many records at once. False if it needs none, and goes on by
  /// itself.
  bool begin();
  void go_on(expected<bytes> record);

private:
  // A wait for bytes that another thread may bring: it comes back to the actor as a message.
  void collect_blob(const store_actor& from, const digest& name, std::size_t limit,
                    std::function<void(expected<byte_chain>)> take);
  void take_record(expected<byte_chain> record);
  void take_again(expected<byte_chain> record);
  void parse(byte_chain record);
  void take_parsed(expected<looked_up> parsed);
  void choose_function();
  void look_with(digest_function function);
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

  void end(result_state state, error why = {});
  void end_without_record(error why);
  void end_incomplete(const digest& blob);
  /// What it refers to is wrong, or could not be looked at.
  void end_broken(const error& why);
  /// A store, or the memory for looking at it.
  void end_failed(error why) { end(result_state::unknown, std::move(why)); }
  /// Unless it is abandoned. What it throws ends the lookup.
  template <class Body>
  void step(Body body);
  /// Goes on with `then` here, when there is memory for so many bytes more.
  template <class Then>
  void make_room(std::uint64_t bytes, Then then);
  template <class Work, class Then>
  void work_on(std::size_t size, Work work, Then then) {
    interpret(asker_.home(), stores_.reading, size, std::move(work),
              [me = shared_from_this(), then = std::move(then)](auto outcome) mutable {
                me->step([&] { then(std::move(outcome)); });
              });
  }

  store_asker& asker_;
  const result_stores& stores_;
  completeness_index& index_;
  const wanted_result wanted_;
  digest_function function_;
  outcome then_;
  const abandoned is_over_;

  looked_up found_;
  completeness_index::ticket ticket_ = 0;
  bool is_known_ = false;                       ///< and only asked about
  std::shared_ptr<work_budget::share> memory_;  ///< once there was something large
  std::vector<digest> needed_;                  ///< everything that must be present
  std::vector<digest> trees_;                   ///< Trees still to be read
  std::shared_ptr<merkle_walk> walk_;           ///< through the Directories that are named by their roots
};

}  // namespace kiln
