#include "plugins/transports/http/server_context.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/peer.hpp"
#include "core/net/peer_name.hpp"
#include "plugins/transports/http/session.hpp"

namespace kiln::http_plugin {
namespace {

namespace asio = boost::asio;

int family_of(int descriptor) {
  sockaddr_storage where{};
  socklen_t size = sizeof where;
  return ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&where), &size) == 0 ? where.ss_family
                                                                                    : AF_INET;
}

}  // namespace

// One client cannot take the places of all others, were its connections ever so idle.
bool server_context::is_full_for(const std::string& client) const {
  std::lock_guard lock(mutex_);
  if (sessions_.size() >= options.max_connections) return true;
  auto found = of_client_.find(client);
  return found != of_client_.end() && found->second >= std::max(options.max_connections / 2, 1U);
}

void server_context::admit(int descriptor) {
  auto peer = peer_of(descriptor);
  std::string client(client_of(peer));
  const bool full = is_full_for(client);
  if (full) refused_.note(client);
  if (full || admitting->closing()) {
    ::close(descriptor);
    return;
  }
  executor own(io.get_executor());
  socket connection(own);
  error_code fault;
  connection.assign(asio::generic::stream_protocol(family_of(descriptor), 0), descriptor, fault);
  if (fault) {
    ::close(descriptor);
    return;
  }
  std::shared_ptr<session> fresh;
  {
    std::lock_guard lock(mutex_);
    const auto id = next_++;
    fresh = std::make_shared<session>(shared_from_this(), id, make_wire(std::move(connection), tls.get()),
                                      own, std::move(peer));
    ++of_client_[client];
    sessions_[id] = {fresh, std::move(client)};
  }
  run_on(own, [fresh] { fresh->start(); });
}

void server_context::forget(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  auto gone = sessions_.extract(id);
  if (!gone) return;
  auto count = of_client_.find(gone.mapped().client);
  if (count != of_client_.end() && --count->second == 0) of_client_.erase(count);
}

std::size_t server_context::sessions() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

std::vector<std::shared_ptr<session>> server_context::all() const {
  std::vector<std::shared_ptr<session>> found;
  std::lock_guard lock(mutex_);
  found.reserve(sessions_.size());
  for (const auto& [id, one] : sessions_)
    if (auto alive = one.held.lock()) found.push_back(std::move(alive));
  return found;
}

void server_context::end_idle() {
  for (const auto& one : all()) run_on(one->place(), [one] { one->end_if_idle(); });
}

void server_context::cut_all() {
  for (const auto& one : all()) run_on(one->place(), [one] { one->cut(); });
}

void server_context::look_at_deadlines() {
  const auto now = time.now();
  for (const auto& one : all())
    if (one->overdue(now)) run_on(one->place(), [one] { one->expire(); });
}

void server_context::end() {
  {
    std::unique_lock lock(gate_);
    ended_ = true;
  }
  std::lock_guard alone(after_the_end_);
  io.restart();
  io.poll();
}

}  // namespace kiln::http_plugin
