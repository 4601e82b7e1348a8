#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "core/base/random.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/store.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/environment.hpp"
#include "plugins/stores/redis/reactor.hpp"
#include "plugins/stores/redis/redis_options.hpp"

namespace kiln::redis_store {

/// What one store counts. Null where nobody collects.
struct redis_figures {
  redis_figures(metric_registry* metrics, const std::string& store);

  counter* commands = nullptr;
  counter* pipelines = nullptr;
  counter* reconnects = nullptr;
  counter* repeated = nullptr;
  counter* refused = nullptr;
  counter* damaged = nullptr;
  gauge* connections = nullptr;
  gauge* bytes = nullptr;
  gauge* waiting = nullptr;

  static void count(counter* what, std::uint64_t by = 1) {
    if (what != nullptr) what->add(by);
  }
  static void move(gauge* what, double by) {
    if (what != nullptr) what->add(by);
  }
};

/// What all parts of one store share. It may outlive the store, in a source that somebody still reads.
struct redis_engine {
  const redis_options options;
  const std::unique_ptr<random_source> own_random;
  const environment env;  ///< with a generator of its own
  const std::string name;
  const store_role what;
  const std::shared_ptr<reactor> loop;
  const std::shared_ptr<boost::asio::ssl::context> tls;
  const std::shared_ptr<thread_pool> hashing;
  const redis_figures figures;

  steady_time now() const noexcept { return loop->now(); }
};

using engine_ptr = std::shared_ptr<const redis_engine>;

}  // namespace kiln::redis_store
