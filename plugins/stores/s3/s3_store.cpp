#include "plugins/stores/s3/s3_store.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/base/machine.hpp"
#include "core/store_kit/begin_elsewhere.hpp"
#include "plugins/stores/s3/s3_reading.hpp"
#include "plugins/stores/s3/s3_writing.hpp"

namespace kiln::s3_store {
namespace {

std::string variable_of_process(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

web_client_options web_options(const s3_options& options) {
  web_client_options web;
  web.max_transfers = options.max_requests;
  web.max_waiting = options.max_waiting;
  web.connect_timeout = options.connect_timeout;
  web.stall_timeout = options.stall_timeout;
  web.proxy = options.proxy;
  web.certificate_bundle = options.certificate_bundle;
  return web;
}

expected<bucket_ptr> open_bucket(const s3_options& options, const store_context& context) {
  const auto& env = context.env;
  auto keys = key_source_of(options, variable_of_process, [&](const std::string& path) {
    return env.files->open(descriptor(), absolute_path(path).c_str(), O_RDONLY).has_value();
  });
  if (!keys) return failure(keys.error());
  auto web = web_client::start(web_options(options), *env.time, env.pools->make("kiln-curl", 1));
  if (!web) return failure(web.error());
  auto random = make_seeded_random(env.random->next());
  auto own = env;
  own.random = random.get();
  const auto threads = options.threads.value_or(std::max(processors() / 2, 1U));
  auto engine = std::shared_ptr<s3_engine>(new s3_engine{
      options, std::move(random), own, context.name, context.what, s3_address(options, context.what),
      std::move(*web), env.pools->make("kiln-arrivals", threads),
      std::make_shared<work_budget>(options.max_upload_bytes.bytes), s3_figures(env.metrics, context.name)});
  auto chain = std::make_shared<s3_key_chain>(std::move(*keys), engine->web, engine->env, engine->hashing);
  auto client = std::make_shared<s3_client>(engine, std::move(chain));
  return std::make_shared<s3_bucket>(std::move(engine), std::move(client));
}

/// All that is under way ends with the store, whoever holds on to it.
class open_store {
public:
  explicit open_store(bucket_ptr where) : where_(std::move(where)) {}
  ~open_store() { where_->engine().web->end(); }
  open_store(const open_store&) = delete;
  open_store& operator=(const open_store&) = delete;
  const bucket_ptr& bucket() const noexcept { return where_; }

private:
  const bucket_ptr where_;
};

failure not_in_s3(std::string_view what) {
  return fail(errc::unimplemented, "a store in S3 has no {}", what);
}

class s3_store {
public:
  s3_store(resumable_store::pointer self, std::shared_ptr<open_store> store)
      : self_(self), store_(std::move(store)), where_(store_->bucket()) {}

  caf::result<missing_blobs> take(find_missing& order) {
    return begin_elsewhere<find_missing>(
        self_, [&](auto then) { find_missing_objects(where_, std::move(order), then); });
  }
  caf::result<blob_content> take(const read_blob& order) {
    auto* read = where_->engine().holds_content() ? read_object : read_result_object;
    return begin_elsewhere<read_blob>(self_, [&](auto then) { read(where_, order, then); });
  }
  caf::result<blob_batch> take(read_blobs& order) {
    return begin_elsewhere<read_blobs>(self_,
                                       [&](auto then) { read_many_objects(where_, std::move(order), then); });
  }
  caf::result<receipt> take(write_blob& order) {
    if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
    auto* write = where_->engine().holds_content() ? write_object : write_result_object;
    return begin_elsewhere<write_blob>(self_, [&](auto then) { write(where_, std::move(order), then); });
  }
  caf::result<receipts> take(write_blobs& order) {
    return begin_elsewhere<write_blobs>(
        self_, [&](auto then) { write_many_objects(where_, std::move(order), then); });
  }
  caf::result<forgotten> take(const forget_blob& order) {
    return begin_elsewhere<forget_blob>(self_, [&](auto then) { forget_object(where_, order, then); });
  }
  expected<lent_files> take(const lend_files&) { return not_in_s3("files to lend"); }
  expected<leased> take(const lease_blobs&) { return not_in_s3("leases"); }
  expected<store_stats> take(const measure_store&) { return not_in_s3("figures of its own"); }
  store_flushed take(const flush_store&) { return {}; }  // what was acknowledged is the service's duty
  void take(const watch_store&) {}                       // no news comes from there

private:
  const resumable_store::pointer self_;
  const std::shared_ptr<open_store> store_;
  const bucket_ptr where_;
};

}  // namespace
}  // namespace kiln::s3_store

namespace kiln {

expected<store_actor> spawn_s3_store(const s3_options& options, const store_context& context) {
  auto where = s3_store::open_bucket(options, context);
  if (!where) return failure(where.error());
  if (context.what == store_role::content) s3_store::abort_old_uploads(*where);
  return spawn_store<s3_store::s3_store>(context.system, context.env,
                                         std::make_shared<s3_store::open_store>(std::move(*where)));
}

}  // namespace kiln
