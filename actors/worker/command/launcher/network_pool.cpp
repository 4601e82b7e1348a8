#include "actors/worker/command/launcher/network_pool.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace kiln::launcher {
namespace {

constexpr const char* my_network = "/proc/self/ns/net";
constexpr const char* kept_ports = "/proc/sys/net/ipv4/tcp_max_tw_buckets";

/// A port that a closed connection had would be taken for a minute, and the next command would see that.
bool keep_no_ports() {
  int setting = open(kept_ports, O_WRONLY | O_CLOEXEC);
  if (setting < 0) return false;
  const bool done = write(setting, "0", 1) == 1;
  close(setting);
  return done;
}

}  // namespace

int network_pool::take() {
  if (geteuid() != 0) return -1;
  for (std::size_t i = 0; i < count_; ++i)
    if (all_[i].user == 0) return all_[i].network;
  const int made = count_ < most ? make() : -1;
  if (made >= 0) all_[count_++] = {made, 0};
  return made;
}

int network_pool::make() {
  if (own_ < 0) own_ = open(my_network, O_RDONLY | O_CLOEXEC);
  if (own_ < 0 || unshare(CLONE_NEWNET) != 0) return -1;
  int made = start_loopback() && keep_no_ports() ? open(my_network, O_RDONLY | O_CLOEXEC) : -1;
  // Commands that may use the machine's network must not be left without.
  if (setns(own_, CLONE_NEWNET) != 0) _exit(1);
  return made;
}

void network_pool::lend(int network, pid_t to) {
  for (std::size_t i = 0; i < count_; ++i)
    if (all_[i].network == network) all_[i].user = to;
}

void network_pool::take_back(pid_t from, bool well) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (all_[i].user != from) continue;
    all_[i].user = 0;
    if (well) return;
    // Something may be left in it for a moment.
    close(all_[i].network);
    all_[i] = all_[--count_];
    return;
  }
}

void network_pool::close_others(int network) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (all_[i].network != network) close(all_[i].network);
  if (own_ >= 0) close(own_);
}

bool start_loopback() {
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return errno == EAFNOSUPPORT;  // a kernel without it
  ifreq loopback{};
  memcpy(loopback.ifr_name, "lo", 3);
  bool done = ioctl(any, SIOCGIFFLAGS, &loopback) == 0;
  loopback.ifr_flags = static_cast<short>(loopback.ifr_flags | IFF_UP);
  done = done && ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
  close(any);
  return done;
}

}  // namespace kiln::launcher
