#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/admission/refused_connections.hpp"
#include "core/base/error.hpp"
#include "core/contract/transport.hpp"
#include "core/net/acceptor.hpp"
#include "core/net/connection_limit.hpp"
#include "core/plugin/environment.hpp"
#include "plugins/transports/grpc/flood_guard.hpp"
#include "plugins/transports/grpc/grpc_options.hpp"
#include "plugins/transports/grpc/inbound_call.hpp"

namespace kiln::grpc_plugin {

/// A listening gRPC server: its queues, their threads and the calls that arrive there.
class server {
public:
  /// Listens on all addresses of the options, or on none of them and says why. Who comes and speaks HTTP/1.1
  /// is left to `guest`, or told what is spoken here if that is null. `refused` hears of those for whom there
  /// is no room, and outlives the server.
  static expected<std::unique_ptr<server>> start(const grpc_options& options, const router& routes,
                                                 std::shared_ptr<admission> admitting,
                                                 std::shared_ptr<connection_taker> guest,
                                                 refused_connections& refused, const environment& env);
  /// Cancels what still runs. Blocks until nothing does; not on a thread of this server.
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  std::vector<std::string> addresses() const { return connections_->addresses(); }
  /// Refuses new calls and returns; `closed` comes later, from a thread of this server: once all calls have
  /// ended, however many clients stay connected, and no later than `patience` plus what it takes to cancel
  /// those that have not. Once.
  void close(duration patience, std::function<void()> closed);

private:
  server(const router& routes, std::shared_ptr<admission> admitting, refused_connections& refused,
         std::size_t max_message_size, const environment& env);
  expected<void> listen(const grpc_options& options, std::shared_ptr<connection_taker> guest);
  void hand_to_grpc(owned_socket fresh, int patience);
  void accept_connections(const grpc_options& options, std::shared_ptr<connection_taker> guest);
  void start_threads(const grpc_options& options);
  void turn_away(steady_time until);
  void cut_off_the_silent();
  void shut_down(steady_time until);

  logger* const log_;
  refused_connections& refused_;
  call_acceptor acceptor_;
  std::optional<connection_limit> limit_;  // on the thread that accepts
  std::unique_ptr<acceptor> connections_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> newcomers_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  std::deque<std::atomic<std::uint64_t>> handed_out_;  // by each queue's thread
  std::vector<std::thread> threads_;
  std::optional<flood_guard> guard_;
  std::thread closer_;
  std::mutex hurry_mutex_;
  std::condition_variable hurried_;
  bool hurry_ = false;
  bool shut_ = false;  // gRPC has let go of all connections
};

}  // namespace kiln::grpc_plugin
