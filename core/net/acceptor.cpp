#include "core/net/acceptor.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/base/peer.hpp"
#include "core/net/peer_name.hpp"

namespace kiln {
namespace {

constexpr int accepted_at_once = 64;
constexpr int tick = 250;  // ms

bool listens(int number) {
  int yes = 0;
  socklen_t size = sizeof yes;
  return ::getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) == 0 && yes != 0;
}

}  // namespace

expected<std::unique_ptr<acceptor>> acceptor::open(const std::vector<std::string>& addresses, options wanted,
                                                   const clock& time) {
  std::vector<listening_address> at;
  for (const auto& address : addresses) {
    auto listening = listen_on(address);
    if (!listening) return failure(std::move(listening).error());
    at.push_back(std::move(*listening));
  }
  std::unique_ptr<acceptor> made(new acceptor(std::move(at), std::move(wanted), time));
  if (made->events_.number() < 0 || made->ending_.number() < 0)
    return failure(system_error(errno, "watching what is listened to"));
  return made;
}

acceptor::acceptor(std::vector<listening_address> at, options wanted, const clock& time)
    : at_(std::move(at)),
      options_(std::move(wanted)),
      time_(time),
      events_(::epoll_create1(EPOLL_CLOEXEC)),
      ending_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      seen_(first_bytes_needed) {}

acceptor::~acceptor() {
  stop();
}

std::vector<std::string> acceptor::addresses() const {
  std::vector<std::string> all;
  for (const auto& one : at_) all.push_back(one.address());
  return all;
}

bool acceptor::watch(int number, std::uint32_t events) {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.fd = number;
  return ::epoll_ctl(events_.number(), EPOLL_CTL_ADD, number, &wanted) == 0;
}

void acceptor::start(newcomer come) {
  come_ = std::move(come);
  watch(ending_.number(), EPOLLIN);
  for (const auto& one : at_)
    for (const auto& socket : one.sockets()) watch(socket.number(), EPOLLIN);
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), options_.thread.substr(0, 15).c_str());
}

void acceptor::stop() {
  if (!thread_.joinable()) return;
  std::uint64_t one = 1;
  [[maybe_unused]] auto told = ::write(ending_.number(), &one, sizeof one);
  thread_.join();
  unheard_.clear();
  // Who is in the backlog is refused by the kernel, and so is who comes now.
  for (const auto& each : at_)
    for (const auto& socket : each.sockets()) ::shutdown(socket.number(), SHUT_RD);
}

void acceptor::run() {
  std::array<epoll_event, 64> come{};
  for (;;) {
    int count = ::epoll_wait(events_.number(), come.data(), come.size(), unheard_.empty() ? -1 : tick);
    for (int i = 0; i < count; ++i) {
      const int number = come[static_cast<std::size_t>(i)].data.fd;
      if (number == ending_.number()) return;
      const bool ended = (come[static_cast<std::size_t>(i)].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
      if (unheard_.contains(number))
        listen_to(number, ended);
      else if (listens(number))
        accept_from(number);
    }
    give_up_the_silent();
  }
}

void acceptor::accept_from(int socket) {
  for (int i = 0; i < accepted_at_once; ++i) {
    owned_socket fresh(::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fresh.number() < 0) {
      // No descriptor is free: it would be asked for again at once, and for ever.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) ::poll(nullptr, 0, tick);
      return;
    }
    if (!options_.look) {
      come_(std::move(fresh), spoken::unknown);
      continue;
    }
    const int number = fresh.number();
    std::string client(client_of(peer_of(number)));
    unheard_[number] = {std::move(fresh), time_.now() + options_.patience, order_++, std::move(client)};
    // Edges: what was looked at and is not enough does not wake us again, until there is more.
    if (watch(number, EPOLLIN | EPOLLRDHUP | EPOLLET))
      listen_to(number, false);
    else
      unheard_.erase(number);
  }
}

// `ended`: nothing more will come.
void acceptor::listen_to(int number, bool ended) {
  auto got = ::recv(number, seen_.data(), seen_.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  auto entry = unheard_.find(number);
  if (got <= 0) {
    unheard_.erase(entry);
    return;
  }
  auto speaks = what_speaks({seen_.data(), static_cast<std::size_t>(got)}, options_.encrypted);
  if (speaks == spoken::unknown && static_cast<std::size_t>(got) < seen_.size()) {
    // What came stays readable after a reset, and would be looked at until its time is over.
    if (ended) unheard_.erase(entry);
    return;
  }
  ::epoll_ctl(events_.number(), EPOLL_CTL_DEL, number, nullptr);
  auto connection = std::move(entry->second.connection);
  unheard_.erase(entry);
  come_(std::move(connection), speaks);
}

void acceptor::give_up_the_silent() {
  if (unheard_.empty()) return;
  const auto now = time_.now();
  std::erase_if(unheard_, [now](const auto& one) { return one.second.until < now; });
  if (unheard_.size() > options_.max_unheard) make_room();
}

// A client that opens many takes its own places, and not those of others.
void acceptor::make_room() {
  std::unordered_map<std::string, std::size_t> counts;
  for (const auto& [number, one] : unheard_) ++counts[one.client];
  while (unheard_.size() > options_.max_unheard) {
    auto most = std::max_element(counts.begin(), counts.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; });
    auto oldest = unheard_.end();
    for (auto each = unheard_.begin(); each != unheard_.end(); ++each)
      if (each->second.client == most->first &&
          (oldest == unheard_.end() || each->second.order < oldest->second.order))
        oldest = each;
    unheard_.erase(oldest);
    --most->second;
  }
}

}  // namespace kiln
