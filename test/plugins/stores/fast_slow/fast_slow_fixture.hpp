#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/digest/hasher.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/fast_slow/fast_slow_store.hpp"
#include "test/contract/sources.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/seen_orders.hpp"

namespace kiln::test::fast_slow_tests {

/// What a store does beside its work. Confined to the test's thread.
struct mood {
  std::optional<error> reads, writes, finds, forgets, leases;  ///< refused with these
  bool hangs = false;                                          ///< takes orders, and answers none
  bool writes_hang = false;                                    ///< the same for those that write
  /// Instead of the store's own answer to a read.
  std::function<expected<blob_content>(const read_blob&)> reading;
  /// Sees the source of each write, and may replace it.
  std::function<void(write_blob&)> writing;
  std::vector<std::shared_ptr<void>> held;  ///< what was promised while it hung

  void let_go() { held.clear(); }
};

/// Does what its mood says.
class moody_store final : public store_wrapper {
public:
  moody_store(resumable_store::pointer self, store_actor inner, std::shared_ptr<mood> how)
      : store_wrapper(self, std::move(inner)), how_(std::move(how)) {}

  caf::result<blob_content> take(read_blob& order) {
    if (how_->hangs) return hang<read_blob>();
    if (how_->reads) return to_caf(*how_->reads);
    if (auto reading = how_->reading) return to_result(reading(order));
    return pass_on(order);
  }
  caf::result<blob_batch> take(read_blobs& order) { return behave(order, how_->reads); }
  caf::result<receipt> take(write_blob& order) {
    if (how_->writing) how_->writing(order);
    if (how_->hangs || how_->writes_hang) how_->held.push_back(order.source);
    if (how_->writes_hang) return hang<write_blob>();
    return behave(order, how_->writes);
  }
  caf::result<receipts> take(write_blobs& order) {
    if (how_->writes_hang) return hang<write_blobs>();
    return behave(order, how_->writes);
  }
  caf::result<missing_blobs> take(find_missing& order) { return behave(order, how_->finds); }
  caf::result<forgotten> take(forget_blob& order) { return behave(order, how_->forgets); }
  caf::result<leased> take(lease_blobs& order) { return behave(order, how_->leases); }

private:
  template <class Order>
  caf::result<answer_to<Order>> hang() {
    auto promised = owe<Order>();
    how_->held.push_back(std::make_shared<answer<answer_to<Order>>>(promised));
    return promised;
  }
  template <class Order>
  caf::result<answer_to<Order>> behave(Order& order, const std::optional<error>& fault) {
    if (how_->hangs) return hang<Order>();
    if (fault) return to_caf(*fault);
    return pass_on(order);
  }

  const std::shared_ptr<mood> how_;
};

/// Pulled by the test, one piece at a time.
struct reader {
  blob_source_ptr from;
  std::string text;
  std::optional<expected<void>> end;
  std::shared_ptr<bool> waits = std::make_shared<bool>(false);

  explicit reader(blob_content content) : from(std::move(content.rest)), text(content.head.flatten().view()) {
    if (!from) end = expected<void>();
  }
};

/// A fast_slow store over two of memory (or what the YAML says), each with a mood, watched.
struct both_stores {
  struct side {
    std::shared_ptr<mood> how = std::make_shared<mood>();
    std::shared_ptr<seen_orders> seen = std::make_shared<seen_orders>();
    store_promises promised;
    store_actor itself;  ///< without mood
    store_actor shown;
  };

  deterministic_system system;
  store_role what = store_role::content;
  fast_slow_options options;
  side fast, slow;
  store_actor top;

  both_stores() {
    options.fast = {"fast"};
    options.slow = {"slow"};
    options.fast_timeout = std::chrono::seconds(10);
    fast.promised.leases = slow.promised.leases = true;
  }
  ~both_stores() {
    fast.how->let_go();
    slow.how->let_go();
    system.run();
  }

