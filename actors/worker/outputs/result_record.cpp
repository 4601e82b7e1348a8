#include "actors/worker/outputs/result_record.hpp"

#include <algorithm>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/message.hpp"
#include "core/wire/times.hpp"
#include "kiln/worker/v1/action_facts.pb.h"

namespace kiln {
namespace {

google::protobuf::Duration to_message(duration time) {
  google::protobuf::Duration result;
  result.set_seconds(time.count() / 1'000'000'000);
  result.set_nanos(static_cast<std::int32_t>(time.count() % 1'000'000'000));
  return result;
}

/// A clock may be set back meanwhile.
google::protobuf::Duration between(wall_time begun, wall_time ended) {
  return to_message(std::max<duration>(ended - begun, duration::zero()));
}

}  // namespace

action_record::action_record()
    : result_(std::make_shared<message>()), facts_(std::make_shared<worker::v1::ActionFacts>()) {}

void action_record::begin(const std::string& worker_name, wall_time queued, wall_time now) {
  auto* data = result_->mutable_execution_metadata();
  data->set_worker(worker_name);
  if (queued != wall_time{}) to_wire(queued, data->mutable_queued_timestamp());
  to_wire(now, data->mutable_worker_start_timestamp());
}

void action_record::fetch_begins(wall_time now) {
  obtaining_ = now;
  to_wire(now, result_->mutable_execution_metadata()->mutable_input_fetch_start_timestamp());
}

void action_record::preparing_begins(wall_time now) {
  preparing_ = now;
}

void action_record::command_begins(wall_time now) {
  running_ = now;
  auto* data = result_->mutable_execution_metadata();
  to_wire(now, data->mutable_input_fetch_completed_timestamp());
  to_wire(now, data->mutable_execution_start_timestamp());
}

void action_record::command_ends(wall_time now) {
  collecting_ = now;
  to_wire(now, result_->mutable_execution_metadata()->mutable_execution_completed_timestamp());
}

void action_record::set_end(const process_end& how, const action_conditions& under) {
  result_->set_exit_code(how.exit_code);
  auto* data = result_->mutable_execution_metadata();
  *data->mutable_virtual_execution_duration() = to_message(how.elapsed);
  auto& facts = *facts_;
  facts.set_sandbox(under.sandbox);
  facts.set_network(under.network);
  facts.set_inputs_linked(under.inputs_linked);
  facts.set_inputs_copied(under.inputs_copied);
  facts.set_input_method(under.input_method);
  facts.set_input_tree(under.input_tree);
  facts.set_limited(under.limited);
  facts.set_persistent_worker(under.persistent_worker);
  *facts.mutable_user_time() = to_message(how.user);
  *facts.mutable_system_time() = to_message(how.system);
  facts.set_peak_memory(how.peak_memory);
  if (obtaining_ != wall_time{} && preparing_ != wall_time{})
    *facts.mutable_obtaining_time() = between(obtaining_, preparing_);
  if (preparing_ != wall_time{} && running_ != wall_time{})
    *facts.mutable_preparing_time() = between(preparing_, running_);
  tell_facts();
}

void action_record::tell_facts() {
  auto* data = result_->mutable_execution_metadata();
  data->clear_auxiliary_metadata();
  data->add_auxiliary_metadata()->PackFrom(*facts_);
}

void action_record::upload_begins(wall_time now) {
  if (collecting_ != wall_time{}) {
    *facts_->mutable_collecting_time() = between(collecting_, now);
    tell_facts();
  }
  to_wire(now, result_->mutable_execution_metadata()->mutable_output_upload_start_timestamp());
}

void action_record::upload_ends(wall_time now) {
  auto* data = result_->mutable_execution_metadata();
  to_wire(now, data->mutable_output_upload_completed_timestamp());
  to_wire(now, data->mutable_worker_completed_timestamp());
}

bytes action_record::finish() const {
  return serialise(*result_);
}

}  // namespace kiln
