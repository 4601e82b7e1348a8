#include "actors/services/capabilities/capabilities.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <limits>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/message.hpp"
#include "core/wire/node_properties.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

void describe_priorities(v2::PriorityCapabilities* into) {
  auto* range = into->add_priorities();
  range->set_min_priority(std::numeric_limits<std::int32_t>::min());
  range->set_max_priority(std::numeric_limits<std::int32_t>::max());
}

void describe_cache(const capabilities_options& options, v2::CacheCapabilities* into) {
  for (auto function : options.limits.digest_functions)
    into->add_digest_functions(static_cast<v2::DigestFunction::Value>(function));
  into->mutable_action_cache_update_capabilities()->set_update_enabled(options.action_cache_updates);
  auto* only_default = into->mutable_cache_priority_capabilities()->add_priorities();
  only_default->set_min_priority(0);
  only_default->set_max_priority(0);
  into->set_max_batch_total_size_bytes(static_cast<std::int64_t>(options.limits.max_batch_total_size.bytes));
  if (options.limits.max_blob_size)
    into->set_max_cas_blob_size_bytes(static_cast<std::int64_t>(options.limits.max_blob_size->bytes));
  into->add_supported_compressors(v2::Compressor::ZSTD);
  into->add_supported_batch_update_compressors(v2::Compressor::ZSTD);
  if (options.chunking) {
    into->set_split_blob_support(true);
    into->set_splice_blob_support(true);
    into->mutable_fast_cdc_2020_params()->set_avg_chunk_size_bytes(options.chunking->average);
    into->mutable_fast_cdc_2020_params()->set_seed(options.chunking->seed);
  }
  into->set_symlink_absolute_path_strategy(v2::SymlinkAbsolutePathStrategy::ALLOWED);
}

void describe_execution(const capabilities_options& options, v2::ExecutionCapabilities* into) {
  const auto& functions = options.limits.digest_functions;
  into->set_digest_function(static_cast<v2::DigestFunction::Value>(functions.front()));
  for (auto function : functions)
    into->add_digest_functions(static_cast<v2::DigestFunction::Value>(function));
  into->set_exec_enabled(true);
  describe_priorities(into->mutable_execution_priority_capabilities());
  announce_node_properties(into);
}

bytes describe(const capabilities_options& options) {
  v2::ServerCapabilities all;
  if (options.serves_cache) describe_cache(options, all.mutable_cache_capabilities());
  if (options.serves_execution) describe_execution(options, all.mutable_execution_capabilities());
  // From 2.0, for there are clients that speak only that.
  all.mutable_low_api_version()->set_major(2);
  all.mutable_high_api_version()->set_major(2);
  all.mutable_high_api_version()->set_minor(3);
  return serialise(all);
}

}  // namespace

capabilities_actor spawn_capabilities(caf::actor_system& system, const environment& env,
                                      const capabilities_options& options) {
  // The answer is the same for everyone, so it is made once.
  return system.spawn([answer = describe(options),
                       time = env.time](capabilities_actor::pointer) -> capabilities_actor::behavior_type {
    return {[answer, time](get_capabilities& order) {
      begin_call(order.call, *time, [&]() -> expected<void> {
        auto request = parse<v2::GetCapabilitiesRequest>(order.request);
        if (!request) return failure(request.error());
        if (auto fine = check_instance_name(request->instance_name()); !fine) return fine;
        order.call->reply(answer);
        return {};
      });
    }};
  });
}

void add_routes(router& routes, const capabilities_actor& to) {
  add_route<get_capabilities>(routes, "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities", to);
}

}  // namespace kiln
