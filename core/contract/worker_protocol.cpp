#include "core/contract/worker_protocol.hpp"

#include <algorithm>

#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/status.hpp"
#include "core/wire/times.hpp"
#include "kiln/worker/v1/worker.pb.h"

namespace kiln {
namespace {

namespace v1 = worker::v1;
using properties_on_wire = google::protobuf::RepeatedPtrField<v1::Property>;

void write(const platform_properties& from, properties_on_wire* to) {
  for (const auto& [name, value] : from) {
    auto* added = to->Add();
    added->set_name(name);
    added->set_value(value);
  }
}

platform_properties read(const properties_on_wire& from) {
  platform_properties result;
  for (const auto& each : from) result.emplace_back(each.name(), each.value());
  std::sort(result.begin(), result.end());
  return result;
}

void write(duration from, google::protobuf::Duration* to) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(from);
  to->set_seconds(seconds.count());
  to->set_nanos(static_cast<std::int32_t>((from - seconds).count()));
}

struct worker_writer {
  v1::WorkerMessage& to;

  void operator()(const worker_profile& from) const {
    auto* hello = to.mutable_hello();
    hello->set_name(from.name);
    hello->set_slots(static_cast<std::int32_t>(from.slots));
    hello->set_epoch(from.epoch);
    write(from.properties, hello->mutable_properties());
    if (from.max_timeout > duration::zero()) write(from.max_timeout, hello->mutable_max_timeout());
    hello->set_shows_output(from.shows_output);
    for (const auto& [operation, attempt] : from.running) {
      auto* added = hello->add_running();
      added->set_operation(operation);
      added->set_attempt(attempt);
    }
  }
  void operator()(const session_heartbeat& from) const { to.mutable_heartbeat()->set_heard(from.heard); }
  void operator()(const action_started& from) const {
    to.mutable_started()->set_operation(from.operation);
    to.mutable_started()->set_attempt(from.attempt);
  }
  void operator()(const action_finished& from) const {
    auto* finished = to.mutable_finished();
    finished->set_operation(from.operation);
    finished->set_attempt(from.attempt);
    if (!from.outcome.status.ok())
      finished->mutable_status()->ParseFromString(pack_status(from.outcome.status));
    finished->set_action_result(from.outcome.result.data(), from.outcome.result.size());
    finished->set_exit_code(from.outcome.exit_code);
    finished->set_fault(static_cast<v1::Fault>(from.outcome.fault));
  }
  void operator()(const worker_slots& from) const {
    to.mutable_slots()->set_slots(static_cast<std::int32_t>(from.slots));
  }
  void operator()(const worker_leaving&) const { to.mutable_leaving(); }
  void operator()(const proving_worker& from) const {
    (*this)(from.profile);
    to.mutable_hello()->set_proves_cache(true);
  }
  void operator()(const cache_proof& from) const {
    auto* proof = to.mutable_proof();
    if (!from.status.ok()) proof->mutable_status()->ParseFromString(pack_status(from.status));
  }
  void operator()(const output_told& from) const {
    auto* output = to.mutable_output();
    output->set_number(from.number);
    output->set_data(from.piece.data.data(), from.piece.data.size());
    output->set_end(from.piece.end);
    if (!from.status.ok()) output->mutable_status()->ParseFromString(pack_status(from.status));
  }
};

struct scheduler_writer {
  v1::SchedulerMessage& to;

