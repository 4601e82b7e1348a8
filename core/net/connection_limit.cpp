#include "core/net/connection_limit.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>

namespace kiln {
namespace {

// A look costs a microsecond for each connection.
constexpr auto time_between_looks = std::chrono::milliseconds(100);

// Each socket has a number of its own, whatever descriptor it gets.
std::uint64_t inode_of_socket(int descriptor) {
  struct stat about {};
  return ::fstat(descriptor, &about) == 0 && S_ISSOCK(about.st_mode) ? about.st_ino : 0;
}

}  // namespace

bool connection_limit::admit(int descriptor, const std::string& client, steady_time now) {
  // What had this number before is closed.
  if (auto before = open_.find(descriptor); before != open_.end()) forget(before);
  if (is_full_for(client) && now >= look_again_) {
    forget_closed();
    look_again_ = now + time_between_looks;
  }
  if (is_full_for(client)) return false;
  open_[descriptor] = {inode_of_socket(descriptor), client};
  ++of_client_[client];
  return true;
}

bool connection_limit::is_full_for(const std::string& client) const {
  if (open_.size() >= most_) return true;
  auto found = of_client_.find(client);
  return found != of_client_.end() && found->second >= std::max<std::size_t>(most_ / 2, 1);
}

void connection_limit::forget(std::unordered_map<int, connection>::iterator one) {
  auto count = of_client_.find(one->second.client);
  if (--count->second == 0) of_client_.erase(count);
  open_.erase(one);
}

void connection_limit::forget_closed() {
  for (auto each = open_.begin(); each != open_.end();) {
    auto one = each++;
    if (inode_of_socket(one->first) != one->second.inode) forget(one);
  }
}

}  // namespace kiln
