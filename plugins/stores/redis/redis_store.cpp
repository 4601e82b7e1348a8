#include "plugins/stores/redis/redis_store.hpp"

#include <algorithm>
#include <utility>

#include "core/base/machine.hpp"
#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/redis/append_upload.hpp"
#include "plugins/stores/redis/find_keys.hpp"
#include "plugins/stores/redis/read_keys.hpp"
#include "plugins/stores/redis/window_source.hpp"
#include "plugins/stores/redis/write_keys.hpp"

namespace kiln::redis_store {
namespace {

environment with_own_random(environment env, random_source& random) {
  env.random = &random;
  return env;
}

std::shared_ptr<redis_engine> make_engine(const redis_options& options, const store_context& context,
                                          std::shared_ptr<boost::asio::ssl::context> tls) {
  const auto& env = context.env;
  auto random = make_seeded_random(env.random->next());
  auto own = with_own_random(env, *random);
  const auto threads = options.threads.value_or(std::max(processors() / 2, 1U));
  return std::shared_ptr<redis_engine>(new redis_engine{
      options, std::move(random), own, context.name, context.what, std::make_shared<reactor>(*env.time),
      std::move(tls), env.pools->make("kiln-arrivals", threads), redis_figures(env.metrics, context.name)});
}

std::vector<server_address> addresses_of(const redis_options& options) {
  std::vector<server_address> all;
  for (const auto& text : options.endpoints)
    if (auto address = parse_server_address(text)) all.push_back(std::move(*address));
  return all;
}

failure no_such_thing(std::string_view what) {
  return fail(errc::unimplemented, "a store in Redis has no {}", what);
}

/// The thread on which it talks with the servers. It ends with this, and so does all that waits.
class talking {
public:
  talking(engine_ptr engine, const environment& env)
      : engine_(std::move(engine)),
        servers_(std::make_shared<server_group>(engine_, addresses_of(engine_->options))),
        client_(std::make_shared<redis_client>(engine_, servers_)),
        thread_(env.pools->make("kiln-redis", 1)) {}
  ~talking() {
    engine_->loop->end([servers = servers_] { servers->close({errc::unavailable, "the store has ended"}); });
  }
  talking(const talking&) = delete;
  talking& operator=(const talking&) = delete;

  expected<void> begin() {
    return thread_->post([loop = engine_->loop] { loop->run(); });
  }
  const client_ptr& client() const noexcept { return client_; }

private:
  const engine_ptr engine_;
  const std::shared_ptr<server_group> servers_;
  const client_ptr client_;
  const std::unique_ptr<thread_pool> thread_;
};

class redis_store {
public:
  redis_store(resumable_store::pointer self, std::shared_ptr<talking> with, keyed_ptr where)
      : self_(self), with_(std::move(with)), where_(std::move(where)) {}

  caf::result<missing_blobs> take(find_missing& order) {
    return begin<find_missing>(
        [&](auto then) { find_missing_keys(where_, std::move(order), std::move(then)); });
  }
  caf::result<blob_content> take(const read_blob& order) {
    auto* read = where_->holds_content() ? read_key : read_result_key;
    return begin<read_blob>([&](auto then) { read(where_, order, std::move(then)); });
  }
  caf::result<blob_batch> take(read_blobs& order) {
    return begin<read_blobs>([&](auto then) { read_many_keys(where_, std::move(order), std::move(then)); });
  }
  caf::result<receipt> take(write_blob& order) {
    if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
    auto* write = where_->holds_content() ? write_key : write_result_key;
    return begin<write_blob>([&](auto then) { write(where_, std::move(order), std::move(then)); });
  }
  caf::result<receipts> take(write_blobs& order) {
    return begin<write_blobs>([&](auto then) { write_many_keys(where_, std::move(order), std::move(then)); });
  }
  caf::result<forgotten> take(const forget_blob& order) {
    return begin<forget_blob>([&](auto then) { forget_key(where_, order, std::move(then)); });
  }
  expected<lent_files> take(const lend_files&) { return no_such_thing("files to lend"); }
  expected<leased> take(const lease_blobs&) { return no_such_thing("leases"); }
  expected<store_stats> take(const measure_store&) { return no_such_thing("figures of its own"); }
  store_flushed take(const flush_store&) { return {}; }  // what was acknowledged is the servers' duty
  void take(const watch_store&) {}                       // see redis_promises: it tells no news

private:
  /// `start(done)` on the thread of the reactor, and its outcome here, for the asker.
  template <class Order, class Start>
  caf::result<answer_to<Order>> begin(Start start) {
    using reply = answer_to<Order>;
    auto asker = make_answer<reply>(self_);
    start(come_home<reply>(resumable_store(self_),
                           [asker](auto outcome) mutable { asker.deliver(std::move(outcome)); }));
    return asker;
  }

  const resumable_store::pointer self_;
  const std::shared_ptr<talking> with_;
  const keyed_ptr where_;
};

}  // namespace
}  // namespace kiln::redis_store

namespace kiln {

expected<store_actor> spawn_redis_store(const redis_options& options, const store_context& context) {
  auto tls = redis_store::make_redis_tls(options.tls);
  if (!tls) return failure(tls.error());
  auto engine = redis_store::make_engine(options, context, std::move(*tls));
  auto with = std::make_shared<redis_store::talking>(engine, context.env);
  if (auto begun = with->begin(); !begun) return failure(begun.error());
  auto where = std::make_shared<const redis_store::keyed_store>(
      redis_store::keyed_store{with->client(), redis_store::key_names(options.key_prefix, context.what)});
  return spawn_store<redis_store::redis_store>(context.system, context.env, std::move(with),
                                               std::move(where));
}

}  // namespace kiln
