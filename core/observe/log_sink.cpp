#include "core/observe/log_sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace kiln {
namespace {

// How long a non-blocking descriptor may stay full before its lines are given up.
constexpr int patience_ms = 1000;

class descriptor_writer {
public:
  explicit descriptor_writer(int descriptor) : own_(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3)) {}
  descriptor_writer(const descriptor_writer&) = delete;
  descriptor_writer& operator=(const descriptor_writer&) = delete;
  ~descriptor_writer() {
    if (own_ >= 0) ::close(own_);
  }

  bool write(std::string_view lines) {
    if (own_ < 0) return false;
    // What was cut short must not run into the next line.
    if (inside_line_ && put("\n")) inside_line_ = false;
    return !inside_line_ && put(lines);
  }

private:
  bool put(std::string_view rest) {
    while (!rest.empty()) {
      const ssize_t written = ::write(own_, rest.data(), rest.size());
      if (written > 0) {
        inside_line_ = rest[static_cast<std::size_t>(written) - 1] != '\n';
        rest.remove_prefix(static_cast<std::size_t>(written));
      } else if (written == 0) {
        return false;
      } else if (errno == EAGAIN) {
        pollfd room{own_, POLLOUT, 0};
        if (::poll(&room, 1, patience_ms) <= 0) return false;
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  }

  int own_;
  bool inside_line_ = false;
};

}  // namespace

log_sink descriptor_sink(int descriptor) {
  auto writer = std::make_shared<descriptor_writer>(descriptor);
  return [writer](std::string_view lines) { return writer->write(lines); };
}

}  // namespace kiln
