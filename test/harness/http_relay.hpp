#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace kiln::test {

/// Stands between a client of HTTP/1.1 and its server, whole messages at a time, and does what the test says:
/// answers itself, answers nothing, or changes what the server has answered. Without a server it only answers
/// itself. At a free port of 127.0.0.1.
class http_relay {
public:
  struct request {
    std::string method;
    std::string target;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;
  };
  struct verdict {
    /// In place of the server's; the server does not see the request.
    std::optional<std::string> answer;
    /// Changes the server's answer, head and body.
    std::function<void(std::string& answer)> change;
    /// Nothing is answered, and the connection stays as it is until the relay goes.
    bool silent = false;
    /// The connection is cut behind the answer.
    bool cut = false;
  };
  using judge = std::function<verdict(const request&)>;

  /// A server's port on 127.0.0.1, or 0 for none. The judge is called on any thread, never twice at once.
  http_relay(int server_port, judge what);
  ~http_relay();
  http_relay(const http_relay&) = delete;
  http_relay& operator=(const http_relay&) = delete;

  int port() const noexcept { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void set_judge(judge what);
  /// Heads of the requests that came: "GET /bucket/key".
  std::vector<std::string> seen() const;
  std::size_t count(const std::string& beginning) const;

  /// A whole answer, with its length.
  static std::string answer(int status, const std::string& body,
                            const std::map<std::string, std::string>& headers = {});

private:
  void accept_all();
  void serve(int client);
  bool one(int client, int& server, std::string& rest);

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::mutex judging_;
  judge judge_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::vector<std::string> seen_;
  std::list<int> open_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace kiln::test
