#include "plugins/stores/http/web_store.hpp"

#include <algorithm>
#include <utility>

#include "core/base/machine.hpp"
#include "core/store_kit/begin_elsewhere.hpp"
#include "plugins/stores/http/web_orders.hpp"

namespace kiln::web_store {
namespace {

expected<remote_ptr> reach(const web_store_options& options, const store_context& context) {
  const auto& env = context.env;
  web_client_options wanted;
  wanted.max_transfers = options.max_requests;
  wanted.max_waiting = options.max_waiting;
  wanted.connect_timeout = options.connect_timeout;
  wanted.stall_timeout = options.stall_timeout;
  wanted.proxy = options.proxy;
  wanted.certificate_bundle = options.certificate_bundle;
  auto web = web_client::start(wanted, *env.time, env.pools->make("kiln-curl", 1));
  if (!web) return failure(web.error());
  auto random = make_seeded_random(env.random->next());
  auto own = env;
  own.random = random.get();
  const auto threads = options.threads.value_or(std::max(processors() / 2, 1U));
  return std::make_shared<web_remote>(std::shared_ptr<const web_engine>(
      new web_engine{options, std::move(random), own, context.name, context.what, std::move(*web),
                     env.pools->make("kiln-arrivals", threads), web_figures(env.metrics, context.name)}));
}

/// All that is under way ends with the store, whoever holds on to it.
class reached {
public:
  explicit reached(remote_ptr where) : where_(std::move(where)) {}
  ~reached() { where_->engine().web->end(); }
  reached(const reached&) = delete;
  reached& operator=(const reached&) = delete;
  const remote_ptr& remote() const noexcept { return where_; }

private:
  const remote_ptr where_;
};

failure no_word_for(std::string_view what) {
  return fail(errc::unimplemented, "the plain cache protocol has no word for {}", what);
}

class web_store {
public:
  web_store(resumable_store::pointer self, std::shared_ptr<reached> store)
      : self_(self), store_(std::move(store)), where_(store_->remote()) {}

  caf::result<missing_blobs> take(find_missing& order) {
    return begin_elsewhere<find_missing>(
        self_, [&](auto then) { find_missing_there(where_, std::move(order), then); });
  }
  caf::result<blob_content> take(const read_blob& order) {
    auto* read = where_->holds_content() ? read_blob_there : read_result_there;
    return begin_elsewhere<read_blob>(self_, [&](auto then) { read(where_, order, then); });
  }
  caf::result<blob_batch> take(read_blobs& order) {
    return begin_elsewhere<read_blobs>(self_,
                                       [&](auto then) { read_many_there(where_, std::move(order), then); });
  }
  caf::result<receipt> take(write_blob& order) {
    if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
    auto* write = where_->holds_content() ? write_blob_there : write_result_there;
    return begin_elsewhere<write_blob>(self_, [&](auto then) { write(where_, std::move(order), then); });
  }
  caf::result<receipts> take(write_blobs& order) {
    return begin_elsewhere<write_blobs>(self_,
                                        [&](auto then) { write_many_there(where_, std::move(order), then); });
  }
  caf::result<forgotten> take(const forget_blob& order) {
    return begin_elsewhere<forget_blob>(self_, [&](auto then) { forget_there(where_, order, then); });
  }
  expected<lent_files> take(const lend_files&) { return no_word_for("lending files"); }
  expected<leased> take(const lease_blobs&) { return no_word_for("leases"); }
  expected<store_stats> take(const measure_store&) { return no_word_for("its figures"); }
  store_flushed take(const flush_store&) { return {}; }  // what was acknowledged is the other server's duty
  void take(const watch_store&) {}                       // no news comes from there

private:
  const resumable_store::pointer self_;
  const std::shared_ptr<reached> store_;
  const remote_ptr where_;
};

}  // namespace
}  // namespace kiln::web_store

namespace kiln {

expected<store_actor> spawn_web_store(const web_store_options& options, const store_context& context) {
  auto where = web_store::reach(options, context);
  if (!where) return failure(where.error());
  if (context.what == store_role::results && context.names_are_shared) context.names_are_shared();
  return spawn_store<web_store::web_store>(context.system, context.env,
                                           std::make_shared<web_store::reached>(std::move(*where)));
}

}  // namespace kiln
