#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln::end_to_end {

/// How a process ended: by itself with a code, or by a signal.
struct ending {
  std::optional<int> code;
  int signal = 0;
  std::string to_string() const;
};

struct server_command {
  std::vector<std::string> words;  ///< the program and its arguments
  std::string log;                 ///< the file that takes its stderr, made anew
};

/// A `kiln` of our own. It dies with this object, and with the thread that started it. Confined to one
/// thread, but for `signal`.
class server_process {
public:
  static expected<server_process> start(const server_command& command);
  server_process(server_process&& other) noexcept;
  server_process& operator=(server_process&&) = delete;
  /// Kills what still runs.
  ~server_process();

  pid_t pid() const noexcept { return pid_; }
  /// Blocks until the server says where it listens: "127.0.0.1:40312". UNAVAILABLE, with what it wrote to
  /// stderr, if it ended instead; DEADLINE_EXCEEDED if it says nothing.
  expected<std::string> address(duration patience);
  /// The same for another address that it says.
  expected<std::string> address_after(const std::string& words, duration patience);
  /// Blocks until the server's output has this text, or the server ended or took too long: false then.
  bool prints(const std::string& text, duration patience);

  void signal(int number) const noexcept;
  /// Nothing if it still runs after that time.
  std::optional<ending> wait(duration patience);
  /// What it wrote to stderr so far.
  std::string log() const;
  /// A line of /proc/PID/status that counts kilobytes ("VmRSS"), in bytes; 0 if the process is gone.
  std::uint64_t memory(const std::string& line) const;
  /// From now on "VmHWM" is the most since now.
  void forget_peak() const;

private:
  server_process(pid_t pid, int process, int output, std::string log)
      : pid_(pid), process_(process), output_(output), log_(std::move(log)) {}
  bool read_more(steady_time until);

  pid_t pid_ = -1;
  int process_ = -1;  // pidfd
  int output_ = -1;   // its stdout
  std::string printed_;
  std::string log_;
  std::optional<ending> ended_;
};

}  // namespace kiln::end_to_end
