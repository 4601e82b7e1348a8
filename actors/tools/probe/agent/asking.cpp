#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "actors/tools/probe/agent/answer.hpp"

namespace kiln::probe_agent {

int agent_process = 0;

namespace {

constexpr unsigned patience_seconds = 8;
int printed = 0;

void write_all(const char* text, std::size_t size) {
  while (size > 0) {
    const ssize_t done = write(STDOUT_FILENO, text, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) _exit(3);
    text += done;
    size -= static_cast<std::size_t>(done);
  }
}

/// A refusal may kill: then the one who asked has ended, and we have not.
void judge(answer& found, int status) {
  if (!WIFSIGNALED(status)) return;
  const int number = WTERMSIG(status);
  if (number == SIGSYS) return found.note("whoever asks is killed by SIGSYS");
  if (number == SIGALRM) return found.untried("no end within %u seconds", patience_seconds);
  found.untried("ended by SIG%s", sigabbrev_np(number) != nullptr ? sigabbrev_np(number) : "?");
}

void print(const probe& about, const answer& found) {
  static constexpr const char* words[] = {"held", "LEAKED", "untried"};
  char seen[300];
  snprintf(seen, sizeof seen, "%s", found.seen());
  if (found.untold() > 0) {
    const std::size_t length = strlen(seen);
    snprintf(seen + length, sizeof seen - length, " and %d more", found.untold());
  }
  // Names come from others: they must not look like a line of ours.
  for (char* at = seen; *at != '\0'; ++at)
    if (static_cast<unsigned char>(*at) < 0x20 || static_cast<unsigned char>(*at) >= 0x7f) *at = '?';
  char line[600];
  const int size = snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", about.kind, about.name,
                            words[static_cast<int>(found.what())], seen);
  write_all(line, static_cast<std::size_t>(size));
  ++printed;
}

}  // namespace

void ask_all(std::span<const probe> probes) {
  void* shared = mmap(nullptr, sizeof(answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) _exit(3);
  for (const auto& one : probes) {
    auto* found = new (shared) answer;
    const pid_t child = fork();
    if (child == 0) {
      alarm(patience_seconds);
      one.ask(*found);
      _exit(0);
    }
    int status = 0;
    if (child < 0)
      found->untried("no child process: %s", strerror(errno));
    else if (waitpid(child, &status, 0) == child)
      judge(*found, status);
    print(one, *found);
  }
  munmap(shared, sizeof(answer));
}

void print_beginning() {
  constexpr char line[] = "kiln-probe 1\n";
  write_all(line, sizeof line - 1);
}

void print_end() {
  char line[32];
  const int size = snprintf(line, sizeof line, "end %d\n", printed);
  write_all(line, static_cast<std::size_t>(size));
}

}  // namespace kiln::probe_agent
