#include "plugins/stores/noop/noop_store.hpp"

#include <memory>
#include <utility>

#include "core/store_kit/store_behaviour.hpp"

namespace kiln {
namespace noop {
namespace {

class store {
public:
  store(resumable_store::pointer self, store_role what, std::string name)
      : self_(self), what_(what), name_(std::move(name)) {}

  expected<missing_blobs> take(find_missing& order) {
    std::erase_if(order.blobs, [&](const digest& blob) { return is_there(blob); });
    return missing_blobs{std::move(order.blobs)};
  }
  expected<blob_content> take(read_blob& order) {
    if (!is_there(order.blob)) return failure(absent(order.blob));
    if (order.offset > 0) return fail(errc::out_of_range, "offset {} of the empty blob", order.offset);
    return blob_content{};
  }
  expected<blob_batch> take(read_blobs& order) {
    blob_batch all;
    for (const auto& blob : order.blobs)
      all.results.push_back(is_there(blob) ? expected<bytes>(bytes()) : failure(absent(blob)));
    return all;
  }
  // On whichever threads bring the pieces: nothing of the store is touched.
  caf::result<receipt> take(write_blob& order) {
    auto asker = make_answer<receipt>(self_);
    if (!order.source) {
      asker.deliver(receipt{});
      return asker;
    }
    auto size = std::make_shared<std::uint64_t>(0);
    auto done = come_home<void>(resumable_store(self_), [asker, size](const expected<void>& end) mutable {
      end ? asker.deliver(receipt{*size}) : asker.deliver(failure(end.error()));
    });
    pump(
        std::move(order.source),
        [size](const byte_chain& pieces) -> expected<void> {
          *size += pieces.size();
          return {};
        },
        std::move(done));
    return asker;
  }
  expected<receipts> take(write_blobs& order) {
    receipts all;
    for (const auto& entry : order.entries) all.results.emplace_back(receipt{entry.content.size()});
    return all;
  }
  expected<lent_files> take(lend_files& order) {
    lent_files all;
    for (const auto& blob : order.blobs) all.results.emplace_back(failure(absent(blob)));
    return all;
  }
  expected<leased> take(lease_blobs& order) {
    std::erase_if(order.blobs, [&](const digest& blob) { return is_there(blob); });
    return leased{std::move(order.blobs), {}};
  }
  expected<forgotten> take(forget_blob&) { return forgotten{}; }
  expected<store_stats> take(measure_store&) { return store_stats{}; }
  expected<store_flushed> take(flush_store&) { return store_flushed{}; }
  void take(watch_store&) {}  // there is no news

private:
  bool is_there(const digest& blob) const { return what_ == store_role::content && is_empty_blob(blob); }
  error absent(const digest& blob) const {
    return {errc::not_found, fmt::format("no blob {} in store {}, which keeps nothing", blob, name_)};
  }

  const resumable_store::pointer self_;
  const store_role what_;
  const std::string name_;
};

}  // namespace
}  // namespace noop

schema<noop_options> noop_schema() {
  return schema<noop_options>{
      "Keeps nothing. For the slow side of fast_slow, where the fast one is all there is; or to serve "
      "without a "
      "cache of results."};
}

expected<store_promises> noop_promises(const noop_options&, const promises_of&) {
  store_promises all;
  all.keeps = false;
  all.leases = true;
  all.tells_news = true;
  return all;
}

expected<store_actor> spawn_noop_store(const noop_options&, const store_context& context) {
  return spawn_store<noop::store>(context.system, context.env, context.what, context.name);
}

}  // namespace kiln
