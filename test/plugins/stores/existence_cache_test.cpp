#include "plugins/stores/existence_cache/existence_cache_store.hpp"

#include <boost/test/unit_test.hpp>

#include "core/store_kit/partitioned_store.hpp"
#include "test/contract/claims.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/seen_orders.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

// Every answer of theirs is a touch, so that what is asked for stays, however fast a claim presses.
KILN_STORE_CONTRACT(existence_cache,
                    "{type: existence_cache, touch_every: 0s,"
                    " inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_STORE_CONTRACT(existence_cache_over_two,
                    "{type: existence_cache, touch_every: 0s, inner: {type: size_partitioning,"
                    " threshold: 50KB, small: {type: memory, capacity: \"${CAPACITY}\"},"
                    " large: {type: memory, capacity: \"${CAPACITY}\"}}}")
KILN_RESULT_STORE_CONTRACT(existence_cache_of_results,
                           "{type: existence_cache, inner: {type: memory, capacity: \"${CAPACITY}\"}}")

BOOST_AUTO_TEST_SUITE(existence_cache_store)

namespace {

// What becomes of the answers of the store below.
struct below_script {
  bool hold = false;
  std::vector<std::function<void()>> held;
  std::set<digest> lost;  ///< missing, and nobody told
  std::optional<error> fault_of_reads;
  std::optional<error> fault_of_streams;
  std::size_t largest_question = 0;
};

class scripted_store final : public store_wrapper {
public:
  scripted_store(resumable_store::pointer self, store_actor inner, std::shared_ptr<below_script> script)
      : store_wrapper(self, std::move(inner)), script_(std::move(script)) {}

  caf::result<missing_blobs> take(find_missing& order) {
    script_->largest_question = std::max(script_->largest_question, order.blobs.size());
    auto asker = owe<find_missing>();
    ask(order, [asker, order, script = script_](expected<missing_blobs> missing) mutable {
      if (missing)
        for (const auto& blob : order.blobs)
          if (script->lost.contains(blob)) missing->blobs.push_back(blob);
      if (!script->hold) return asker.deliver(std::move(missing));
      script->held.push_back([asker, missing]() mutable { asker.deliver_anywhere(missing); });
    });
    return asker;
  }
  caf::result<blob_content> take(read_blob& order) {
    if (script_->fault_of_reads) return to_caf(*script_->fault_of_reads);
    if (script_->fault_of_streams) return blob_content{{}, failing_source(*script_->fault_of_streams)};
    return pass_on(order);
  }

private:
  const std::shared_ptr<below_script> script_;
};

struct remembering {
  explicit remembering(existence_cache_options options = {}) {
    memory = system.spawn_store("{type: memory, capacity: 4MiB}");
    auto counted = system.own(spawn_store<watching_store>(system.actors(), system.env(), memory, seen));
    below = system.own(spawn_store<scripted_store>(system.actors(), system.env(), counted, script));
    top = over(below, options);
  }
  store_actor over(const store_actor& inner, const existence_cache_options& options = {}) {
    store_context context{system.actors(),
                          system.env(),
                          "top",
                          store_role::content,
                          [inner](const store_ref&) { return inner; },
                          {}};
    auto spawned = system.own(*spawn_existence_cache_store(options, context));
    system.run();
    return spawned;
  }
  template <class Order>
  expected<answer_to<Order>> ask(Order order) {
    return system.ask<answer_to<Order>>(top, std::move(order));
  }
  digest put(const std::string& content) { return put_blob(system, top, content); }
  bool is_missing(const digest& blob) {
    auto missing = ask(find_missing{{blob}});
    BOOST_REQUIRE_MESSAGE(missing, contract::text_of(missing));
    return !missing->blobs.empty();
  }
  /// How many questions reach the store below while `body` runs.
  template <class Body>
  std::size_t questions(Body body) {
    const auto before = seen->of<find_missing>();
    body();
    return seen->of<find_missing>() - before;
  }
  bool is_known(const digest& blob) {
    return questions([&] { BOOST_TEST(!is_missing(blob)); }) == 0;
  }
  template <class News>
  void tell(News news) {
    caf::anon_send(caf::actor_cast<store_observer>(top), std::move(news));
    system.run();
  }

  deterministic_system system;
  std::shared_ptr<seen_orders> seen = std::make_shared<seen_orders>();
  std::shared_ptr<below_script> script = std::make_shared<below_script>();
  store_actor memory, below, top;
};

constexpr duration due = std::chrono::seconds(31);

auto says(std::string words) {
  return [words](const std::runtime_error& fault) {
    return std::string(fault.what()).find(words) != std::string::npos;
  };
}

}  // namespace

