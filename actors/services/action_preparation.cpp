#include "actors/services/action_preparation.hpp"

#include <caf/typed_event_based_actor.hpp>

#include "core/wire/status.hpp"

namespace kiln {
namespace {

/// Digests in one question: enough to be cheap, not so many that the store keeps others waiting.
constexpr std::size_t find_batch = 4096;

constexpr std::string_view request_metadata = "build.bazel.remote.execution.v2.requestmetadata-bin";
constexpr std::size_t longest_metadata = 16 << 10;

}  // namespace

action_preparation::action_preparation(execution_actor::pointer self, const execution_peers& peers,
                                       const execution_options& options, input_memory& memory,
                                       call_ptr client, execute_request request, outcome then)
    : self_(self),
      peers_(peers),
      options_(options),
      memory_(memory),
      client_(std::move(client)),
      request_(std::move(request)),
      then_(std::move(then)) {}

template <class Answer, class Handle, class Order, class Next>
void action_preparation::ask(const Handle& whom, Order order, Next next) {
  self_->request(whom, caf::infinite, std::move(order))
      .then(
          [me = shared_from_this(), next](Answer& answer) {
            if (!me->client_->cancelled()) next(std::move(answer));
          },
          [me = shared_from_this()](const caf::error& fault) {
            if (!me->client_->cancelled()) me->refuse(from_caf(fault));
          });
}

void action_preparation::start() {
  // Both questions at once: an action that may not be cached is rare.
  unanswered_ = 1;
  bool look_up = peers_.results && !request_.skip_cache_lookup;
  if (look_up) {
    ++unanswered_;
    self_->request(peers_.results, caf::infinite, find_result{request_.instance, request_.action})
        .then(
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
  ask<blob_batch>(peers_.content, read_blobs{{request_.action}}, [this](blob_batch batch) {
    if (batch.results.size() == 1) action_blob_ = std::move(batch.results.front());
    answered();
  });
}

void action_preparation::answered() {
  if (--unanswered_ > 0 || client_->cancelled()) return;
  judge();
}

void action_preparation::judge() {
  bool is_there = action_blob_.has_value();
  if (is_there) {
    auto action = parse_action(*action_blob_, request_.action.function);
    if (!action) return refuse(action.error().in_context("action " + request_.action.to_string()));
    action_ = std::move(*action);
  }
  if (cached_ && !action_.do_not_cache) return then_(prepared{std::move(*cached_), {}});
  if (!is_there) {
    if (action_blob_.error().code() != errc::not_found) return refuse(action_blob_.error());
    missing_.push_back(request_.action);
    return refuse_missing();
  }
  if (auto fine = check_action(); !fine) return refuse(fine.error());
  read_command();
}

expected<void> action_preparation::check_action() {
  if (action_.timeout > options_.max_timeout)
    return fail(errc::invalid_argument,
                "the action's timeout of {} s is longer than the {} s that are allowed",
                std::chrono::duration_cast<std::chrono::seconds>(action_.timeout).count(),
                std::chrono::duration_cast<std::chrono::seconds>(options_.max_timeout).count());
  return {};
}

void action_preparation::read_command() {
  ask<blob_batch>(peers_.content, read_blobs{{action_.command}}, [this](blob_batch batch) {
    if (batch.results.size() != 1)
      return refuse(error(errc::internal, "the store answered with another batch"));
    auto& blob = batch.results.front();
    if (!blob) {
      if (blob.error().code() != errc::not_found)
        return refuse(blob.error().in_context("reading the command"));
      missing_.push_back(action_.command);
    } else {
      auto command = parse_command(*blob);
      if (!command) return refuse(command.error());
      command_ = std::move(*command);
      command_blob_ = std::move(*blob);
    }
    if (auto* known = memory_.find(action_.input_root)) {
      inputs_ = *known;
      // The directories as well: nobody has read them this time.
      to_find_ = inputs_->directories;
      to_find_.insert(to_find_.end(), inputs_->files.begin(), inputs_->files.end());
      return ask_missing(0);
    }
    walk_.emplace(action_.input_root);
    walk();
  });
}

void action_preparation::walk() {
  auto next = walk_->next();
  if (!next) return refuse(next.error());
  if (!next->empty()) {
    auto asked = *next;
    ask<blob_batch>(peers_.content, read_blobs{std::move(*next)},
                    [this, asked = std::move(asked)](const blob_batch& batch) { take_batch(asked, batch); });
    return;
  }
  bool whole = walk_->missing().empty();
  missing_.insert(missing_.end(), walk_->missing().begin(), walk_->missing().end());
  inputs_ = walk_->finish();
  walk_.reset();
  // One that does not fit is walked again next time.
  if (whole && inputs_->weight() > 1) (void)memory_.insert(action_.input_root, inputs_, inputs_->weight());
  to_find_ = inputs_->files;
  ask_missing(0);
}

void action_preparation::take_batch(const std::vector<digest>& asked, const blob_batch& batch) {
  if (batch.results.size() != asked.size())
    return refuse(error(errc::internal, "the store answered with another batch"));
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (auto taken = walk_->take(asked[i], batch.results[i]); !taken) return refuse(taken.error());
  walk();
}

void action_preparation::ask_missing(std::size_t from) {
  if (from >= to_find_.size()) return conclude();
  auto until = std::min(to_find_.size(), from + find_batch);
  find_missing order;
  order.blobs.assign(to_find_.begin() + static_cast<std::ptrdiff_t>(from),
                     to_find_.begin() + static_cast<std::ptrdiff_t>(until));
  ask<missing_blobs>(peers_.content, std::move(order), [this, until](const missing_blobs& answer) {
    missing_.insert(missing_.end(), answer.blobs.begin(), answer.blobs.end());
    ask_missing(until);
  });
}

void action_preparation::refuse_missing() {
  auto fault =
      error(errc::failed_precondition, fmt::format("{} blobs of action {} are missing, the first is {}",
                                                   missing_.size(), request_.action, missing_.front()));
  refuse(std::move(fault.add_detail(missing_blobs_detail(missing_))));
}

void action_preparation::conclude() {
  if (!missing_.empty()) return refuse_missing();
  if (!command_.working_directory.empty() &&
      !inputs_->has_directory(action_.input_root, command_.working_directory))
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
  spec.timeout = action_.timeout > duration::zero() ? action_.timeout : options_.default_timeout;
  spec.do_not_cache = action_.do_not_cache;
  // Clients may send what they like here; nobody fails for it.
  if (auto metadata = client_->info().value_of(request_metadata); metadata.size() <= longest_metadata)
    spec.request_metadata = metadata;
  then_(std::move(result));
}

}  // namespace kiln
