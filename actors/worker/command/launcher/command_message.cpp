#include "actors/worker/command/launcher/command_message.hpp"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace kiln::launcher {
namespace {

constexpr int command_descriptors::*in_order[] = {
    &command_descriptors::control,   &command_descriptors::image, &command_descriptors::folder,
    &command_descriptors::out,       &command_descriptors::err,   &command_descriptors::in,
    &command_descriptors::identities};
constexpr std::size_t most = sizeof in_order / sizeof in_order[0];

}  // namespace

bool send_command(int to, const command_descriptors& with, bool wait) {
  unsigned char which = 0;
  int numbers[most];
  std::size_t count = 0;
  for (std::size_t i = 0; i < most; ++i) {
    if (with.*in_order[i] < 0) continue;
    which = static_cast<unsigned char>(which | 1U << i);
    numbers[count++] = with.*in_order[i];
  }
  const std::size_t size = count * sizeof(int);
  iovec piece{&which, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof numbers)] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(head), numbers, size);
  for (;;) {
    if (sendmsg(to, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) == 1) return true;
    if (errno != EINTR) return false;
  }
}

arrival receive_command(int from, command_descriptors& into) {
  into = {};
  unsigned char which = 0;
  iovec piece{&which, 1};
  int numbers[most];
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof numbers)];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  const ssize_t size = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
  if (size < 0) return errno == EINTR || errno == EAGAIN ? arrival::nothing : arrival::closed;
  if (size == 0) return arrival::closed;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return arrival::nothing;
  const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  memcpy(numbers, CMSG_DATA(head), count * sizeof(int));
  std::size_t taken = 0;
  for (std::size_t i = 0; i < most && taken < count; ++i)
    if ((which >> i & 1U) != 0) into.*in_order[i] = numbers[taken++];
  return arrival::command;
}

void close_all(const command_descriptors& which) {
  for (auto one : in_order)
    if (which.*one >= 0) close(which.*one);
}

}  // namespace kiln::launcher
