#include <boost/test/unit_test.hpp>

#include "test/contract/claims.hpp"
#include "test/plugins/stores/shard/shard_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(shard_store)

using namespace kiln::test::shard_tests;

struct in_three : shards {
  in_three() { open_over({named("a"), named("b"), named("c", 2)}); }

  std::string home_of(const digest& blob) const {
    std::vector<shard::rendezvous::part> list;
    for (const auto& one : options.stores) list.push_back({one.known_as(), one.weight});
    return list[shard::rendezvous(list).home_of(blob)].name;
  }
  static write_blobs many(int count) {
    write_blobs order;
    for (int i = 0; i < count; ++i) {
      const auto content = "content " + std::to_string(i);
      order.entries.push_back({digest_of(content), bytes::copy_of(content)});
    }
    return order;
  }
  static std::vector<digest> names_of(const write_blobs& order) {
    std::vector<digest> names;
    for (const auto& entry : order.entries) names.push_back(entry.blob);
    return names;
  }
};

static void check_refused_shards(const std::string& stores, const std::string& words) {
  deterministic_system system;
  const std::string m = "{type: memory, capacity: 1MiB}";
  const std::string yaml =
      "{one: " + m + ", two: " + m + ", three: " + m + ", shards: {type: shard, " + stores + "}}";
  BOOST_CHECK_EXCEPTION(system.spawn_stores(yaml, {{"shards", store_role::content}}), std::runtime_error,
                        [&](const std::runtime_error& fault) {
                          const bool is_said = std::string(fault.what()).find(words) != std::string::npos;
                          if (!is_said) BOOST_TEST_MESSAGE(fault.what());
                          return is_said &&
                                 std::string(fault.what()).find("test.yaml:1") != std::string::npos;
                        });
}

BOOST_FIXTURE_TEST_CASE(each_blob_lies_in_its_home_and_nowhere_else, in_three) {
  const auto order = many(100);
  auto kept = ask(order);
  BOOST_REQUIRE(kept);
  for (const auto& one : order.entries)
    for (const auto* part : {"a", "b", "c"}) BOOST_TEST(has(part, one.blob) == (home_of(one.blob) == part));
  const auto alone = digest_of("alone");
  BOOST_REQUIRE(write(alone, "alone"));
  BOOST_TEST(has(home_of(alone), alone));
  BOOST_TEST(read(alone).value() == "alone");
  BOOST_TEST(ask(forget_blob{alone})->was_present);
  BOOST_TEST(is_missing(alone));
}

BOOST_FIXTURE_TEST_CASE(a_batch_is_one_batch_for_each_part_that_it_concerns, in_three) {
  auto order = many(100);
  const auto names = names_of(order);
  BOOST_REQUIRE(ask(std::move(order)));
  auto batch = ask(read_blobs{names});
  BOOST_REQUIRE((batch && batch->results.size() == names.size()));
  for (std::size_t i = 0; i < names.size(); ++i)
    BOOST_TEST(batch->results[i]->view() == "content " + std::to_string(i));
  BOOST_TEST(ask(find_missing{names})->blobs.empty());
  BOOST_TEST(ask(lease_blobs{names})->missing.empty());
  BOOST_REQUIRE(ask(lend_files{names}));
  BOOST_REQUIRE(ask(read_blobs{{names[0]}}));
  for (const auto& [name, part] : all()) {
    BOOST_TEST((part.seen<write_blobs>() == 1U && part.seen<write_blob>() == 0U));
    BOOST_TEST(part.seen<read_blobs>() == (name == home_of(names[0]) ? 2U : 1U));
    BOOST_TEST((part.seen<find_missing>() == 1U && part.seen<lease_blobs>() == 1U));
    BOOST_TEST((part.seen<lend_files>() == 1U && part.seen<read_blob>() == 0U));
  }
}

BOOST_FIXTURE_TEST_CASE(a_part_that_fails_costs_a_batch_its_own_entries, in_three) {
  auto order = many(60);
  const auto names = names_of(order);
  (*this)["b"].how->fail_with<write_blobs>({errc::resource_exhausted, "full"});
  auto kept = ask(std::move(order));
  BOOST_REQUIRE(kept);
  for (std::size_t i = 0; i < names.size(); ++i)
    BOOST_TEST(said(kept->results.at(i)) == (home_of(names[i]) == "b" ? "RESOURCE_EXHAUSTED" : "OK"));
  system.end((*this)["c"].shown);
  auto batch = ask(read_blobs{names});
  BOOST_REQUIRE(batch);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto home = home_of(names[i]);
    BOOST_TEST(said(batch->results.at(i)) == (home == "a"   ? "OK"
                                              : home == "b" ? "NOT_FOUND"
                                                            : "UNAVAILABLE"));
  }
  // Nobody may be told that something is missing that only cannot be asked for.
  BOOST_TEST(said(ask(find_missing{names})) == "UNAVAILABLE");
  BOOST_TEST(said(ask(lease_blobs{names})) == "UNAVAILABLE");
}

