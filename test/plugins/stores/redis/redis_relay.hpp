#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "test/harness/temporary_folder.hpp"

namespace kiln::test {

/// Takes commands out of a stream as they come.
class command_parser {
public:
  /// The commands that are whole now.
  std::vector<std::vector<std::string>> feed(const char* data, std::size_t size);

private:
  std::string rest_;
};

/// Stands at a socket in front of a server, counts the commands that pass, and holds answers back, so that a
/// client that waits for one of them cannot go on.
class redis_relay {
public:
  explicit redis_relay(const std::string& server_socket);
  ~redis_relay();
  redis_relay(const redis_relay&) = delete;
  redis_relay& operator=(const redis_relay&) = delete;

  std::string endpoint() const { return "unix:" + socket(); }
  std::string socket() const { return (folder_ / "relay.sock").string(); }

  /// Of all connections, so far.
  std::size_t commands() const;
  std::size_t connections() const;
  /// From now on no answer comes back before so many commands more have passed.
  void hold_until_after(std::size_t more);
  /// After so many bytes of answers more, all connections break.
  void cut_after(std::size_t bytes);
  void cut();

private:
  void run();
  void pass_commands(int client, int server);
  void pass_answers(int server, int client);

  const temporary_folder folder_;
  const std::string server_socket_;
  int listening_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t commands_ = 0;
  std::size_t hold_until_ = 0;
  std::optional<std::size_t> cut_after_;
  bool ended_ = false;
  std::size_t connections_ = 0;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// A server that answers what the test says: what a real one says seldom. Several connections, one thread
/// each.
class scripted_redis {
public:
  /// The answer to a command as it goes over the wire; empty closes the connection.
  using script = std::function<std::string(const std::vector<std::string>&)>;

  explicit scripted_redis(script answers);
  ~scripted_redis();
  scripted_redis(const scripted_redis&) = delete;
  scripted_redis& operator=(const scripted_redis&) = delete;

  std::string endpoint() const { return "unix:" + (folder_ / "script.sock").string(); }
  /// How often a command came.
  std::size_t count(const std::string& command) const;

private:
  void run();
  void serve(int client);

  const temporary_folder folder_;
  const script answers_;
  int listening_ = -1;
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// The usual answers to what is said first on a connection; empty for anything else.
std::string greeted(const std::vector<std::string>& command);

}  // namespace kiln::test