  void operator()(const worker_welcome& from) const {
    to.mutable_welcome()->set_worker_id(from.worker_id);
    write(from.heartbeat_interval, to.mutable_welcome()->mutable_heartbeat_interval());
    write(from.patience, to.mutable_welcome()->mutable_patience());
  }
  void operator()(const session_heartbeat& from) const { to.mutable_heartbeat()->set_heard(from.heard); }
  void operator()(const start_action& from) const {
    auto* start = to.mutable_start();
    const auto& action = from.action;
    start->set_operation(from.operation);
    start->set_attempt(from.attempt);
    start->set_instance_name(action.instance);
    start->set_digest_function(
        static_cast<build::bazel::remote::execution::v2::DigestFunction::Value>(action.action.function));
    to_wire(action.action, start->mutable_action_digest());
    to_wire(action.command_digest, start->mutable_command_digest());
    to_wire(action.input_root, start->mutable_input_root());
    start->set_command(action.command.data(), action.command.size());
    write(action.platform, start->mutable_platform());
    if (action.timeout > duration::zero()) write(action.timeout, start->mutable_timeout());
    start->set_request_metadata(action.request_metadata);
    start->set_do_not_cache(action.do_not_cache);
    to_wire(action.queued, start->mutable_queued_timestamp());
  }
  void operator()(const kill_action& from) const {
    to.mutable_kill()->set_operation(from.operation);
    to.mutable_kill()->set_attempt(from.attempt);
    to.mutable_kill()->set_reason(from.reason);
  }
  void operator()(const dismiss_worker& from) const { to.mutable_drain()->set_reason(from.reason); }
  void operator()(const prove_cache& from) const {
    to.mutable_prove()->set_digest_function(
        static_cast<build::bazel::remote::execution::v2::DigestFunction::Value>(from.blob.function));
    to_wire(from.blob, to.mutable_prove()->mutable_blob());
  }
  void operator()(const output_wanted& from) const {
    auto* wanted = to.mutable_read_output();
    wanted->set_number(from.number);
    wanted->set_operation(from.what.operation);
    wanted->set_attempt(from.what.attempt);
    wanted->set_stream(static_cast<v1::Stream>(from.what.stream));
    wanted->set_offset(from.what.offset);
    wanted->set_limit(from.what.limit);
  }
};

expected<worker_profile> read(const v1::Hello& hello) {
  if (hello.slots() < 0)
    return fail(errc::invalid_argument, "worker {} offers {} slots", hello.name(), hello.slots());
  worker_profile profile{hello.name(), read(hello.properties()), static_cast<std::uint32_t>(hello.slots()),
                         hello.epoch(), std::max(lenient_from_wire(hello.max_timeout()), duration::zero())};
  for (const auto& one : hello.running()) profile.running.push_back({one.operation(), one.attempt()});
  profile.shows_output = hello.shows_output();
  return profile;
}

error read(const google::rpc::Status& status) {
  if (status.code() == 0) return {};
  return unpack_status(status.code(), status.message(), status.SerializeAsString());
}

action_finished read(v1::Finished& finished) {
  action_finished result{{}, finished.operation(), finished.attempt(), {}};
  result.outcome.status = read(finished.status());
  result.outcome.result = bytes::adopt(std::move(*finished.mutable_action_result()));
  result.outcome.exit_code = finished.exit_code();
  // The numbers are the same; what a newer worker may say beyond them is left to the code.
  if (v1::Fault_IsValid(finished.fault())) result.outcome.fault = static_cast<fault_owner>(finished.fault());
  return result;
}

expected<start_action> read(v1::Start& start) {
  auto function = resolve_function(start.digest_function(), start.action_digest().hash().size());
  if (!function) return fail(function.error());
  auto action = from_wire(start.action_digest(), *function);
  auto command = from_wire(start.command_digest(), *function);
  auto root = from_wire(start.input_root(), *function);
  if (!action) return with_context(action.error(), "action of {}", start.operation());
  if (!command) return with_context(command.error(), "command of {}", start.operation());
  if (!root) return with_context(root.error(), "input root of {}", start.operation());
  start_action result{start.operation(), start.attempt(), {}};
  result.action.instance = start.instance_name();
  result.action.action = *action;
  result.action.command_digest = *command;
  result.action.input_root = *root;
  result.action.command = bytes::adopt(std::move(*start.mutable_command()));
  result.action.platform = read(start.platform());
  if (start.has_timeout()) result.action.timeout = lenient_from_wire(start.timeout());
  result.action.request_metadata = std::move(*start.mutable_request_metadata());
  result.action.do_not_cache = start.do_not_cache();
  result.action.queued = lenient_from_wire(start.queued_timestamp());
  return result;
}

output_told read(v1::Output& output) {
  return {output.number(),
          {bytes::adopt(std::move(*output.mutable_data())), output.end()},
          read(output.status())};
}

expected<output_wanted> read(const v1::ReadOutput& wanted) {
  if (wanted.stream() != v1::STDOUT && wanted.stream() != v1::STDERR)
    return fail(errc::invalid_argument, "there is no stream {}", static_cast<int>(wanted.stream()));
  return output_wanted{wanted.number(),
                       {wanted.operation(), wanted.attempt(), static_cast<standard_stream>(wanted.stream()),
                        wanted.offset(), wanted.limit()}};
}

expected<prove_cache> read(const v1::Prove& prove) {
  auto function = resolve_function(prove.digest_function(), prove.blob().hash().size());
  if (!function) return fail(function.error());
  auto blob = from_wire(prove.blob(), *function);
  if (!blob) return with_context(blob.error(), "the blob to be found");
  return prove_cache{*blob};
}

}  // namespace