BOOST_FIXTURE_TEST_CASE(a_part_that_hangs_costs_a_batch_its_own_entries_when_the_time_is_over, in_three) {
  auto order = many(60);
  const auto names = names_of(order);
  BOOST_REQUIRE(ask(std::move(order)));
  (*this)["b"].how->hangs = true;
  auto batch = begin(read_blobs{names, after(5s)});
  auto found = begin(find_missing{names, after(5s)});
  auto lease = begin(lease_blobs{names, after(5s)});
  auto figures = begin(measure_store{after(5s)});
  auto flushed = begin(flush_store{after(5s)});
  system.pass(4900ms);
  BOOST_TEST(said(batch) == "nothing");
  system.pass(200ms);
  BOOST_REQUIRE(said(batch) == "OK");
  for (std::size_t i = 0; i < names.size(); ++i)
    BOOST_TEST(said((*batch)->value().results.at(i)) ==
               (home_of(names[i]) == "b" ? "DEADLINE_EXCEEDED" : "OK"));
  for (auto code : {said(found), said(lease), said(figures), said(flushed)})
    BOOST_TEST(code == "DEADLINE_EXCEEDED");
  // Leases of the others were given back: all of it can be evicted.
  (*this)["b"].how->heal();
  system.run();
  BOOST_TEST(said(ask(find_missing{names})) == "OK");
}

BOOST_FIXTURE_TEST_CASE(figures_are_those_of_all_parts, in_three) {
  BOOST_REQUIRE(ask(many(50)));
  auto stats = ask(measure_store{});
  BOOST_REQUIRE(stats);
  BOOST_TEST(stats->blobs == 50U);
  BOOST_TEST(stats->capacity == 3U * (64 << 20));
}

BOOST_AUTO_TEST_CASE(shards_promise_what_all_parts_do_and_no_news_while_blobs_move) {
  shard_options options;
  options.stores = {shards::named("a"), shards::named("b")};
  store_promises a{true, true, false, true, true, true}, b{true, true, true, false, true, true};
  auto of = [&](const store_ref& one) { return one.name == "a" ? a : b; };
  BOOST_TEST((shard_promises(options, of).value() == store_promises{true, true, true, true, true, true}));
  b.durable = b.leases = false;
  BOOST_TEST((shard_promises(options, of).value() == store_promises{true, false, true, true, false, true}));
  b = a;
  options.was = {shards::named("a")};
  BOOST_TEST((shard_promises(options, of).value() == store_promises{true, true, false, true, true, false}));
}

BOOST_AUTO_TEST_CASE(shards_that_cannot_work_are_refused_with_the_reason) {
  const std::string one = "{store: one}", two = "{store: two}";
  check_refused_shards("stores: []", "stores");
  check_refused_shards("stores: [" + one + ", {store: two, name: one}]",
                       "two entries of stores are called one");
  check_refused_shards("stores: [" + one + ", {store: one, name: other}]",
                       "store one stands twice in stores");
  check_refused_shards("stores: [" + one + ", {store: {type: memory, capacity: 1MiB}}]", "needs a name");
  check_refused_shards("stores: [" + one + ", {store: two, name: \"a b\"}]", "letters, digits, _ and -");
  check_refused_shards("stores: [" + one + ", {store: two, weight: 0}]", "weight");
  check_refused_shards("stores: [" + one + ", {store: two, weight: 1000001}]", "weight");
  check_refused_shards("stores: [" + one + ", " + two + "], was: [" + two + ", " + one + "]", "leave it out");
  check_refused_shards("stores: [{store: one, name: x}, " + two + "], was: [{store: three, name: x}]",
                       "a name keeps its store");
  check_refused_shards("stores: [" + one + ", " + two + "], was: [" + one + ", {store: one, name: y}]",
                       "stands twice in was");
}

BOOST_AUTO_TEST_CASE(an_existence_cache_stands_above_shards_but_not_while_their_blobs_move) {
  deterministic_system system;
  const std::string m = "{type: memory, capacity: 1MiB}";
  auto stack = [&](const std::string& more) {
    return "{one: " + m + ", two: " + m +
           ", top: {type: existence_cache, inner: {type: shard, stores: [{store: one}, {store: two}]" + more +
           "}}}";
  };
  auto stores = system.spawn_stores(stack(""), {{"top", store_role::content}});
  const auto blob = put_blob(system, stores.at("top"), "content");
  BOOST_TEST(system.ask<missing_blobs>(stores.at("top"), find_missing{{blob}})->blobs.empty());
  for (const auto* part : {"one", "two"})
    BOOST_REQUIRE(system.ask<forgotten>(stores.at(part), forget_blob{blob}));
  BOOST_TEST(system.ask<missing_blobs>(stores.at("top"), find_missing{{blob}})->blobs.size() == 1U);
  BOOST_CHECK_EXCEPTION(system.spawn_stores(stack(", was: [{store: one}]"), {{"top", store_role::content}}),
                        std::runtime_error, [](const std::runtime_error& fault) {
                          return std::string(fault.what()).find("does not tell") != std::string::npos;
                        });
}

BOOST_AUTO_TEST_SUITE_END()
