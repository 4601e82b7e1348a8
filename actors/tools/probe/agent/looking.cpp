#include "actors/tools/probe/agent/looking.hpp"

#include <cerrno>

namespace kiln::probe_agent {

path_text::path_text(const char* folder, const char* name) {
  const bool is_root = strcmp(folder, "/") == 0;
  const int length = snprintf(text, sizeof text, "%s/%s", is_root ? "" : folder, name);
  if (length < 0 || static_cast<std::size_t>(length) >= sizeof text) text[0] = '\0';
}

ssize_t first_bytes(const char* path, char* into, std::size_t size) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return -1;
  const ssize_t count = read(file, into, size - 1);
  close(file);
  into[count > 0 ? count : 0] = '\0';
  return count;
}

bool is_readable(const char* path) {
  char byte[2];
  return first_bytes(path, byte, sizeof byte) > 0;
}

bool takes_files(const char* folder) {
  int file = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    char name[64];
    snprintf(name, sizeof name, ".kiln-probe-%d", getpid());
    const path_text path(folder, name);
    file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0) unlink(path);
  }
  if (file >= 0) close(file);
  return file >= 0;
}

bool opens_for_writing(const char* path) {
  const int file = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file >= 0) close(file);
  return file >= 0;
}

namespace {

// What stands behind the name in /proc/PID/stat. The name may hold anything, a ')' too.
bool stat_of(pid_t process, char (&text)[512], const char*& behind_name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", process);
  if (first_bytes(path, text, sizeof text) <= 0) return false;
  const char* end = strrchr(text, ')');
  if (end == nullptr) return false;
  behind_name = end + 1;
  return true;
}

}  // namespace

pid_t parent_of(pid_t process) {
  if (process == getpid()) return getppid();
  char text[512];
  const char* rest = nullptr;
  int parent = 0;
  if (!stat_of(process, text, rest) || sscanf(rest, " %*c %d", &parent) != 1) return 0;
  return parent;
}

bool is_ours(pid_t process) {
  for (int steps = 0; process > 1 && steps < 64; ++steps) {
    if (process == agent_process || process == getpid()) return true;
    process = parent_of(process);
  }
  return process == agent_process;
}

void name_of(pid_t process, char (&into)[32]) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/comm", process);
  if (first_bytes(path, into, sizeof into) <= 0) snprintf(into, sizeof into, "?");
  into[strcspn(into, "\n")] = '\0';
}

}  // namespace kiln::probe_agent
