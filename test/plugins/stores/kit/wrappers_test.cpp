#include <boost/test/unit_test.hpp>

#include "core/digest/hasher.hpp"
#include "core/store_kit/partitioned_store.hpp"
#include "plugins/stores/cache_metrics/cache_metrics_store.hpp"
#include "plugins/stores/chunked/chunked_store.hpp"
#include "plugins/stores/existence_cache/existence_cache_store.hpp"
#include "plugins/stores/mirror/mirror_store.hpp"
#include "plugins/stores/ref/ref_store.hpp"
#include "plugins/stores/shard/shard_store.hpp"
#include "plugins/stores/size_partitioning/size_partitioning_store.hpp"
#include "plugins/stores/verify/verify_store.hpp"
#include "test/contract/sources.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/seen_orders.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(store_kit_wrappers)

namespace {

// A store under test over memory, with somebody between them who counts.
struct wrapped_store {
  deterministic_system system;
  std::vector<std::shared_ptr<seen_orders>> below;
  store_actor top;

  store_actor counted(const std::string& yaml, store_role what = store_role::content) {
    below.push_back(std::make_shared<seen_orders>());
    return system.own(spawn_store<watching_store>(system.actors(), system.env(),
                                                  system.spawn_store(yaml, what), below.back()));
  }
  store_context context(std::function<store_actor(const store_ref&)> inner) {
    return {system.actors(), system.env(), "wrapped", store_role::content, std::move(inner), {}};
  }
  template <class Order>
  expected<answer_to<Order>> ask(Order order) {
    return system.ask<answer_to<Order>>(top, std::move(order));
  }
  std::string memory = "{type: memory, capacity: 4MiB}";
};

struct verified : wrapped_store {
  verified() {
    auto inner = counted(memory);
    top = system.own(*spawn_verify_store({{}, 1}, context([=](const store_ref&) { return inner; })));
  }
};
struct referred : wrapped_store {
  referred() {
    auto inner = counted(memory);
    top = system.own(*spawn_ref_store({{"inner"}}, context([=](const store_ref&) { return inner; })));
  }
};
struct measured : wrapped_store {
  measured() {
    auto inner = counted(memory);
    top = system.own(
        *spawn_cache_metrics_store({{"inner"}, ""}, context([=](const store_ref&) { return inner; })));
  }
};
struct remembered : wrapped_store {
  explicit remembered(duration touch_every = std::chrono::seconds(30)) {
    auto inner = counted(memory);
    existence_cache_options options;
    options.touch_every = touch_every;
    top = system.own(*spawn_existence_cache_store(options, context([=](const store_ref&) { return inner; })));
  }
};
// Whoever asks for a blob uses it, as everywhere else.
struct remembered_and_touched : remembered {
  remembered_and_touched() : remembered(duration::zero()) {}
};
struct parted : wrapped_store {
  parted() {
    auto small = counted(memory), large = counted(memory);
    size_partitioning_options options{byte_size{50'000}, {"small"}, {"large"}};
    top = system.own(*spawn_size_partitioning_store(
        options, context([=](const store_ref& which) { return which.name == "small" ? small : large; })));
  }
};
struct chunked_one : wrapped_store {
  chunked_one() {
    auto inner = counted(memory), layouts = counted(memory, store_role::results);
    chunked_options options;
    options.min_size = byte_size{1000};
    options.inner = {"inner"};
    options.layouts = {"layouts"};
    top = system.own(*spawn_chunked_store(
        options, context([=](const store_ref& which) { return which.name == "inner" ? inner : layouts; })));
  }
};
// By the last digit of the hash.
struct in_three : wrapped_store {
  in_three() {
    std::vector<store_actor> parts{counted(memory), counted(memory), counted(memory)};
    partitioned_store::rule home_of = [](const digest& blob) { return home(blob); };
    top = system.own(spawn_store<partitioned_store>(system.actors(), system.env(), std::move(parts),
                                                    std::move(home_of), system.env().time));
  }
  static std::size_t home(const digest& blob) {
    return static_cast<std::size_t>(blob.hash_bytes().back()) % 3;
  }
};

struct sharded : wrapped_store {
  explicit sharded(bool moves = false) {
    auto one = counted(memory), other = counted(memory);
    auto inner = [=](const store_ref& which) { return which.name == "one" ? one : other; };
    shard_options options;
    options.stores = {{"", {"one"}}, {"", {"other"}}};
    if (moves) options.was = {{"", {"one"}}};
    top = system.own(*spawn_shard_store(options, context(inner)));
  }
};
struct sharded_and_moving : sharded {
  sharded_and_moving() : sharded(true) {}
};
struct mirrored_twice : wrapped_store {
  mirrored_twice() {
    auto one = counted(memory), other = counted(memory);
    mirror_options options;
    options.stores = {{"one"}, {"other"}};
    top = system.own(*spawn_mirror_store(
        options, context([=](const store_ref& which) { return which.name == "one" ? one : other; })));
  }
};

write_blobs some_blobs(std::uint64_t count) {
  write_blobs order;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto content = noise(i % 2 == 0 ? 300 : 60'000, i);
    order.entries.push_back({digest_of(content), bytes::copy_of(content)});
  }
  return order;
}
std::vector<digest> names_in(const write_blobs& order) {
  std::vector<digest> names;
  for (const auto& entry : order.entries) names.push_back(entry.blob);
  return names;
}

template <class Wrapped>
void check_that_batches_stay_batches() {
  Wrapped on;
  auto order = some_blobs(12);
  const auto names = names_in(order);
  auto kept = on.ask(std::move(order));
  BOOST_REQUIRE(kept.has_value());
  for (const auto& one : kept->results) BOOST_TEST(one.has_value());
  auto read = on.ask(read_blobs{names});
  BOOST_REQUIRE(read.has_value());
  for (std::size_t i = 0; i < names.size(); ++i)
    BOOST_TEST((digest_of(read->results.at(i)->view()) == names[i]));
  BOOST_TEST(on.ask(find_missing{names})->blobs.empty());
  (void)on.ask(lend_files{names});
  for (const auto& store : on.below) {
    BOOST_TEST(store->template of<write_blob>() == 0U);
    BOOST_TEST(store->template of<read_blob>() == 0U);
    BOOST_TEST(store->template of<write_blobs>() <= 1U);
    BOOST_TEST(store->template of<read_blobs>() <= 1U);
    BOOST_TEST(store->template of<find_missing>() <= 1U);
    BOOST_TEST(store->template of<lend_files>() <= 1U);
  }
  BOOST_TEST(on.below[0]->template of<write_blobs>() == 1U);
  BOOST_TEST(on.below[0]->template of<read_blobs>() == 1U);
}

template <class Wrapped>
void check_that_a_lease_reaches_the_bottom() {
  Wrapped on;
  auto order = some_blobs(6);
  const auto names = names_in(order);
  BOOST_REQUIRE(on.ask(std::move(order)).has_value());
  auto lease = on.ask(lease_blobs{names});
  BOOST_REQUIRE(lease.has_value());
  BOOST_TEST(lease->missing.empty());
  auto press = [&] {
    for (std::uint64_t i = 0; i < 40; ++i) {
      auto more = some_blobs(12);
      for (auto& entry : more.entries) {
        auto content = noise(entry.content.size() + 1, 1000 + 12 * i + (&entry - more.entries.data()));
        entry = {digest_of(content), bytes::copy_of(content)};
      }
      // Asked for again, so that no store takes them for a mere scan.
      const auto pressed = names_in(more);
      BOOST_REQUIRE(on.ask(std::move(more)).has_value());
      BOOST_REQUIRE(on.ask(find_missing{pressed}).has_value());
    }
  };
  press();
  BOOST_TEST(on.ask(find_missing{names})->blobs.empty());
  lease->hold.reset();
  press();
  BOOST_TEST(!on.ask(find_missing{names})->blobs.empty());
}

template <class Wrapped>
void check_that_the_time_is_passed_on() {
  Wrapped on;
  const order_deadline until(on.system.time().now() + std::chrono::hours(1),
                             std::make_shared<call_metadata>(call_metadata{{"said", "by a client"}}));
  auto order = some_blobs(6);
  order.until = until;
  const auto names = names_in(order);
  BOOST_REQUIRE(on.ask(std::move(order)).has_value());
  for (std::size_t size : {400, 70'000}) {
    const auto content = noise(size);
    BOOST_REQUIRE(on.ask(write_blob{digest_of(content), contract::deliver(content), {}, until}).has_value());
  }
  BOOST_REQUIRE(on.ask(read_blobs{names, until}).has_value());
  BOOST_REQUIRE(on.ask(find_missing{names, until}).has_value());
  (void)on.ask(lend_files{names, until});
  BOOST_REQUIRE(on.ask(lease_blobs{names, until}).has_value());
  for (const auto& blob : names) {
    BOOST_REQUIRE(on.ask(read_blob{blob, 0, 0, until}).has_value());
    BOOST_REQUIRE(on.ask(forget_blob{blob, until}).has_value());
  }
  BOOST_REQUIRE(on.ask(measure_store{until}).has_value());
  BOOST_REQUIRE(on.ask(flush_store{until}).has_value());
  for (const auto& store : on.below) {
    BOOST_TEST((store->times == std::set<steady_time>{until}));
    BOOST_TEST((store->clients == std::set{until.client}));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(batches_stay_batches_below_verify) {
  check_that_batches_stay_batches<verified>();
}
BOOST_AUTO_TEST_CASE(batches_stay_batches_below_ref_and_cache_metrics) {
  check_that_batches_stay_batches<referred>();
  check_that_batches_stay_batches<measured>();
}
BOOST_AUTO_TEST_CASE(batches_are_one_batch_for_each_store_below_size_partitioning) {
  check_that_batches_stay_batches<parted>();
}
BOOST_AUTO_TEST_CASE(batches_stay_batches_below_existence_cache) {
  check_that_batches_stay_batches<remembered>();
}
BOOST_AUTO_TEST_CASE(batches_stay_batches_below_chunked) {
  check_that_batches_stay_batches<chunked_one>();
}
BOOST_AUTO_TEST_CASE(batches_are_one_batch_for_each_of_three_stores) {
  check_that_batches_stay_batches<in_three>();
}
BOOST_AUTO_TEST_CASE(batches_are_one_batch_for_each_part_below_shard) {
  check_that_batches_stay_batches<sharded>();
}
BOOST_AUTO_TEST_CASE(batches_are_one_batch_for_each_side_below_mirror) {
  check_that_batches_stay_batches<mirrored_twice>();
}

BOOST_AUTO_TEST_CASE(a_lease_above_verify_keeps_blobs_below) {
  check_that_a_lease_reaches_the_bottom<verified>();
}
BOOST_AUTO_TEST_CASE(a_lease_above_ref_and_cache_metrics_keeps_blobs_below) {
  check_that_a_lease_reaches_the_bottom<referred>();
  check_that_a_lease_reaches_the_bottom<measured>();
}
BOOST_AUTO_TEST_CASE(a_lease_above_size_partitioning_keeps_blobs_below) {
  check_that_a_lease_reaches_the_bottom<parted>();
}
BOOST_AUTO_TEST_CASE(a_lease_above_existence_cache_keeps_blobs_below) {
  check_that_a_lease_reaches_the_bottom<remembered_and_touched>();
}
BOOST_AUTO_TEST_CASE(a_lease_above_chunked_keeps_blobs_below) {
  check_that_a_lease_reaches_the_bottom<chunked_one>();
}
BOOST_AUTO_TEST_CASE(a_lease_above_three_stores_keeps_blobs_in_each) {
  check_that_a_lease_reaches_the_bottom<in_three>();
}

BOOST_AUTO_TEST_CASE(a_lease_above_shard_keeps_blobs_in_their_parts_also_while_it_moves) {
  check_that_a_lease_reaches_the_bottom<sharded>();
  check_that_a_lease_reaches_the_bottom<sharded_and_moving>();
}
BOOST_AUTO_TEST_CASE(a_lease_above_mirror_keeps_blobs_in_both) {
  check_that_a_lease_reaches_the_bottom<mirrored_twice>();
}

BOOST_AUTO_TEST_CASE(orders_below_verify_bear_the_time_of_the_asker) {
  check_that_the_time_is_passed_on<verified>();
}
BOOST_AUTO_TEST_CASE(orders_below_ref_and_cache_metrics_bear_the_time_of_the_asker) {
  check_that_the_time_is_passed_on<referred>();
  check_that_the_time_is_passed_on<measured>();
}
BOOST_AUTO_TEST_CASE(orders_below_size_partitioning_bear_the_time_of_the_asker) {
  check_that_the_time_is_passed_on<parted>();
}
BOOST_AUTO_TEST_CASE(orders_below_existence_cache_bear_the_time_of_the_asker) {
  check_that_the_time_is_passed_on<remembered>();
}
BOOST_AUTO_TEST_CASE(orders_to_three_stores_bear_the_time_of_the_asker) {
  check_that_the_time_is_passed_on<in_three>();
}

BOOST_AUTO_TEST_CASE(orders_below_shard_and_mirror_bear_the_time_of_the_asker) {
  check_that_the_time_is_passed_on<sharded>();
  check_that_the_time_is_passed_on<sharded_and_moving>();
  check_that_the_time_is_passed_on<mirrored_twice>();
}

BOOST_AUTO_TEST_CASE(what_a_chunked_store_asks_about_layouts_and_chunks_bears_the_time_of_the_asker) {
  chunked_one on;
  const order_deadline until(on.system.time().now() + std::chrono::hours(1),
                             std::make_shared<call_metadata>(call_metadata{{"said", "by a client"}}));
  auto chunks = some_blobs(3);
  chunks.until = until;
  std::string content;
  for (const auto& chunk : chunks.entries) content += chunk.content.view();
  const composition made_of{chunking_function::fast_cdc_2020, names_in(chunks)};
  const digest blob = digest_of(content);
  BOOST_REQUIRE(on.ask(std::move(chunks)).has_value());
  BOOST_REQUIRE(on.ask(write_blob{blob, contract::deliver(content), made_of, until}).has_value());
  BOOST_TEST(on.ask(find_missing{{blob}, until})->blobs.empty());
  for (std::uint64_t offset : {0, 500}) {
    auto read = on.ask(read_blob{blob, offset, 0, until});
    BOOST_REQUIRE((read.has_value() && read->made_of && read->rest));
    std::string came;
    collect(read->rest, 1 << 20, [&](const expected<bytes>& all) { came = all ? all->view() : ""; });
    on.system.run();
    BOOST_TEST((came == content.substr(offset)));
  }
  auto read = on.ask(read_blobs{{blob}, until});
  BOOST_REQUIRE((read.has_value() && read->results.at(0).has_value()));
  BOOST_TEST(on.ask(lease_blobs{{blob}, until})->missing.empty());
  BOOST_TEST(on.ask(forget_blob{blob, until})->was_present);
  for (const auto& store : on.below) {
    BOOST_TEST((store->times == std::set<steady_time>{until}));
    BOOST_TEST((store->clients == std::set{until.client}));
  }
}

BOOST_AUTO_TEST_CASE(a_wrapper_passes_on_what_it_does_not_name) {
  verified on;
  auto order = some_blobs(2);
  const auto names = names_in(order);
  BOOST_REQUIRE(on.ask(std::move(order)).has_value());
  BOOST_TEST(on.ask(read_blob{names[0]})->head.size() == 300U);
  BOOST_TEST(on.ask(forget_blob{names[0]})->was_present);
  BOOST_TEST(on.ask(measure_store{})->blobs == 1U);
  BOOST_TEST(on.ask(flush_store{}).has_value());
  caf::anon_send(on.top, watch_store{});
  on.system.run();
  BOOST_TEST(on.below[0]->watched == 1U);
}

BOOST_AUTO_TEST_CASE(one_of_three_stores_that_is_gone_fails_its_own_part_of_a_batch) {
  in_three on;
  auto order = some_blobs(30);
  const auto names = names_in(order);
  BOOST_REQUIRE(on.ask(std::move(order)).has_value());
  std::vector<store_actor> parts{on.counted(on.memory), on.counted(on.memory), on.counted(on.memory)};
  on.system.end(parts[1]);
  partitioned_store::rule home_of = in_three::home;
  on.top = on.system.own(spawn_store<partitioned_store>(on.system.actors(), on.system.env(), parts, home_of,
                                                        on.system.env().time));
  auto kept = on.ask(some_blobs(30));
  BOOST_REQUIRE(kept.has_value());
  std::size_t failed = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_out = in_three::home(names[i]) == 1;
    BOOST_TEST(kept->results.at(i).has_value() == !is_out);
    failed += is_out ? 1 : 0;
  }
  BOOST_TEST((failed > 0 && failed < names.size()));
  BOOST_TEST(!on.ask(find_missing{names}).has_value());
  BOOST_TEST(!on.ask(lease_blobs{names}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
