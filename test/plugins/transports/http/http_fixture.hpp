#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/observe/metrics.hpp"
#include "plugins/transports/http/http_transport.hpp"
#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {

/// A client of HTTP that is no library's: it sends what the test says, and so much of it, and reads what
/// comes. Everything throws std::runtime_error when nothing comes for a minute.
class raw_client {
public:
  /// "127.0.0.1:PORT", where somebody listens.
  explicit raw_client(const std::string& address);
  ~raw_client();
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  struct answer {
    int status = 0;
    std::map<std::string, std::string> fields;
    std::string body;
  };

  void send(std::string_view text);
  /// It will send nothing more.
  void half_close();
  /// One answer. `bodiless`: to a HEAD.
  answer next(bool bodiless = false);
  answer ask(std::string_view request) {
    send(request);
    return next();
  }
  /// What comes until the server closes, and what was not looked at before.
  std::string rest();
  bool is_closed();

private:
  bool fill();
  std::string take_line();
  std::string take(std::size_t size);

  int socket_ = -1;
  std::string received_;
};

/// A request without a body.
std::string get(std::string_view target, std::string_view fields = {}, std::string_view method = "GET");
std::string put(std::string_view target, std::string_view body, std::string_view fields = {});

http_plugin::http_options default_http_options();

/// A server of HTTP with handlers of its own.
struct http_fixture {
  explicit http_fixture(const std::function<void(http_plugin::http_options&)>& change = {});

  std::string address() const { return server->addresses().front(); }
  /// Until no call is under way.
  void await_no_calls();

  metric_registry metrics;
  router routes;
  mailbox<call_ptr> held;  ///< calls of /hold
  std::unique_ptr<http_plugin::http_transport> server;
};

void add_http_routes(router& routes, mailbox<call_ptr>& held);

}  // namespace kiln::test
