#include "actors/services/execution/action_preparation.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/contract/on_response.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

/// Digests in one question: enough to be cheap, not so many that the store keeps others waiting.
constexpr std::size_t find_batch = 4096;
/// Missing blobs that a client is told of.
constexpr std::size_t max_told = 1000;
/// What a message takes of memory when it is parsed, in times of its size.
constexpr std::uint64_t parsed_size = 4;

/// Blobs that an input tree may refer to.
constexpr std::size_t max_inputs = 1'000'000;
/// Names that take as much memory as a digest.
constexpr std::size_t names_a_digest = 4;

constexpr walk_words of_inputs{
    .tree = "the input tree",
    .reading = "reading directory {0} of the input tree",
    .undecodable = "blob {0} in the input tree is no directory",
    .directory = "directory {0} of the input tree",
    .file = "a file in directory {0} of the input tree",
    .child = "a directory in directory {0} of the input tree",
    .oversized = "the input tree",
};

walk_rules input_rules() {
  walk_rules rules;
  rules.detail = walk_detail::paths;
  rules.batch_bytes = 8 << 20;
  rules.max_blobs = max_inputs;
  rules.words = of_inputs;
  return rules;
}

error another_batch() {
  return {errc::internal, "the store answered with another batch"};
}

expected<bytes> only_one(blob_batch batch) {
  if (batch.results.size() != 1) return failure(another_batch());
  return std::move(batch.results.front());
}

}  // namespace

action_preparation::action_preparation(execution_actor::pointer self, const execution_peers& peers,
                                       const execution_options& options, const interpreting& reading,
                                       input_memory& memory, execute_request request, abandoned is_over,
                                       outcome then)
    : self_(self),
      peers_(peers),
      options_(options),
      reading_(reading),
      memory_(memory),
      request_(std::move(request)),
      is_over_(std::move(is_over)),
      then_(std::move(then)),
      room_(reading.memory->begin()) {}

template <class Answer, class Handle, class Order, class Next>
void action_preparation::ask(const Handle& whom, Order order, Next next) {
  on_response(
      self_->request(whom, caf::infinite, std::move(order)),
      [me = shared_from_this(), next](Answer& answer) {
        if (me->is_over_()) return me->refuse({errc::cancelled, "nobody waits for the action"});
        next(std::move(answer));
      },
      [me = shared_from_this()](const caf::error& fault) { me->refuse(from_caf(fault)); });
}

template <class Then>
void action_preparation::make_room(std::uint64_t bytes, Then then) {
  with_room(me(), *room_, bytes,
            [me = shared_from_this(), then = std::move(then)]() mutable { me->step(then); });
}

template <class Next>
void action_preparation::read(const digest& blob, Next next) {
  auto size = static_cast<std::uint64_t>(blob.size);
  auto begin = [this, blob, next] {
    ask<blob_batch>(peers_.content, read_blobs{{blob}},
                    [next](blob_batch batch) { next(only_one(std::move(batch))); });
  };
  // What is small is there and gone before anybody could wait for its memory.
  if (size <= parsed_in_place) return begin();
  make_room(size * parsed_size, begin);
}

void action_preparation::start() {
  // Both questions at once: an action that may not be cached is rare.
  unanswered_ = 1;
  bool look_up = peers_.results && !request_.skip_cache_lookup;
  if (look_up) {
    ++unanswered_;
    on_response(
        self_->request(peers_.results, caf::infinite, find_result{request_.instance, request_.action}),
        [me = shared_from_this()](const found_result& found) {
          me->cached_ = found.result;
          me->answered();
        },
        [me = shared_from_this()](const caf::error& fault) {
          // A cache that fails costs an execution, not the request.
          me->cached_ = fail(from_caf(fault));
          me->answered();
        });
  }
  read_action();
}

void action_preparation::read_action() {
  auto size = static_cast<std::uint64_t>(request_.action.size);
  auto begin = [me = shared_from_this()] {
    on_response(
        me->self_->request(me->peers_.content, caf::infinite, read_blobs{{me->request_.action}}),
        [me](blob_batch& batch) {
          me->action_blob_ = only_one(std::move(batch));
          me->answered();
        },
        [me](const caf::error& fault) {
          me->action_blob_ = failure(from_caf(fault));
          me->answered();
        });
  };
  if (size <= parsed_in_place) return begin();
  make_room(size * parsed_size, begin);
}

void action_preparation::answered() {
  if (--unanswered_ > 0) return;
  if (is_over_()) return refuse({errc::cancelled, "nobody waits for the action"});
  if (!action_blob_) {
    if (cached_) return tell(prepared{std::move(*cached_), {}});
    if (action_blob_.error().code() != errc::not_found) return refuse(action_blob_.error());
    note_missing({request_.action});
    return refuse_missing();
  }
  interpret(
      me(), reading_, action_blob_->size(),
      [blob = *action_blob_, function = request_.action.function] { return parse_action(blob, function); },
      [me = shared_from_this()](expected<action_content> action) {
        me->step([&] {
          if (!action)
            return me->refuse(action.error().in_context("action " + me->request_.action.to_string()));
          me->action_ = std::move(*action);
          me->action_blob_ = bytes();
          me->judge();
        });
      });
}

void action_preparation::judge() {
  room_->hold(0);
  if (cached_ && !action_.do_not_cache) return tell(prepared{std::move(*cached_), {}});
  if (auto fine = check_action(); !fine) return refuse(fine.error());
  read_command();
}

