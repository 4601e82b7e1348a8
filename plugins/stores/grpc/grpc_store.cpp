#include "plugins/stores/grpc/grpc_store.hpp"

#include <utility>

#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/grpc/batches.hpp"
#include "plugins/stores/grpc/presence.hpp"
#include "plugins/stores/grpc/remote_download.hpp"
#include "plugins/stores/grpc/remote_upload.hpp"
#include "plugins/stores/grpc/results.hpp"
#include "plugins/stores/grpc/small_reads.hpp"
#include "plugins/stores/grpc/spread_channel.hpp"

namespace kiln::grpc_store {
namespace {

// The remote must not keep the actor that owns it.
remote::timer timer_of(resumable_store::pointer self) {
  return [self, weak = caf::weak_actor_ptr(self->ctrl())](duration delay, std::function<void()> job) {
    auto alive = caf::actor_cast<resumable_store>(weak.lock());
    if (!alive) return;
    // Within the actor, for its clock is the system's, which a test may hold.
    caf::anon_send(
        alive, resume{[self, delay, job = std::move(job)] { self->delayed_send(self, delay, resume{job}); }});
  };
}

failure not_there(std::string_view what) {
  return fail(errc::unimplemented, "the protocol to another server has no word for {}", what);
}

class grpc_store {
public:
  grpc_store(resumable_store::pointer self, const grpc_store_options& options, const std::string& name,
             store_role what, const environment& env, std::shared_ptr<channel> wire)
      : self_(self),
        what_(what),
        where_(std::make_shared<remote>(options, name, env, std::move(wire), timer_of(self))),
        small_reads_(self, where_, name) {}

  caf::result<missing_blobs> take(find_missing& order) {
    auto* ask = what_ == store_role::content ? find_missing_there : find_missing_results_there;
    return begin(order, [&](auto there, auto then) { ask(there, std::move(order.blobs), std::move(then)); });
  }
  caf::result<blob_content> take(const read_blob& order) {
    if (what_ == store_role::content && small_reads_.takes(order)) {
      auto asker = make_answer<blob_content>(self_);
      small_reads_.add(order, asker);
      return asker;
    }
    auto* ask = what_ == store_role::content ? read_there : read_result_there;
    return begin(order, [&](auto there, auto then) { ask(there, order, std::move(then)); });
  }
  caf::result<blob_batch> take(read_blobs& order) {
    auto* ask = what_ == store_role::content ? read_many_there : read_results_there;
    return begin(order, [&](auto there, auto then) { ask(there, std::move(order.blobs), std::move(then)); });
  }
  caf::result<receipt> take(write_blob& order) {
    if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
    auto* ask = what_ == store_role::content ? write_there : write_result_there;
    return begin(order, [&](auto there, auto then) {
      ask(there, order.blob, std::move(order.source), std::move(then));
    });
  }
  caf::result<receipts> take(write_blobs& order) {
    auto* ask = what_ == store_role::content ? write_many_there : write_results_there;
    return begin(order, [&](auto there, auto then) { ask(there, std::move(order), std::move(then)); });
  }
  expected<lent_files> take(const lend_files&) { return not_there("lending files"); }
  expected<leased> take(const lease_blobs&) { return not_there("leases"); }
  expected<forgotten> take(const forget_blob&) { return not_there("forgetting blobs"); }
  expected<store_stats> take(const measure_store&) { return not_there("its figures"); }
  store_flushed take(const flush_store&) { return {}; }  // what was acknowledged is the other server's duty
  void take(const watch_store&) {}                       // no news comes from there

private:
  /// `start(remote, done)` on the transport's threads, and its outcome here, for the asker.
  template <class Order, class Start>
  caf::result<answer_to<Order>> begin(const Order& order, Start start) {
    using reply = answer_to<Order>;
    auto asker = make_answer<reply>(self_);
    start(where_->until(order.until), come_home<reply>(resumable_store(self_), [asker](auto outcome) mutable {
            asker.deliver(std::move(outcome));
          }));
    return asker;
  }

  const resumable_store::pointer self_;
  const store_role what_;
  const remote_ptr where_;
  small_reads small_reads_;
};

}  // namespace
}  // namespace kiln::grpc_store

namespace kiln {

expected<store_actor> spawn_grpc_store(const grpc_store_options& options, const store_context& context) {
  std::vector<std::shared_ptr<channel>> ways;
  for (std::size_t i = 0; i < options.connections; ++i) {
    auto way = context.dial(options.endpoint);
    if (!way) return with_context(way.error(), "dialling {}", options.endpoint);
    ways.push_back(std::move(*way));
  }
  if (context.what == store_role::results && context.names_are_shared) context.names_are_shared();
  return spawn_store<grpc_store::grpc_store>(context.system, context.env, options, context.name, context.what,
                                             context.env, grpc_store::spread_over(std::move(ways)));
}

}  // namespace kiln
