#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/contract/transport.hpp"
#include "core/plugin/plugin.hpp"
#include "plugins/transports/http/http_options.hpp"
#include "plugins/transports/http/http_server.hpp"

namespace kiln::http_plugin {

/// HTTP/1.1 as calls: `GET /cas/0b1c` is the method "/kiln.http/GET/cas/0b1c", the body is its messages, and
/// the head of the answer is the call's. What is asked for is the services' business. Its owner calls
/// `serve`, `drain` and the destructor from one thread, which is none of the transport's.
class http_transport final : public transport {
public:
  http_transport(http_options options, const transport_context& context);
  /// Cuts every connection, and blocks until no thread is left. Calls that are still held answer that it is
  /// over.
  ~http_transport() override;

  std::string_view scheme() const noexcept override { return "http"; }
  expected<void> serve(const router& routes) override;
  std::vector<std::string> addresses() const override;
  protection protects() const noexcept override;
  void drain(duration patience, std::function<void()> drained) override;
  expected<dial_fit> suits(const std::string& endpoint) const override;
  std::shared_ptr<channel> dial(const std::string& endpoint) override;
  std::string beside() const override { return context_->options.beside; }
  expected<std::shared_ptr<connection_taker>> be_guest(const tls_files& identity) override;

  /// Calls that have not ended, and bytes of messages that are still in use.
  held_by_callers held() const noexcept { return context_->admitting->held(); }

private:
  const std::shared_ptr<server_context> context_;
  tls_files identity_;
  std::unique_ptr<http_server> server_;
};

expected<std::unique_ptr<transport>> make_http_transport(const http_options& options,
                                                         const transport_context& context);

}  // namespace kiln::http_plugin