BOOST_AUTO_TEST_CASE(answers_from_memory_for_what_was_written_read_or_found) {
  remembering on;
  BOOST_TEST(on.is_known(on.put("written through it")));
  const auto beside = put_blob(on.system, on.memory, "written beside it");
  BOOST_TEST(on.is_known(beside));  // the news said so
  auto fresh = on.over(on.below);
  on.top = fresh;
  BOOST_TEST(!on.is_known(beside));
  BOOST_TEST(on.is_known(beside));
  on.top = on.over(on.below);
  BOOST_REQUIRE(on.ask(read_blob{beside}).has_value());
  BOOST_TEST(on.is_known(beside));
  on.top = on.over(on.below);
  BOOST_REQUIRE(on.ask(lease_blobs{{beside}}).has_value());
  BOOST_TEST(on.is_known(beside));
}

BOOST_AUTO_TEST_CASE(asks_for_all_that_is_not_known_in_one_batch_and_answers_in_the_order_asked) {
  remembering on;
  const auto known = on.put("known");
  const auto one = digest_of("one"), other = digest_of("other");
  expected<missing_blobs> missing;
  const auto asked = on.questions([&] { missing = on.ask(find_missing{{other, known, one, other, known}}); });
  BOOST_TEST(asked == 1U);
  BOOST_REQUIRE(missing.has_value());
  BOOST_TEST((missing->blobs == std::vector{other, one}));
  BOOST_TEST(on.script->largest_question == 3U);
}

BOOST_AUTO_TEST_CASE(never_remembers_that_something_is_missing) {
  remembering on;
  const auto blob = digest_of("later");
  BOOST_TEST(on.questions([&] {
    BOOST_TEST(on.is_missing(blob));
    BOOST_TEST(on.is_missing(blob));
  }) == 2U);
  on.put("later");
  BOOST_TEST(on.is_known(blob));
}

BOOST_AUTO_TEST_CASE(an_answer_that_a_removal_has_overtaken_is_not_remembered) {
  remembering on;
  const auto blob = put_blob(on.system, on.memory, "blob");
  on.top = on.over(on.below);
  on.script->hold = true;
  auto asked = on.system.begin<missing_blobs>(on.top, find_missing{{blob}});
  on.system.run();
  on.script->hold = false;
  BOOST_REQUIRE(on.script->held.size() == 1U);
  BOOST_REQUIRE(on.system.ask<forgotten>(on.memory, forget_blob{blob})->was_present);
  on.script->held.front()();
  on.system.run();
  BOOST_REQUIRE((*asked && (*asked)->has_value()));
  BOOST_TEST((*asked)->value().blobs.empty());  // so it was when it was asked
  BOOST_TEST(on.is_missing(blob));
}

BOOST_AUTO_TEST_CASE(trap_a_a_store_that_tells_no_news_is_refused) {
  existence_cache_options options;
  options.inner.name = "remote";
  auto of = [](const store_ref&) { return store_promises{.shared = true}; };
  auto refused = existence_cache_promises(options, of);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().code() == errc::invalid_argument));
  BOOST_TEST(refused.error().message().find("store remote does not tell") != std::string::npos);
  const contract::subject over_two{
      "{type: existence_cache, inner: {type: mirror, stores: [{type: memory, capacity: 1MiB},"
      " {type: memory, capacity: 1MiB}]}}"};
  BOOST_CHECK_EXCEPTION(contract::stage{over_two}, std::runtime_error, says("does not tell"));
}

BOOST_AUTO_TEST_CASE(trap_b_nothing_is_known_any_more_once_no_news_can_come) {
  remembering on;
  const auto blob = on.put("blob");
  BOOST_TEST(on.is_known(blob));
  on.system.end(on.below);
  BOOST_TEST(contract::code_of(on.ask(find_missing{{blob}})) == "UNAVAILABLE");
}

BOOST_AUTO_TEST_CASE(trap_b_what_a_part_that_is_gone_had_is_not_known_for_long) {
  remembering on;
  auto gone = on.system.spawn_store("{type: memory, capacity: 4MiB}");
  const auto far = digest_of("far");
  partitioned_store::rule home_of = [far](const digest& blob) { return blob == far ? 0 : 1; };
  on.top = on.over(on.system.own(spawn_store<partitioned_store>(on.system.actors(), on.system.env(),
                                                                std::vector<store_actor>{gone, on.below},
                                                                home_of, on.system.env().time)));
  on.put("far");
  BOOST_REQUIRE(!on.is_missing(far));
  on.system.end(gone);
  on.system.pass(due);
  (void)on.ask(find_missing{{far}});  // to be touched, which fails
  on.system.pass(due);
  BOOST_TEST(contract::code_of(on.ask(find_missing{{far}})) == "UNAVAILABLE");
}

