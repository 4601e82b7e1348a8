#include "test/end_to_end/server_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

namespace kiln::end_to_end {
namespace {

int milliseconds_until(steady_time until) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - system_clock().now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
}

// Only what is safe between fork and exec.
[[noreturn]] void become(char* const* words, int output, int log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(words[0], words);
  ::_exit(127);
}

}  // namespace

std::string ending::to_string() const {
  if (code) return fmt::format("exit code {}", *code);
  return fmt::format("signal {} ({})", signal, ::strsignal(signal));
}

expected<server_process> server_process::start(const server_command& command) {
  std::vector<char*> words;
  for (const auto& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return failure(system_error(errno, "making a pipe"));
  int log = ::open(command.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log < 0) return failure(system_error(errno, "opening " + command.log));
  pid_t child = ::fork();
  if (child == 0) become(words.data(), output[1], log);
  int fault = errno;
  ::close(output[1]);
  ::close(log);
  if (child < 0) {
    ::close(output[0]);
    return failure(system_error(fault, "starting " + command.words.front()));
  }
  int process = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  return server_process(child, process, output[0], command.log);
}

server_process::server_process(server_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      process_(std::exchange(other.process_, -1)),
      output_(std::exchange(other.output_, -1)),
      printed_(std::move(other.printed_)),
      log_(std::move(other.log_)),
      ended_(other.ended_) {}

server_process::~server_process() {
  if (pid_ > 0 && !ended_) {
    signal(SIGKILL);
    wait(std::chrono::minutes(1));
  }
  for (int descriptor : {process_, output_})
    if (descriptor >= 0) ::close(descriptor);
}

bool server_process::read_more(steady_time until) {
  pollfd watched{output_, POLLIN, 0};
  if (::poll(&watched, 1, milliseconds_until(until)) <= 0) return false;
  char piece[4096];
  auto size = ::read(output_, piece, sizeof piece);
  if (size <= 0) return false;
  printed_.append(piece, static_cast<std::size_t>(size));
  return true;
}

bool server_process::prints(const std::string& text, duration patience) {
  auto until = system_clock().now() + patience;
  while (printed_.find(text) == std::string::npos)
    if (!read_more(until)) return false;
  return true;
}

expected<std::string> server_process::address(duration patience) {
  return address_after("kiln listens on ", patience);
}

expected<std::string> server_process::address_after(const std::string& before, duration patience) {
  auto until = system_clock().now() + patience;
  for (;;) {
    auto start = printed_.find(before);
    auto end = start == std::string::npos ? start : printed_.find_first_of(";\n", start);
    if (end != std::string::npos) return printed_.substr(start + before.size(), end - start - before.size());
    if (read_more(until)) continue;
    if (auto how = wait(std::chrono::seconds(1)))
      return fail(errc::unavailable, "the server ended with {} and said: {}", how->to_string(), log());
    return fail(errc::deadline_exceeded, "the server does not say where it listens; it said: {}", log());
  }
}

void server_process::signal(int number) const noexcept {
  ::syscall(SYS_pidfd_send_signal, process_, number, nullptr, 0);
}

std::optional<ending> server_process::wait(duration patience) {
  if (ended_) return ended_;
  auto until = system_clock().now() + patience;
  pollfd watched{process_, POLLIN, 0};
  int ready;
  while ((ready = ::poll(&watched, 1, milliseconds_until(until))) < 0 && errno == EINTR) {
  }
  if (ready <= 0) return std::nullopt;
  int status = 0;
  ::waitpid(pid_, &status, 0);  // it is dead; a tracer may hold it back for a moment
  ended_.emplace();
  if (WIFEXITED(status))
    ended_->code = WEXITSTATUS(status);
  else
    ended_->signal = WTERMSIG(status);
  return ended_;
}

std::string server_process::log() const {
  std::ifstream file(log_);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::uint64_t server_process::memory(const std::string& line) const {
  std::ifstream file(fmt::format("/proc/{}/status", pid_));
  for (std::string text; std::getline(file, text);)
    if (text.starts_with(line + ":")) return std::stoull(text.substr(line.size() + 1)) << 10;
  return 0;
}

void server_process::forget_peak() const {
  std::ofstream(fmt::format("/proc/{}/clear_refs", pid_)) << 5;
}

}  // namespace kiln::end_to_end
