#pragma once

#include <cstdint>

/// What one action leaves behind, so that the next can look for it. All of it has the token in its name, so
/// that two runs of the tool do not meet; none of it outlives a minute or the action that looks.
namespace kiln::probe_agent {

constexpr unsigned longest_token = 32;

/// Where things are left.
struct leaving {
  char token[longest_token + 1];
  char file_name[64];  ///< "kiln-probe-TOKEN": files, the queue, and the abstract socket
  int key;             ///< of System V's things
  std::uint16_t port;  ///< of the daemon, on the loopback; the next one is that of a closed connection
};

/// Names of the inputs ; each holds "NAME of TOKEN\n" as long as nobody changes it.
inline constexpr const char* plain_input = "input.txt";
inline constexpr const char* executable_input = "input.sh";
inline constexpr const char* input_folder = "folder";
inline constexpr const char* deep_input = "folder/deep.txt";
inline constexpr const char* other_deep_input = "folder/other.txt";
/// A mode that nobody gives to a file by chance.
inline constexpr unsigned odd_mode = 0523;

void use_token(const char* token);
const leaving& what_is_left() noexcept;

void leave_everything();
/// Takes away what the probes found.
void clean_up();
/// A process that outlives its action where it can: it listens, and ends by itself after a minute.
[[noreturn]] void run_daemon(const char* token);
/// A connected socket to the daemon's abstract one, or -1.
int call_daemon();

}  // namespace kiln::probe_agent