expected<void> action_preparation::check_action() {
  if (action_.timeout > options_.max_timeout)
    return fail(errc::invalid_argument,
                "the action's timeout of {} s is longer than the {} s that are allowed "
                "(serve.execution.max_timeout)",
                std::chrono::duration_cast<std::chrono::seconds>(action_.timeout).count(),
                std::chrono::duration_cast<std::chrono::seconds>(options_.max_timeout).count());
  return {};
}

void action_preparation::read_command() {
  read(action_.command, [this](expected<bytes> blob) { take_command(std::move(blob)); });
}

void action_preparation::take_command(expected<bytes> blob) {
  if (!blob) {
    if (blob.error().code() != errc::not_found) return refuse(blob.error().in_context("reading the command"));
    note_missing({action_.command});
    return look_at_inputs();
  }
  // A large one would lie in the queue until its turn comes: the worker reads it for itself.
  if (blob->size() <= parsed_in_place) command_blob_ = *blob;
  interpret(
      me(), reading_, blob->size(), [blob = *blob] { return parse_command(blob); },
      [me = shared_from_this()](expected<command_content> command) {
        me->step([&] {
          if (!command) return me->refuse(command.error());
          me->command_ = std::move(*command);
          me->look_at_inputs();
        });
      });
}

void action_preparation::look_at_inputs() {
  room_->hold(0);
  if (auto* known = memory_.find(action_.input_root)) {
    inputs_ = *known;
    ask_directories_ = true;
    return ask_missing(0);
  }
  walk_ = std::make_shared<merkle_walk>(action_.input_root.function, input_rules());
  if (auto added = walk_->add_root(action_.input_root); !added) return refuse(added.error());
  walk();
}

void action_preparation::walk() {
  room_->hold(walk_->memory());
  auto next = walk_->next_batch();
  if (next.empty()) return end_walk();
  const auto size = static_cast<std::uint64_t>(next.bytes);
  make_room(size * parsed_size, [this, next = std::move(next)]() mutable { read_batch(std::move(next)); });
}

void action_preparation::read_batch(merkle_walk::batch batch) {
  read_blobs order{batch.names};
  ask<blob_batch>(peers_.content, std::move(order), [this, batch = std::move(batch)](blob_batch found) {
    take_batch(batch, std::move(found));
  });
}

void action_preparation::take_batch(merkle_walk::batch asked, blob_batch batch) {
  if (batch.results.size() != asked.names.size()) return refuse(another_batch());
  const auto size = static_cast<std::size_t>(asked.bytes);
  // Nobody else touches the walk meanwhile.
  auto work = [walk = walk_, places = std::move(asked.places), batch = std::move(batch)]() -> expected<void> {
    for (std::size_t i = 0; i < places.size(); ++i)
      if (auto taken = walk->take(places[i], batch.results[i]); !taken) return taken;
    return {};
  };
  interpret(me(), reading_, size, std::move(work), [me = shared_from_this()](const expected<void>& taken) {
    me->step([&] { taken ? me->walk() : me->refuse(taken.error()); });
  });
}

void action_preparation::end_walk() {
  bool whole = walk_->missing().empty();
  note_missing(walk_->missing());
  inputs_ = std::make_shared<const walked_tree>(walk_->finish());
  walk_.reset();
  const auto weight =
      1 + inputs_->directories().size() + inputs_->blobs().size() + inputs_->entries() / names_a_digest;
  // One that does not fit is walked again next time.
  if (whole && weight > 1) (void)memory_.insert(action_.input_root, inputs_, weight);
  ask_missing(0);
}

// First the directories, where nobody has read them, then the files.
void action_preparation::ask_missing(std::size_t from) {
  const auto& directories = inputs_->directories();
  const auto& files = inputs_->blobs();
  const auto count = ask_directories_ ? directories.size() : 0;
  const auto until = std::min(count + files.size(), from + find_batch);
  if (from == until) return conclude();
  find_missing order;
  order.blobs.reserve(until - from);
  for (auto i = from; i < until; ++i) order.blobs.push_back(i < count ? directories[i] : files[i - count]);
  ask<missing_blobs>(peers_.content, std::move(order), [this, until](const missing_blobs& answer) {
    note_missing(answer.blobs);
    ask_missing(until);
  });
}

void action_preparation::note_missing(const std::vector<digest>& some) {
  missing_count_ += some.size();
  for (const auto& blob : some)
    if (missing_.size() < max_told) missing_.push_back(blob);
}

void action_preparation::refuse(error fault) {
  room_.reset();
  tell(failure(std::move(fault)));
}

// What fails when all was told already changes nothing.
void action_preparation::tell(expected<prepared> outcome) {
  if (!std::exchange(told_, true)) then_(std::move(outcome));
}

void action_preparation::refuse_missing() {
  auto fault =
      error(errc::failed_precondition, fmt::format("{} blobs of action {} are missing, the first is {}",
                                                   missing_count_, request_.action, missing_.front()));
  refuse(std::move(fault.add_detail(missing_blobs_detail(missing_))));
}

void action_preparation::conclude() {
  if (missing_count_ > 0) return refuse_missing();
  if (!command_.working_directory.empty() && !inputs_->find(inputs_->root(), command_.working_directory))
    return refuse(
        error(errc::invalid_argument, "the command's working directory is not in the action's input tree"));
  prepared result;
  auto& spec = result.action;
  spec.instance = request_.instance;
  spec.action = request_.action;
  spec.command_digest = action_.command;
  spec.input_root = action_.input_root;
  spec.command = command_blob_;
  spec.platform = action_.has_platform ? action_.platform : command_.platform;
  spec.timeout = action_.timeout > duration::zero()
                     ? action_.timeout
                     : std::min(options_.default_timeout, options_.max_timeout);
  spec.do_not_cache = action_.do_not_cache;
  tell(std::move(result));
}

}  // namespace kiln
