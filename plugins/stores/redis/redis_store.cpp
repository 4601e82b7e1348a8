#include "plugins/stores/redis/redis_store.hpp"

#include <algorithm>
#include <future>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/machine.hpp"
#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/redis/append_upload.hpp"
#include "plugins/stores/redis/find_keys.hpp"
#include "plugins/stores/redis/keyspace_news.hpp"
#include "plugins/stores/redis/news_desk.hpp"
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

failure no_such_thing(std::string_view what) {
  return fail(errc::unimplemented, "a store in Redis has no {}", what);
}

/// The thread on which it talks with the servers. It ends with this, and so does all that waits.
class talking {
public:
  talking(engine_ptr engine, const environment& env)
      : engine_(std::move(engine)),
        servers_(std::make_shared<server_group>(engine_)),
        client_(std::make_shared<redis_client>(engine_, servers_)),
        thread_(env.pools->make("kiln-redis", 1)) {}
  ~talking() {
    engine_->loop->end([servers = servers_, news = news_] {
      if (news) news->close();
      servers->close({errc::unavailable, "the store has ended"});
    });
  }
  talking(const talking&) = delete;
  talking& operator=(const talking&) = delete;

  expected<void> begin() {
    return thread_->post([loop = engine_->loop] { loop->run(); });
  }
  const client_ptr& client() const noexcept { return client_; }
  /// From the store's actor, once.
  void listen(const key_names& names, keyspace_news::trust trusted, keyspace_news::heard heard) {
    news_ = std::make_shared<keyspace_news>(engine_, names, finder_of(engine_), std::move(trusted),
                                            std::move(heard));
    engine_->loop->post([news = news_] { news->start(); });
  }

private:
  const engine_ptr engine_;
  const std::shared_ptr<server_group> servers_;
  const client_ptr client_;
  std::shared_ptr<keyspace_news> news_;
  const std::unique_ptr<thread_pool> thread_;
};

/// Which of the blobs of an order its answer says to be there.
std::vector<digest> there_by(std::vector<digest> asked, const missing_blobs& answer) {
  const std::unordered_set<digest> absent(answer.blobs.begin(), answer.blobs.end());
  std::erase_if(asked, [&](const digest& blob) { return absent.contains(blob); });
  return asked;
}
template <class Answer>
std::vector<digest> there_by(std::vector<digest> asked, const Answer& answer) {
  if constexpr (requires { answer.results; }) {
    std::vector<digest> there;
    for (std::size_t i = 0; i < asked.size() && i < answer.results.size(); ++i)
      if (answer.results[i]) there.push_back(asked[i]);
    return there;
  } else if constexpr (std::is_same_v<Answer, forgotten>) {
    return {};
  } else {
    return asked;
  }
}

std::vector<digest> blobs_of(const write_blobs& order) {
  std::vector<digest> all;
  for (const auto& entry : order.entries) all.push_back(entry.blob);
  return all;
}
template <class Order>
std::vector<digest> blobs_of(const Order& order) {
  if constexpr (requires { order.blobs; })
    return order.blobs;
  else
    return {order.blob};
}

class redis_store {
public:
  redis_store(resumable_store::pointer self, std::shared_ptr<talking> with, keyed_ptr where)
      : self_(self), with_(std::move(with)), where_(std::move(where)), desk_(where_->options().max_told) {
    if (!where_->options().keyspace_news) return;
    const resumable_store home(self);
    with_->listen(where_->names, tell_home<bool>(home, [this](bool all) { desk_.trusted(all); }),
                  tell_home<std::vector<keyspace_news::event>>(
                      home, [this](const std::vector<keyspace_news::event>& news) { desk_.heard(news); }));
  }

