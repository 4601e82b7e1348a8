#include "actors/worker/command/launcher/group_hosts.hpp"

#include <stdlib.h>
#include <unistd.h>

namespace kiln::launcher {

int group_hosts::find(std::uint32_t group) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (all_[i].group == group && all_[i].socket >= 0) return all_[i].socket;
  return -1;
}

bool group_hosts::add(std::uint32_t group, pid_t pid, int socket) {
  if (count_ == room_) {
    const std::size_t more = room_ == 0 ? 16 : room_ * 2;
    auto* moved = static_cast<entry*>(realloc(all_, more * sizeof(entry)));
    if (moved == nullptr) return false;
    all_ = moved;
    room_ = more;
  }
  all_[count_++] = {group, pid, socket};
  return true;
}

bool group_hosts::has(pid_t pid) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (all_[i].pid == pid) return true;
  return false;
}

bool group_hosts::remove(pid_t pid) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (all_[i].pid != pid) continue;
    if (all_[i].socket >= 0) close(all_[i].socket);
    all_[i] = all_[--count_];
    return true;
  }
  return false;
}

void group_hosts::forget(std::uint32_t group) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (all_[i].group != group || all_[i].socket < 0) continue;
    close(all_[i].socket);
    all_[i].socket = -1;
  }
}

void group_hosts::close_all() {
  for (std::size_t i = 0; i < count_; ++i) {
    if (all_[i].socket >= 0) close(all_[i].socket);
    all_[i].socket = -1;
  }
}

}  // namespace kiln::launcher