  void open(const std::string& fast_yaml = "{type: memory, capacity: 64MiB}",
            const std::string& slow_yaml = "{type: memory, capacity: 64MiB}") {
    build(fast, fast_yaml);
    build(slow, slow_yaml);
    auto which = [this](const store_ref& one) -> side& { return one.name == "fast" ? fast : slow; };
    store_context context{system.actors(),
                          system.env(),
                          "both",
                          what,
                          [which](const store_ref& one) { return which(one).shown; },
                          {}};
    context.promises = [which](const store_ref& one) { return which(one).promised; };
    auto spawned = spawn_fast_slow_store(options, context);
    if (!spawned) throw std::runtime_error(spawned.error().message());
    top = system.own(*spawned);
  }

  template <class Order>
  expected<answer_to<Order>> ask(Order order) {
    return system.ask<answer_to<Order>>(top, std::move(order));
  }
  template <class Order>
  auto begin(Order order) {
    return system.begin<answer_to<Order>>(top, std::move(order));
  }

  digest put(side& where, const std::string& content) { return put_blob(system, where.itself, content); }
  bool has(side& where, const digest& blob) {
    return system.ask<missing_blobs>(where.itself, find_missing{{blob}})->blobs.empty();
  }
  bool is_missing(const digest& blob) { return !ask(find_missing{{blob}})->blobs.empty(); }

  /// All of it, or the error that it ends with.
  expected<std::string> drain(expected<blob_content> content) {
    if (!content) return failure(content.error());
    reader one(std::move(*content));
    while (!one.end) pull(one);
    if (!*one.end) return failure(one.end->error());
    return one.text;
  }
  expected<std::string> read(const read_blob& order) { return drain(ask(order)); }

  /// Asks for one piece, if none is awaited; true once something came.
  bool pull(reader& one) {
    if (!want(one)) return true;
    system.run();
    if (*one.waits) throw std::runtime_error("no bytes came");
    return true;
  }
  /// Asks, and waits for nothing. False if the end has come already.
  bool want(reader& one) {
    if (one.end || *one.waits) return !one.end;
    *one.waits = true;
    one.from->read([&one, waits = one.waits](expected<byte_chain> piece) {
      *waits = false;
      if (!piece)
        one.end = failure(piece.error());
      else if (piece->empty())
        one.end = expected<void>();
      else
        one.text += piece->flatten().view();
    });
    return true;
  }

  std::uint64_t degraded() {
    return system.metrics().counters("kiln_fast_slow_degraded_total", "", {"store"}).with({"both"}).value();
  }

private:
  void build(side& one, const std::string& yaml) {
    one.itself = system.spawn_store(yaml, what);
    auto moody = system.own(spawn_store<moody_store>(system.actors(), system.env(), one.itself, one.how));
    one.shown = system.own(spawn_store<watching_store>(system.actors(), system.env(), moody, one.seen));
  }
};

/// Answers only what the test says, and lets go of who waits when it is cancelled.
class fed_source final : public blob_source {
public:
  void read(next then) override { waiting_ = std::move(then); }
  void cancel(const error&) noexcept override {
    is_cancelled_ = true;
    auto dropped = std::exchange(waiting_, nullptr);
  }
  bool is_cancelled() const noexcept { return is_cancelled_; }
  void feed(expected<byte_chain> piece) {
    if (!waiting_) throw std::runtime_error("nobody reads");
    std::exchange(waiting_, nullptr)(std::move(piece));
  }
  void feed(const std::string& piece) { feed(byte_chain(bytes::copy_of(piece))); }
  void end() { feed(byte_chain()); }

private:
  next waiting_;
  bool is_cancelled_ = false;
};

/// Given to readers of the slow store, piece by piece.
struct fed_slowly {
  std::shared_ptr<fed_source> source = std::make_shared<fed_source>();

  /// From now on reads of `on` get this source.
  explicit fed_slowly(both_stores::side& on) {
    on.how->reading = [source = source](const read_blob&) { return blob_content{{}, source}; };
  }
  template <class Piece>
  void feed(both_stores& on, Piece piece) {
    on.system.run();
    source->feed(std::move(piece));
    on.system.run();
  }
  void end(both_stores& on) { feed(on, byte_chain()); }
};

inline std::string_view code_of(const expected<std::string>& said) {
  return name_of(said ? errc::ok : said.error().code());
}

}  // namespace kiln::test::fast_slow_tests
