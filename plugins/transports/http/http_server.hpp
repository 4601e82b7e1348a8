#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.hpp"
#include "core/contract/transport.hpp"
#include "core/net/acceptor.hpp"
#include "plugins/transports/http/server_context.hpp"

namespace kiln::http_plugin {

/// Threads that speak HTTP with whoever connects, at addresses of its own or handed over by a host.
class http_server {
public:
  /// Reads the files of `identity`, and listens on all addresses or on none.
  static expected<std::unique_ptr<http_server>> start(std::shared_ptr<server_context> where,
                                                      const router& routes, const tls_files& identity);
  /// Cuts every connection. Blocks until no thread is left; not on one of them.
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  std::vector<std::string> addresses() const;
  /// No new connections and calls; `closed` once: when all calls have ended, or after `patience`.
  void close(duration patience, std::function<void()> closed);

private:
  explicit http_server(std::shared_ptr<server_context> where);
  expected<void> listen();
  void start_threads();
  void work();
  void tick();

  /// What is to be done once no call is under way. Outlives the server where a service holds on to a call.
  struct farewell {
    std::mutex mutex;
    std::function<void()> closed;
    steady_time cut_at = steady_time::max();
    void tell();
  };

  const std::shared_ptr<server_context> context_;
  std::unique_ptr<acceptor> acceptor_;
  boost::asio::steady_timer ticker_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> open_;
  std::vector<std::thread> threads_;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::condition_variable thread_ended_;
  std::size_t running_ = 0;
  const std::shared_ptr<farewell> farewell_ = std::make_shared<farewell>();
};

}  // namespace kiln::http_plugin
