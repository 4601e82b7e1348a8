#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdio>

namespace kiln::launcher {

/// Our children, as the kernel lists them.
class child_list {
public:
  bool read() {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", static_cast<int>(getpid()));
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    // What does not fit is seen in the next round: the callers go on until nothing is left.
    ssize_t size = ::read(file, text_, sizeof text_ - 1);
    close(file);
    text_[size > 0 ? size : 0] = '\0';
    return size >= 0;
  }
  template <class Each>
  void for_each(Each each) const {
    for (const char* at = text_; *at != '\0';) {
      char* end = nullptr;
      long pid = strtol(at, &end, 10);
      if (end == at) return;
      each(static_cast<pid_t>(pid));
      at = end;
    }
  }

private:
  char text_[65536];
};

}  // namespace kiln::launcher
