#include "plugins/transports/grpc/flood_guard.hpp"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace kiln::grpc_plugin {
namespace {

constexpr auto tick = std::chrono::milliseconds(50);

duration now_on(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return duration::zero();
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

union socket_address {
  sockaddr any;
  sockaddr_in four;
  sockaddr_in6 six;
};

int port_of(const socket_address& where) {
  if (where.any.sa_family == AF_INET) return ntohs(where.four.sin_port);
  if (where.any.sa_family == AF_INET6) return ntohs(where.six.sin6_port);
  return -1;
}

/// A connection that came in at one of these ports. (What listens there has no peer.)
bool came_in_at(int descriptor, const std::set<int>& ports) {
  socket_address here{};
  socklen_t size = sizeof here;
  if (::getsockname(descriptor, &here.any, &size) != 0 || !ports.contains(port_of(here))) return false;
  socket_address there{};
  size = sizeof there;
  return ::getpeername(descriptor, &there.any, &size) == 0;
}

std::uint64_t inode_of(int descriptor) {
  struct stat about {};
  return ::fstat(descriptor, &about) == 0 && S_ISSOCK(about.st_mode) ? about.st_ino : 0;
}

std::uint64_t bytes_received(int descriptor) {
  tcp_info about{};
  socklen_t size = sizeof about;
  return ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &about, &size) == 0 ? about.tcpi_bytes_received : 0;
}

}  // namespace

flood_guard::flood_guard(const std::vector<watched_thread>& threads, std::set<int> ports, duration patience,
                         logger* log)
    : ports_(std::move(ports)), patience_(patience), log_(log) {
  for (const auto& one : threads) {
    clockid_t work{};
    if (::pthread_getcpuclockid(one.thread, &work) == 0) watched_.push_back({work, one.handed_out});
  }
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "grpc-guard");
}

flood_guard::~flood_guard() {
  {
    std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void flood_guard::run() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, tick, [this] { return end_; })) {
    lock.unlock();
    for (auto& one : watched_) look_at(one);
    lock.lock();
  }
}

void flood_guard::look_at(watch& one) {
  auto worked = now_on(one.work);
  auto seen = one.handed_out->load(std::memory_order_relaxed);
  if (std::exchange(one.seen, seen) != seen) {
    one.worked = worked;
    one.before.reset();
    return;
  }
  auto busy = worked - one.worked;
  if (busy > patience_ && one.before) {
    cut_the_loudest(*one.before);
    one.worked = worked;
    one.before.reset();
  } else if (busy > patience_ / 2 && !one.before) {
    one.before = all_connections();
  }
}

flood_guard::connections flood_guard::all_connections() const {
  connections all;
  std::error_code fault;
  for (std::filesystem::directory_iterator at("/proc/self/fd", fault), end; !fault && at != end;
       at.increment(fault)) {
    const auto name = at->path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    auto inode = inode_of(descriptor);
    if (inode != 0 && came_in_at(descriptor, ports_))
      all.emplace(descriptor, connection{inode, bytes_received(descriptor)});
  }
  return all;
}

void flood_guard::cut_the_loudest(const connections& before) {
  std::map<int, std::uint64_t> brought;
  std::uint64_t most = 0;
  for (const auto& [descriptor, now] : all_connections()) {
    auto known = before.find(descriptor);
    bool same = known != before.end() && known->second.inode == now.inode;
    auto bytes = now.received - (same ? known->second.received : 0);
    brought.emplace(descriptor, bytes);
    most = std::max(most, bytes);
  }
  std::size_t cut = 0;
  for (const auto& [descriptor, bytes] : brought)
    if (most > 0 && bytes >= most / 2 && ::shutdown(descriptor, SHUT_RDWR) == 0) ++cut;
  if (log_ != nullptr && cut > 0)
    log_->warn("connections were cut that sent without a pause, and nothing that could be answered",
               {{"connections", cut}});
}

}  // namespace kiln::grpc_plugin
