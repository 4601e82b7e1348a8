#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/random.hpp"
#include "core/base/thread_pool.hpp"
#include "core/base/work_budget.hpp"
#include "core/contract/store.hpp"
#include "core/net/web_client.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/environment.hpp"
#include "plugins/stores/s3/s3_address.hpp"
#include "plugins/stores/s3/s3_options.hpp"

namespace kiln::s3_store {

/// Whoever waits for a T. Called once, on any thread, and must not block.
template <class T>
using done = std::function<void(expected<T>)>;

/// What one store counts. Null where nobody collects.
struct s3_figures {
  s3_figures(metric_registry* metrics, const std::string& store);

  counter* requests = nullptr;
  counter* repeated = nullptr;
  counter* remembered = nullptr;
  counter* resumed = nullptr;
  counter* damaged = nullptr;
  counter* copied_forward = nullptr;
  counter* aborted_uploads = nullptr;

  static void count(counter* what) {
    if (what != nullptr) what->add(1);
  }
};

/// What all parts of one store share. It may outlive the store, in a source that somebody still reads.
struct s3_engine {
  const s3_options options;
  const std::unique_ptr<random_source> own_random;
  const environment env;  ///< with a generator of its own
  const std::string name;
  const store_role what;
  const s3_address address;
  const std::shared_ptr<web_client> web;
  const std::shared_ptr<thread_pool> hashing;
  const std::shared_ptr<work_budget> memory;
  const s3_figures figures;

  steady_time now() const noexcept { return env.time->now(); }
  bool holds_content() const noexcept { return what == store_role::content; }
  /// "store cas in bucket b at host: ..."
  failure explain(const error& fault) const;
};

using engine_ptr = std::shared_ptr<const s3_engine>;

}  // namespace kiln::s3_store
