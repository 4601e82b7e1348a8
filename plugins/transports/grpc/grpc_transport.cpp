#include "plugins/transports/grpc/grpc_transport.hpp"

#include <utility>

#include "core/base/memory_limit.hpp"
#include "core/observe/memory_budget.hpp"
#include "plugins/transports/grpc/dial.hpp"

namespace kiln::grpc_plugin {
namespace {

call_limits limits_of(const grpc_options& options) {
  auto memory = memory_limit();
  return {options.max_calls, options.max_calls_per_client, options.max_bytes_in_flight.bytes_of(memory),
          options.max_bytes_in_flight_per_client.bytes_of(memory)};
}

}  // namespace

grpc_transport::grpc_transport(grpc_options options, const transport_context& context)
    : library_(context.env.log),
      options_(std::move(options)),
      env_(context.env),
      admission_(std::make_shared<admission>(limits_of(options_),
                                             call_stats(context.env.metrics, context.name), context.accounts,
                                             *env_.time, context.hooks)),
      refused_(env_.metrics, env_.log, *env_.time, context.name) {
  if (options_.listen.empty()) return;
  const auto in_flight = admission_->limits().bytes;
  claim_messages(context.env.metrics, in_flight);
  claim_memory(context.env.metrics,
               {"transport " + context.name, "arriving messages", message_quota(in_flight) - in_flight});
}

grpc_transport::~grpc_transport() {
  server_.reset();
  if (hub_) hub_->close();
}

expected<void> grpc_transport::serve(const router& routes) {
  if (options_.listen.empty()) return {};
  auto started = server::start(options_, routes, admission_, guest_, refused_, env_);
  if (!started) return fail(std::move(started).error());
  server_ = std::move(*started);
  return {};
}

expected<void> grpc_transport::be_host(transport& guest) {
  if (options_.listen.empty()) return fail(errc::invalid_argument, "it listens nowhere");
  if (guest_) return fail(errc::invalid_argument, "it has a guest already");
  auto taker = guest.be_guest(options_.tls);
  if (!taker) return failure(taker.error());
  guest_ = std::move(*taker);
  return {};
}

std::vector<std::string> grpc_transport::addresses() const {
  return server_ ? server_->addresses() : std::vector<std::string>();
}

protection grpc_transport::protects() const noexcept {
  if (options_.tls.cert.empty()) return protection::none;
  return options_.tls.ca.empty() ? protection::encrypted : protection::identified;
}

void grpc_transport::drain(duration patience, std::function<void()> drained) {
  if (!server_) return drained();
  server_->close(patience, std::move(drained));
}

expected<dial_fit> grpc_transport::suits(const std::string& endpoint) const {
  return suits_endpoint(endpoint, options_);
}

std::shared_ptr<channel> grpc_transport::dial(const std::string& endpoint) {
  std::shared_ptr<outbound_hub> hub;
  {
    std::lock_guard lock(mutex_);
    if (!hub_) hub_ = std::make_shared<outbound_hub>();
    hub = hub_;
  }
  return dial_endpoint(endpoint, options_, std::move(hub));
}

expected<std::unique_ptr<transport>> make_grpc_transport(const grpc_options& options,
                                                         const transport_context& context) {
  return std::make_unique<grpc_transport>(options, context);
}

}  // namespace kiln::grpc_plugin
