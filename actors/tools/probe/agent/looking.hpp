#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/tools/probe/agent/answer.hpp"

/// How the probes look around: folders, lines, homes, processes.
namespace kiln::probe_agent {

/// A name in a folder; "" stands for a slash alone. Too long a one is no path at all.
struct path_text {
  char text[PATH_MAX];
  path_text(const char* folder, const char* name);
  operator const char*() const noexcept { return text; }
};

/// Calls `look(name)` for everything in a folder but . and .. ; false if it cannot be listed.
template <class Look>
bool each_entry(const char* folder, Look look) {
  DIR* open = opendir(folder);
  if (open == nullptr) return false;
  while (const dirent* entry = readdir(open))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) look(entry->d_name);
  closedir(open);
  return true;
}

/// Calls `look(line)` for every line of a text; false if it cannot be read.
template <class Look>
bool each_line(const char* path, Look look) {
  FILE* file = fopen(path, "re");
  if (file == nullptr) return false;
  char line[1024];
  while (fgets(line, sizeof line, file) != nullptr) {
    line[strcspn(line, "\n")] = '\0';
    look(static_cast<const char*>(line));
  }
  fclose(file);
  return true;
}

/// Calls `look(folder)` for the homes that there are: of the administrator, below /home, and of whoever
/// /etc/passwd knows as a person.
template <class Look>
void each_home(Look look) {
  struct stat facts {};
  auto look_if_there = [&](const char* home) {
    if (stat(home, &facts) == 0 && S_ISDIR(facts.st_mode)) look(home);
  };
  look_if_there("/root");
  each_entry("/home", [&](const char* name) { look_if_there(path_text("/home", name)); });
  each_line("/etc/passwd", [&](const char* line) {
    unsigned user = 0;
    char home[512] = {};
    if (sscanf(line, "%*[^:]:%*[^:]:%u:%*u:%*[^:]:%511[^:]", &user, home) != 2) return;
    const bool known = strcmp(home, "/root") == 0 || strncmp(home, "/home/", 6) == 0;
    if (user >= 1000 && user < 65534 && !known && strlen(home) > 1) look_if_there(home);
  });
}

/// At most `size - 1` bytes of a file, ended by zero; -1 if it cannot be read.
ssize_t first_bytes(const char* path, char* into, std::size_t size);
/// Whether a byte of it can be read.
bool is_readable(const char* path);
/// Whether a file can be made there. What is made has no name, or loses it at once.
bool takes_files(const char* folder);
/// Whether an open for writing is granted. Nothing is written.
bool opens_for_writing(const char* path);

/// 0 if it is unknown.
pid_t parent_of(pid_t process);
/// The agent and all below it.
bool is_ours(pid_t process);
/// Its short name, "?" if it is unknown.
void name_of(pid_t process, char (&into)[32]);
/// Calls `look(process)` for every process that is neither ours, nor the first, nor the one that started us:
/// that there are those two is no secret.
template <class Look>
bool each_stranger(Look look) {
  const pid_t starter = parent_of(agent_process);
  return each_entry("/proc", [&](const char* name) {
    const pid_t process = atoi(name);
    if (process > 1 && process != starter && !is_ours(process)) look(process);
  });
}
/// ... and for those two.
template <class Look>
bool each_other(Look look) {
  if (agent_process != 1) look(pid_t{1});
  const pid_t starter = parent_of(agent_process);
  if (starter > 1) look(starter);
  return each_stranger(look);
}

}  // namespace kiln::probe_agent
