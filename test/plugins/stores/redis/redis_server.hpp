#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugins/stores/redis/resp_reader.hpp"
#include "test/harness/temporary_folder.hpp"

namespace kiln::test {

/// A connection of the test's own, to look and to meddle. Throws where nobody answers.
class redis_cli {
public:
  explicit redis_cli(const std::string& endpoint);
  ~redis_cli();
  redis_cli(const redis_cli&) = delete;
  redis_cli& operator=(const redis_cli&) = delete;

  redis_store::resp_reply ask(const std::vector<std::string>& words);
  /// What comes without being asked for.
  redis_store::resp_reply next();
  std::string text(const std::vector<std::string>& words);
  std::int64_t number(const std::vector<std::string>& words);

private:
  int socket_ = -1;
  redis_store::resp_reader reader_;
};

/// A real redis-server, or sentinel, of the test's own. It dies with this object, and with the thread that
/// started it.
class redis_server {
public:
  /// On a socket in a folder of its own, unless `words` say otherwise; keeps nothing on disk.
  explicit redis_server(std::vector<std::string> words = {});
  ~redis_server();

  /// "unix:/..."
  std::string endpoint() const { return "unix:" + socket(); }
  std::string socket() const { return (folder_ / "redis.sock").string(); }
  const temporary_folder& folder() const noexcept { return folder_; }

  void signal(int number) const noexcept;
  /// Like a power cut, and waits until it is gone.
  void kill();
  /// Anew, on the same socket: as empty as it began, unless it was told to keep something.
  void start();
  /// Waits until it has said this; throws if it ends, or takes too long.
  void await_words(const std::string& text);
  std::int64_t pid() const noexcept { return pid_; }

  /// Short: asks one thing over a connection of its own.
  redis_store::resp_reply ask(const std::vector<std::string>& words) const;

private:
  void listen_to(int output);

  const temporary_folder folder_;
  const std::vector<std::string> words_;
  pid_t pid_ = -1;
  std::mutex mutex_;
  std::condition_variable said_more_;
  std::string said_;
  bool silent_ = false;
  std::thread listener_;
};

/// A port that nobody listens to at this moment. Who takes it must be ready to try another one.
int free_port();
/// Servers at ports of 127.0.0.1 that they could take: `words_for(port)` are theirs.
std::unique_ptr<redis_server> start_at_some_port(
    int& port, const std::function<std::vector<std::string>(int)>& words_for);

}  // namespace kiln::test
