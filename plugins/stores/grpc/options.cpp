#include "plugins/stores/grpc/options.hpp"

#include "core/config/endpoint.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {

schema<grpc_store_options> grpc_store_schema() {
  using namespace config_literals;
  using namespace std::chrono_literals;
  using o = grpc_store_options;
  return schema<o>{
      "Keeps blobs or action results on another server that speaks the Remote Execution API. What arrives "
      "is checked against its digest."}
      .required("endpoint", &o::endpoint,
                "Where the other server listens: grpc://host:port, grpcs://host:port or unix:/path.",
                good_if{is_endpoint})
      .field("instance", &o::instance, "", "The name of the instance there.")
      .field("headers", &o::headers, {}, "Sent with every call, an authorization for instance.", secret{})
      .field("timeout", &o::timeout, 60s, "For a question and its answer, repetitions included.",
             at_least(1ms))
      .field("transfer_timeout", &o::transfer_timeout, 10min, "For the stream of one blob.", at_least(1ms))
      .field("retries", &o::retries, 3U,
             "How often a question is repeated, or a download goes on from where it broke off, when the "
             "server is unavailable.",
             at_most(100U))
      .field("retry_delay", &o::retry_delay, 100ms,
             "Before the first repetition; doubled each time, and spread at random.", at_most(1min))
      .field("max_batch_size", &o::max_batch_size, 4_MiB,
             "Largest message with a batch of blobs; less if the server asks for less.", at_least(64_KiB))
      .field("max_result_size", &o::max_result_size, 16_MiB, "Largest action result.", at_least(1_B))
      .field("threads", &o::threads, std::nullopt,
             "Threads that hash what arrives; half of the machine's cores if not given.",
             at_least(std::size_t{1}), at_most(std::size_t{256}))
      .check([](const o& options) { return check_instance_name(options.instance); });
}

}  // namespace kiln