BOOST_AUTO_TEST_CASE(trap_c_a_copy_that_left_does_not_take_along_a_blob_that_is_said_to_be_there) {
  remembering on;
  const auto blob = on.put("in two places");
  on.tell(blobs_evicted{{blob}});
  on.tell(blobs_stored{{blob}});
  BOOST_TEST(on.is_known(blob));
}

BOOST_AUTO_TEST_CASE(trap_d_news_of_an_older_generation_do_not_outlive_those_of_a_newer) {
  remembering on;
  const auto blob = on.put("comes again");
  // Late, and of the copy that was there before; what was stored then is told behind it.
  on.tell(blobs_evicted{{blob}});
  BOOST_TEST(on.questions([&] { BOOST_TEST(!on.is_missing(blob)); }) == 1U);  // asked, not believed
  on.tell(blobs_evicted{{blob}});
  on.tell(blobs_stored{{blob}});
  BOOST_TEST(on.is_known(blob));
  on.tell(blobs_stored{{blob}});
  on.tell(blobs_evicted{{blob}});
  BOOST_TEST(!on.is_known(blob));
}

BOOST_AUTO_TEST_CASE(trap_e_a_removal_counts_for_every_question_under_way) {
  remembering on;
  const auto blob = put_blob(on.system, on.memory, "blob"), other = put_blob(on.system, on.memory, "other");
  on.top = on.over(on.below);
  on.script->hold = true;
  auto first = on.system.begin<missing_blobs>(on.top, find_missing{{other}});
  auto second = on.system.begin<missing_blobs>(on.top, find_missing{{blob}});
  auto third = on.system.begin<missing_blobs>(on.top, find_missing{{other, blob}});
  on.system.run();
  on.script->hold = false;
  BOOST_REQUIRE(on.script->held.size() == 3U);
  BOOST_REQUIRE(on.system.ask<forgotten>(on.memory, forget_blob{blob})->was_present);
  // The first that ends must not make the others forget what was told meanwhile.
  for (auto& answer : on.script->held) {
    answer();
    on.system.run();
  }
  BOOST_TEST(on.is_missing(blob));
  BOOST_TEST(!on.is_missing(other));
}

BOOST_AUTO_TEST_CASE(trap_f_a_read_that_finds_nothing_or_damage_drops_what_was_known) {
  for (const auto code : {errc::not_found, errc::data_loss}) {
    remembering on;
    const auto blob = on.put("blob");
    on.script->fault_of_reads = error(code, "not what it was");
    BOOST_TEST(!on.ask(read_blob{blob}).has_value());
    BOOST_TEST(!on.is_known(blob));
    BOOST_TEST(on.is_known(blob));
    on.script->fault_of_reads.reset();
    on.script->fault_of_streams = error(code, "not what it was");
    auto reading = on.ask(read_blob{blob});
    BOOST_REQUIRE((reading.has_value() && reading->rest));
    reading->rest->read([](const expected<byte_chain>&) {});
    on.system.run();
    BOOST_TEST(!on.is_known(blob));
  }
}

BOOST_AUTO_TEST_CASE(a_read_that_fails_otherwise_says_nothing_of_what_is_there) {
  remembering on;
  const auto blob = on.put("blob");
  on.script->fault_of_reads = error(errc::unavailable, "the disk is busy");
  BOOST_TEST(!on.ask(read_blob{blob}).has_value());
  BOOST_TEST(on.is_known(blob));
}

BOOST_AUTO_TEST_CASE(a_lease_a_lent_file_and_a_batch_that_find_nothing_drop_what_was_known) {
  remembering on;
  const auto leased_one = on.put("leased"), batched = on.put("batched"), forgotten_one = on.put("forgotten");
  // Gone without a word, which a store below must not do.
  for (const auto& blob : {leased_one, batched, forgotten_one})
    BOOST_REQUIRE(on.system.ask<forgotten>(on.memory, forget_blob{blob})->was_present);
  on.tell(blobs_stored{{leased_one, batched, forgotten_one}});
  BOOST_TEST((on.ask(lease_blobs{{leased_one}})->missing == std::vector{leased_one}));
  BOOST_TEST(on.is_missing(leased_one));
  BOOST_TEST(!on.ask(read_blobs{{batched}})->results.at(0).has_value());
  BOOST_TEST(on.is_missing(batched));
  BOOST_TEST(!on.ask(forget_blob{forgotten_one})->was_present);
  BOOST_TEST(on.is_missing(forgotten_one));
}

