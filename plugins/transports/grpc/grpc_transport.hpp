#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/admission/admission.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/plugin.hpp"
#include "plugins/transports/grpc/grpc_library.hpp"
#include "plugins/transports/grpc/grpc_options.hpp"
#include "plugins/transports/grpc/hub.hpp"
#include "plugins/transports/grpc/server.hpp"

namespace kiln::grpc_plugin {

/// The transport: a server, if there is something to listen to, and a hub for what is dialled. Its owner
/// calls `serve`, `drain` and the destructor from one thread, which is none of the transport's; `addresses`
/// and `dial` may be called by any.
class grpc_transport final : public transport {
public:
  grpc_transport(grpc_options options, const transport_context& context);
  /// Cancels every call, in and out, and blocks until none is left. Calls and channels that are still held
  /// answer that it is over.
  ~grpc_transport() override;

  expected<void> serve(const router& routes) override;
  std::vector<std::string> addresses() const override;
  protection protects() const noexcept override;
  void drain(duration patience, std::function<void()> drained) override;
  expected<dial_fit> suits(const std::string& endpoint) const override;
  std::shared_ptr<channel> dial(const std::string& endpoint) override;
  expected<void> be_host(transport& guest) override;

  /// Calls that have not ended, and bytes of messages that are still in use.
  held_by_callers held() const noexcept { return admission_->held(); }

private:
  const library_use library_;
  const grpc_options options_;
  const environment env_;
  const std::shared_ptr<admission> admission_;
  refused_connections refused_;
  std::shared_ptr<connection_taker> guest_;
  std::unique_ptr<server> server_;
  std::mutex mutex_;
  std::shared_ptr<outbound_hub> hub_;
};

expected<std::unique_ptr<transport>> make_grpc_transport(const grpc_options& options,
                                                         const transport_context& context);

}  // namespace kiln::grpc_plugin