  caf::result<missing_blobs> take(find_missing& order) {
    return begin(order, [&](auto then) { find_missing_keys(where_, std::move(order), std::move(then)); });
  }
  caf::result<blob_content> take(const read_blob& order) {
    auto* read = where_->holds_content() ? read_key : read_result_key;
    return begin(order, [&](auto then) { read(where_, order, std::move(then)); });
  }
  caf::result<blob_batch> take(read_blobs& order) {
    return begin(order, [&](auto then) { read_many_keys(where_, std::move(order), std::move(then)); });
  }
  caf::result<receipt> take(write_blob& order) {
    if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
    auto* write = where_->holds_content() ? write_key : write_result_key;
    return begin(order, [&](auto then) { write(where_, std::move(order), std::move(then)); });
  }
  caf::result<receipts> take(write_blobs& order) {
    return begin(order, [&](auto then) { write_many_keys(where_, std::move(order), std::move(then)); });
  }
  caf::result<forgotten> take(const forget_blob& order) {
    return begin(order, [&](auto then) { forget_key(where_, order, std::move(then)); });
  }
  expected<lent_files> take(const lend_files&) { return no_such_thing("files to lend"); }
  expected<leased> take(const lease_blobs&) { return no_such_thing("leases"); }
  expected<store_stats> take(const measure_store&) { return no_such_thing("figures of its own"); }
  store_flushed take(const flush_store&) { return {}; }  // what was acknowledged is the servers' duty
  void take(const watch_store& order) {
    if (where_->options().keyspace_news) desk_.add(order.listener);
  }

private:
  /// `start(done)`, whose answer comes from other threads, and is given here to the asker.
  template <class Order, class Start>
  caf::result<answer_to<Order>> begin(const Order& order, Start start) {
    using reply = answer_to<Order>;
    auto asker = make_answer<reply>(self_);
    if (!desk_.is_watched()) {
      start(come_home<reply>(resumable_store(self_),
                             [asker](auto outcome) mutable { asker.deliver(std::move(outcome)); }));
      return asker;
    }
    start(come_home<reply>(
        resumable_store(self_),
        [this, asker, asked = blobs_of(order), period = desk_.period()](expected<reply> outcome) mutable {
          auto there = outcome ? there_by(std::move(asked), *outcome) : std::vector<digest>();
          asker.deliver(std::move(outcome));
          desk_.answered(period, std::move(there));
        }));
    return asker;
  }

  const resumable_store::pointer self_;
  const std::shared_ptr<talking> with_;
  const keyed_ptr where_;
  news_desk desk_;
};

/// Blocks, for the start. A server that is not there may come later; one that is must tell of its keys.
expected<void> check_news(const client_ptr& client, const std::string& store) {
  auto heard = std::make_shared<std::promise<outcome>>();
  pipeline question;
  question.until = client->engine().now() + client->options().connect_timeout;
  question.commands.push_back(make_command({"CONFIG", "GET", "notify-keyspace-events"}));
  auto answer = heard->get_future();
  client->run(std::move(question), [heard](outcome what) { heard->set_value(std::move(what)); });
  auto what = answer.get();
  const auto& config = what.answers.front();
  if (config) {
    if (auto good = tells_enough(*config, what.over->name()); !good)
      return with_context(good.error(), "store {}", store);
    return {};
  }
  if (config.error().code() == errc::unavailable || config.error().code() == errc::deadline_exceeded)
    return {};
  return with_context(config.error(), "keyspace_news, which needs the right to CONFIG GET");
}

}  // namespace
}  // namespace kiln::redis_store

namespace kiln {

expected<store_actor> spawn_redis_store(const redis_options& options, const store_context& context) {
  auto tls = redis_store::make_redis_tls(options.tls);
  if (!tls) return failure(tls.error());
  auto engine = redis_store::make_engine(options, context, std::move(*tls));
  auto with = std::make_shared<redis_store::talking>(engine, context.env);
  if (auto begun = with->begin(); !begun) return failure(begun.error());
  if (options.keyspace_news)
    if (auto good = redis_store::check_news(with->client(), context.name); !good)
      return failure(good.error());
  auto where = std::make_shared<const redis_store::keyed_store>(
      redis_store::keyed_store{with->client(), redis_store::key_names(options.key_prefix, context.what)});
  return spawn_store<redis_store::redis_store>(context.system, context.env, std::move(with),
                                               std::move(where));
}

}  // namespace kiln
