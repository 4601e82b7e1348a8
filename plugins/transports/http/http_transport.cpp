#include "plugins/transports/http/http_transport.hpp"

#include <unistd.h>

#include <utility>

#include "core/base/memory_limit.hpp"

namespace kiln::http_plugin {
namespace {

call_limits limits_of(const http_options& options) {
  auto memory = memory_limit();
  return {options.max_calls, options.max_calls_per_client, options.max_bytes_in_flight.bytes_of(memory),
          options.max_bytes_in_flight_per_client.bytes_of(memory)};
}

std::shared_ptr<server_context> make_context(http_options options, const transport_context& context) {
  std::erase(options.listen, "");  // a variable that has no value
  const auto limits = limits_of(options);
  auto admitting = std::make_shared<admission>(limits, call_stats(context.env.metrics, context.name),
                                               context.accounts, *context.env.time, context.hooks);
  return std::make_shared<server_context>(std::move(options), context.env, context.name,
                                          std::move(admitting));
}

class context_guest final : public connection_taker {
public:
  explicit context_guest(std::weak_ptr<server_context> where) : context_(std::move(where)) {}
  void take(int descriptor) override {
    auto here = context_.lock();
    if (here && here->routes != nullptr)
      here->admit(descriptor);
    else
      ::close(descriptor);
  }

private:
  const std::weak_ptr<server_context> context_;
};

}  // namespace

http_transport::http_transport(http_options options, const transport_context& context)
    : context_(make_context(std::move(options), context)), identity_(context_->options.tls) {
  claim_messages(context.env.metrics, context_->admitting->limits().bytes);
}

http_transport::~http_transport() {
  server_.reset();
}

expected<void> http_transport::serve(const router& routes) {
  const auto& options = context_->options;
  if (options.listen.empty() && options.beside.empty()) return {};
  auto started = http_server::start(context_, routes, identity_);
  if (!started) return failure(std::move(started).error());
  server_ = std::move(*started);
  return {};
}

std::vector<std::string> http_transport::addresses() const {
  return server_ ? server_->addresses() : std::vector<std::string>();
}

protection http_transport::protects() const noexcept {
  if (identity_.cert.empty()) return protection::none;
  return identity_.ca.empty() ? protection::encrypted : protection::identified;
}

void http_transport::drain(duration patience, std::function<void()> drained) {
  if (!server_) return drained();
  server_->close(patience, std::move(drained));
}

expected<dial_fit> http_transport::suits(const std::string& endpoint) const {
  return fail(errc::invalid_argument, "{} cannot be dialled by a transport of type http", endpoint);
}

std::shared_ptr<channel> http_transport::dial(const std::string&) {
  return nullptr;  // nobody dials what does not suit
}

expected<std::shared_ptr<connection_taker>> http_transport::be_guest(const tls_files& identity) {
  identity_ = identity;
  return std::make_shared<context_guest>(context_);
}

expected<std::unique_ptr<transport>> make_http_transport(const http_options& options,
                                                         const transport_context& context) {
  return std::make_unique<http_transport>(options, context);
}

}  // namespace kiln::http_plugin
