#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/byte_budget.hpp"
#include "core/observe/log_throttle.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/plugin.hpp"
#include "plugins/stores/fast_slow/asking.hpp"
#include "plugins/stores/fast_slow/fast_slow_options.hpp"

namespace kiln::fast_slow {

/// What a fast_slow store is made of.
struct setting {
  fast_slow_options options;
  std::string name;
  environment env;
  store_actor fast;
  store_actor slow;
  store_promises of_fast;
  store_promises of_slow;
  std::shared_ptr<thread_pool> hashing;
  std::shared_ptr<byte_budget> room;
};

/// What content and results have in common: the orders that do not carry bytes. The slow store says what is
/// there, unless nothing is written to it: then a blob in either store is there. Confined to the store's
/// actor.
class two_stores : protected asking {
public:
  two_stores(resumable_store::pointer self, setting given);

  caf::result<missing_blobs> take(find_missing& order);
  caf::result<leased> take(lease_blobs& order);
  caf::result<forgotten> take(const forget_blob& order);
  caf::result<store_stats> take(measure_store& order) { return self()->delegate(slow(), std::move(order)); }
  caf::result<store_flushed> take(const flush_store& order);
  void take(const watch_store& order);

protected:
  const setting& with() const noexcept { return with_; }
  const fast_slow_options& options() const noexcept { return with_.options; }
  const store_actor& fast() const noexcept { return with_.fast; }
  const store_actor& slow() const noexcept { return with_.slow; }
  const environment& env() const noexcept { return with_.env; }

  template <class Order>
  using told = std::function<void(expected<answer_to<Order>>)>;
  /// What the orders do, for who adds something to it.
  void find(find_missing order, told<find_missing> then);
  void lease(const lease_blobs& order, told<lease_blobs> then);
  void forget(const forget_blob& order, told<forget_blob> then);
  void flush(const flush_store& order, told<flush_store> then);
  /// The fast store's copy is wrong, or may be.
  void drop_fast_copy(const digest& blob, order_deadline until);
  /// The fast store did not keep what it was given.
  void note_degraded(const digest& blob, const error& why);

private:
  void touch(const find_missing& order);

  const setting with_;
  counter& degraded_;
  log_throttle throttle_;
  std::size_t touching_ = 0;
};

}  // namespace kiln::fast_slow