bytes encode(const worker_words& words) {
  v1::WorkerMessage message;
  std::visit(worker_writer{message}, words);
  return serialise(message);
}

bytes encode(const scheduler_words& words) {
  v1::SchedulerMessage message;
  std::visit(scheduler_writer{message}, words);
  return serialise(message);
}

expected<worker_words> decode_worker_words(const byte_chain& message) {
  auto parsed = parse<v1::WorkerMessage>(message);
  if (!parsed) return fail(parsed.error());
  switch (parsed->message_case()) {
    case v1::WorkerMessage::kHello: {
      auto hello = read(parsed->hello());
      if (!hello) return fail(hello.error());
      if (parsed->hello().proves_cache()) return worker_words(proving_worker{std::move(*hello)});
      return worker_words(std::move(*hello));
    }
    case v1::WorkerMessage::kHeartbeat:
      return worker_words(session_heartbeat{parsed->heartbeat().heard()});
    case v1::WorkerMessage::kStarted:
      return worker_words(action_started{{}, parsed->started().operation(), parsed->started().attempt()});
    case v1::WorkerMessage::kFinished:
      return worker_words(read(*parsed->mutable_finished()));
    case v1::WorkerMessage::kSlots:
      return worker_words(worker_slots{{}, static_cast<std::uint32_t>(std::max(0, parsed->slots().slots()))});
    case v1::WorkerMessage::kLeaving:
      return worker_words(worker_leaving{});
    case v1::WorkerMessage::kProof:
      return worker_words(cache_proof{read(parsed->proof().status())});
    case v1::WorkerMessage::kOutput:
      return worker_words(read(*parsed->mutable_output()));
    case v1::WorkerMessage::MESSAGE_NOT_SET:
      break;
  }
  return fail(errc::invalid_argument, "a worker's message holds nothing that is known");
}

expected<scheduler_words> decode_scheduler_words(const byte_chain& message) {
  auto parsed = parse<v1::SchedulerMessage>(message);
  if (!parsed) return fail(parsed.error());
  switch (parsed->message_case()) {
    case v1::SchedulerMessage::kWelcome:
      return scheduler_words(worker_welcome{parsed->welcome().worker_id(),
                                            lenient_from_wire(parsed->welcome().heartbeat_interval()),
                                            lenient_from_wire(parsed->welcome().patience())});
    case v1::SchedulerMessage::kHeartbeat:
      return scheduler_words(session_heartbeat{parsed->heartbeat().heard()});
    case v1::SchedulerMessage::kStart: {
      auto start = read(*parsed->mutable_start());
      if (!start) return fail(start.error());
      return scheduler_words(std::move(*start));
    }
    case v1::SchedulerMessage::kKill: {
      const auto& kill = parsed->kill();
      return scheduler_words(kill_action{kill.operation(), kill.attempt(), kill.reason()});
    }
    case v1::SchedulerMessage::kDrain:
      return scheduler_words(dismiss_worker{parsed->drain().reason(), false});
    case v1::SchedulerMessage::kProve: {
      auto prove = read(parsed->prove());
      if (!prove) return fail(prove.error());
      return scheduler_words(*prove);
    }
    case v1::SchedulerMessage::kReadOutput: {
      auto wanted = read(parsed->read_output());
      if (!wanted) return fail(wanted.error());
      return scheduler_words(std::move(*wanted));
    }
    case v1::SchedulerMessage::MESSAGE_NOT_SET:
      break;
  }
  return fail(errc::invalid_argument, "a scheduler's message holds nothing that is known");
}

}  // namespace kiln
