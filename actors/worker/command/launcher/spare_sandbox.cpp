#include "actors/worker/command/launcher/spare_sandbox.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "actors/worker/command/launcher/command_message.hpp"

namespace kiln::launcher {

void spare_sandbox::watch_mounts() {
  mounts_ = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
}

bool spare_sandbox::have_changed() const {
  pollfd changed{mounts_, POLLPRI, 0};
  return poll(&changed, 1, 0) != 0;
}

void spare_sandbox::look() {
  if (mounts_ >= 0 && have_changed()) give_up();
}

bool spare_sandbox::can_be_like(const command_head& head, int image) {
  // What has the machine's network, or shows nothing of the machine, is rare.
  if (mounts_ < 0 || head.others_follow == 0 || head.sandboxed == 0 || head.network != 0 || head.at_root != 0)
    return false;
  return kept_.read(head, image);
}

void spare_sandbox::keep(pid_t pid, int orders) {
  give_up();
  pid_ = pid;
  orders_ = orders;
}

bool spare_sandbox::take(const command_head& head, const command_descriptors& with) {
  look();
  if (!is_there() || !kept_.is_of(head, with.image)) return false;
  const bool taken = send_command(orders_, with);
  give_up();
  return taken;
}

void spare_sandbox::forget(pid_t pid) {
  if (pid == pid_) give_up();
}

void spare_sandbox::give_up() {
  if (orders_ >= 0) close(orders_);
  orders_ = -1;
  pid_ = 0;
}

void spare_sandbox::close_all() {
  give_up();
  if (mounts_ >= 0) close(mounts_);
  mounts_ = -1;
}

}  // namespace kiln::launcher
