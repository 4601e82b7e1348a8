#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/admission/admission.hpp"
#include "core/admission/refused_connections.hpp"
#include "core/base/clock.hpp"
#include "core/plugin/environment.hpp"
#include "plugins/transports/http/http_options.hpp"
#include "plugins/transports/http/wire.hpp"

namespace kiln::http_plugin {

class session;

/// What all connections of a transport share. Lives as long as one of them, or a call of one. Any thread.
class server_context : public std::enable_shared_from_this<server_context> {
public:
  server_context(http_options options, const environment& env, const std::string& name,
                 std::shared_ptr<admission> admitting)
      : options(std::move(options)),
        time(*env.time),
        admitting(std::move(admitting)),
        refused_(env.metrics, env.log, time, name) {}

  const http_options options;
  const clock& time;
  const std::shared_ptr<admission> admitting;
  const router* routes = nullptr;                  ///< before the first connection
  std::unique_ptr<boost::asio::ssl::context> tls;  ///< the same; null: in the clear
  boost::asio::io_context io;

  /// A connected socket, which becomes a session, or is closed where there are too many or the end is near.
  void admit(int descriptor);
  void forget(std::uint64_t id);
  /// Ends sessions without a request; the others after their answer.
  void end_idle();
  void cut_all();
  /// Cuts those that have been silent for too long.
  void look_at_deadlines();
  std::size_t sessions() const;

  /// Runs `work` on that executor; here, once there are no threads any more.
  template <class Work>
  void run_on(const executor& where, Work work) {
    {
      std::shared_lock lock(gate_);
      if (!ended_) return boost::asio::post(where, std::move(work));
    }
    std::lock_guard alone(after_the_end_);
    work();
  }
  /// After the threads have ended: what was posted runs here.
  void end();

private:
  std::vector<std::shared_ptr<session>> all() const;
  bool is_full_for(const std::string& client) const;

  refused_connections refused_;
  mutable std::mutex mutex_;
  std::uint64_t next_ = 0;
  struct connection {
    std::weak_ptr<session> held;
    std::string client;
  };
  std::unordered_map<std::uint64_t, connection> sessions_;
  std::unordered_map<std::string, std::size_t> of_client_;
  std::shared_mutex gate_;
  bool ended_ = false;
  std::recursive_mutex after_the_end_;
};

}  // namespace kiln::http_plugin
