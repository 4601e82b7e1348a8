#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>

namespace kiln::launcher {

/// How commands stand with the kernel when memory runs out: they go before the server and before whoever
/// supervises them. Without a supervisor a command's end is not known, and all that was done is lost.
class oom_rank {
public:
  /// Once, in the launcher. Where it was started near the top of the list it tries to come down a little,
  /// which not everybody may.
  void read() {
    int own = own_score();
    if (own > most - distance) {
      write(most - distance);
      own = own_score();
    }
    snprintf(text_, sizeof text_, "%d", own + distance > most ? most : own + distance);
  }
  /// In a command's process, before it executes. Of several threads or processes in one memory only the
  /// caller changes while its parent waits for it in vfork.
  void take() const { write_text(text_); }

private:
  static constexpr int distance = 500;
  static constexpr int most = 1000;
  static constexpr const char* file = "/proc/self/oom_score_adj";

  static int own_score() {
    char text[16] = {};
    int from = open(file, O_RDONLY | O_CLOEXEC);
    if (from < 0) return 0;
    [[maybe_unused]] auto size = ::read(from, text, sizeof text - 1);
    close(from);
    return atoi(text);
  }
  static void write(int score) {
    char text[16];
    snprintf(text, sizeof text, "%d", score);
    write_text(text);
  }
  static void write_text(const char* text) {
    int to = open(file, O_WRONLY | O_CLOEXEC);
    if (to < 0) return;
    std::size_t size = 0;
    while (text[size] != '\0') ++size;
    [[maybe_unused]] auto written = ::write(to, text, size);
    close(to);
  }

  char text_[16] = "500";
};

}  // namespace kiln::launcher