BOOST_AUTO_TEST_CASE(what_is_answered_from_memory_is_touched_below_in_a_batch_and_once_in_a_while) {
  remembering on;
  std::vector<digest> blobs;
  for (int i = 0; i < 20; ++i) blobs.push_back(on.put(std::to_string(i)));
  on.system.pass(due);
  BOOST_TEST(on.questions([&] {
    for (const auto& blob : blobs) BOOST_TEST(on.ask(find_missing{{blob}})->blobs.empty());
  }) == 0U);
  BOOST_TEST(on.questions([&] { on.system.pass(std::chrono::seconds(2)); }) == 1U);
  BOOST_TEST(on.script->largest_question == 20U);
  BOOST_TEST(on.questions([&] {
    for (const auto& blob : blobs) BOOST_TEST(on.ask(find_missing{{blob}})->blobs.empty());
    on.system.pass(std::chrono::seconds(20));
  }) == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_is_not_evicted_as_unused) {
  remembering on;
  const auto asked = on.put(noise(100'000));
  const auto unasked = on.put(noise(100'000, 2));
  for (std::uint64_t i = 0; i < 120; ++i) {
    on.put(noise(100'000, 1000 + i));
    on.system.pass(std::chrono::seconds(10));
    BOOST_REQUIRE(!on.is_missing(asked));
  }
  BOOST_TEST(on.system.ask<missing_blobs>(on.memory, find_missing{{asked}})->blobs.empty());
  BOOST_TEST(on.is_missing(unasked));
}

BOOST_AUTO_TEST_CASE(a_touch_that_finds_the_blob_missing_drops_it) {
  remembering on;
  const auto blob = on.put("blob");
  on.script->lost.insert(blob);
  on.system.pass(due);
  BOOST_TEST(!on.is_missing(blob));  // as far as anybody knows
  on.system.pass(std::chrono::seconds(2));
  BOOST_TEST(on.is_missing(blob));
}

BOOST_AUTO_TEST_CASE(one_batch_of_touches_is_under_way_and_what_finds_no_room_is_asked_at_once) {
  remembering on;
  write_blobs many;
  std::vector<digest> blobs;
  for (int i = 0; i < 10'000; ++i) {
    auto content = std::to_string(i);
    blobs.push_back(digest_of(content));
    many.entries.push_back({blobs.back(), bytes::copy_of(content)});
  }
  BOOST_REQUIRE(on.ask(std::move(many)).has_value());
  on.system.pass(due);
  on.script->hold = true;
  auto answer = on.system.begin<missing_blobs>(on.top, find_missing{blobs});
  on.system.run();
  // The touch of as many as go into a batch, and the question about all that do not wait for the next.
  BOOST_TEST(on.script->held.size() == 2U);
  BOOST_TEST(on.script->largest_question == 4096U);
  BOOST_TEST(!answer->has_value());
  on.system.pass(std::chrono::seconds(5));
  BOOST_TEST(on.script->held.size() == 2U);
  on.script->hold = false;
  for (auto& one : on.script->held) one();
  BOOST_TEST(on.questions([&] { on.system.pass(std::chrono::seconds(2)); }) == 1U);
  BOOST_REQUIRE((*answer && (*answer)->has_value()));
  BOOST_TEST((*answer)->value().blobs.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_believed_for_longer_than_max_age) {
  remembering on;
  const auto blob = on.put("blob");
  on.system.pass(std::chrono::minutes(10));
  BOOST_TEST(!on.is_known(blob));
}

BOOST_AUTO_TEST_CASE(remembers_no_more_than_it_may) {
  existence_cache_options options;
  options.max_entries = 10;
  remembering on(options);
  for (int i = 0; i < 50; ++i) on.put(std::to_string(i));
  BOOST_TEST(on.system.metrics().gauges("kiln_existence_entries", "", {"store"}).with({"top"}).value() <=
             10.0);
  BOOST_TEST(on.is_known(digest_of("49")));
  BOOST_TEST(!on.is_known(digest_of("0")));
}

BOOST_AUTO_TEST_CASE(demands_that_touches_come_before_the_end_of_what_is_known) {
  const contract::subject odd{
      "{type: existence_cache, max_age: 10s, touch_every: 10s, inner: {type: memory, capacity: 1MiB}}"};
  BOOST_CHECK_EXCEPTION(contract::stage{odd}, std::runtime_error, says("less than max_age"));
}

BOOST_AUTO_TEST_SUITE_END()
