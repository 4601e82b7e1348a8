#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/random.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/store.hpp"
#include "core/net/web_client.hpp"
#include "core/net/web_tries.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/environment.hpp"
#include "plugins/stores/http/web_store_options.hpp"

namespace kiln::web_store {

/// Whoever waits for a T. Called once, on any thread, and must not block.
template <class T>
using done = std::function<void(expected<T>)>;

struct web_figures {
  web_figures(metric_registry* metrics, const std::string& store);

  counter* requests = nullptr;
  counter* repeated = nullptr;
  counter* damaged = nullptr;

  static void count(counter* what) {
    if (what != nullptr) what->add(1);
  }
};

/// What all parts of one store share. It may outlive the store, in a source that somebody still reads.
struct web_engine {
  const web_store_options options;
  const std::unique_ptr<random_source> own_random;
  const environment env;  ///< with a generator of its own
  const std::string name;
  const store_role what;
  const std::shared_ptr<web_client> web;
  const std::shared_ptr<thread_pool> hashing;
  const web_figures figures;
};

/// The other server: how it is asked, each request again while that may help. Any thread; continuations run
/// on the web client's.
class web_remote : public std::enable_shared_from_this<web_remote> {
public:
  explicit web_remote(std::shared_ptr<const web_engine> engine) : engine_(std::move(engine)) {}

  const web_engine& engine() const noexcept { return *engine_; }
  const web_store_options& options() const noexcept { return engine_->options; }
  bool holds_content() const noexcept { return engine_->what == store_role::content; }
  /// Requests of one order that are under way: half of all, so that none of them keeps out the others.
  std::size_t of_one_order() const { return (options().max_requests + 1) / 2; }
  steady_time now() const noexcept { return engine_->env.time->now(); }

  /// The protocol has names for SHA-256 alone.
  bool can_name(const digest& blob) const noexcept { return blob.function == digest_function::sha256; }
  web_order order(std::string method, const digest& blob, steady_time until) const;
  failure no_such(const digest& blob) const;
  failure explain(const error& fault) const;

  /// The whole answer. NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED (it does not know the method),
  /// RESOURCE_EXHAUSTED (it is full, or the blob too large), UNAVAILABLE (it may work another time).
  void ask(web_order order, std::size_t limit, done<web_answer> then);
  /// The head of the answer, and the body as it comes: when that breaks, it is for the asker to go on.
  void open(web_order order, done<web_reply> then);
  web_tries new_tries(steady_time until) const;

  /// Whether it is there, with its size; nothing if not.
  void look(const digest& blob, steady_time until, done<std::optional<std::uint64_t>> then);
  /// Its bytes were wrong: whoever has the right ones can bring them again, if the server lets us.
  void drop_damaged(const digest& blob, const error& why);

private:
  class asking;
  const std::shared_ptr<const web_engine> engine_;
};

using remote_ptr = std::shared_ptr<web_remote>;

}  // namespace kiln::web_store
