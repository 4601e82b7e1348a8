#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(fast_slow_early_ack)

using namespace kiln::test::fast_slow_tests;
using contract::deliver;
using contract::noise;

const error away(errc::unavailable, "the server is away");

struct early : both_stores {
  early() {
    fast.promised.durable = true;
    options.early_ack = true;
    options.early_ack_bytes = byte_size{1 << 20};
    open("{type: memory, capacity: 4MiB, policy: lru}");
  }
  bool write(const std::string& content) {
    return ask(write_blob{digest_of(content), deliver(content)}).has_value();
  }
  bool write_batch(const std::string& content) {
    auto kept = ask(write_blobs{{{digest_of(content), bytes::copy_of(content)}}});
    return kept && kept->results.at(0);
  }
};

BOOST_FIXTURE_TEST_CASE(a_blob_is_acknowledged_and_there_while_the_slow_store_is_still_writing_it, early) {
  slow.how->writes_hang = true;
  BOOST_TEST(write("abc"));
  BOOST_TEST(write_batch("def"));
  BOOST_TEST((!is_missing(digest_of("abc")) && !is_missing(digest_of("def"))));
  BOOST_TEST(is_missing(digest_of("another")));
  BOOST_TEST(!has(slow, digest_of("abc")));
  BOOST_TEST(read({digest_of("abc")}).value() == "abc");
  BOOST_TEST(ask(lease_blobs{{digest_of("abc")}})->missing.empty());
}

BOOST_FIXTURE_TEST_CASE(it_arrives_in_the_slow_store_out_of_the_fast_one, early) {
  BOOST_TEST(write(noise(300'000)));
  BOOST_TEST(write_batch("def"));
  system.run();
  BOOST_TEST((has(slow, digest_of(noise(300'000))) && has(slow, digest_of("def"))));
  BOOST_TEST(!is_missing(digest_of("def")));
}

BOOST_FIXTURE_TEST_CASE(an_outage_of_the_slow_store_is_outlived, early) {
  slow.how->writes = away;
  std::vector<std::string> all;
  for (std::uint64_t i = 0; i < 20; ++i) {
    all.push_back(noise(10'000 + i, i));
    BOOST_TEST(write(all.back()));
  }
  system.pass(std::chrono::minutes(5));
  // Tried less and less often, and small ones together.
  const auto tries = slow.seen->of<write_blob>() + slow.seen->of<write_blobs>();
  BOOST_TEST((tries > 20U && tries < 400U));
  for (const auto& one : all) BOOST_TEST(!is_missing(digest_of(one)));
  slow.how->writes = std::nullopt;
  system.pass(std::chrono::minutes(2));
  for (const auto& one : all) BOOST_TEST(has(slow, digest_of(one)));
}

BOOST_FIXTURE_TEST_CASE(what_is_not_in_the_slow_store_yet_does_not_leave_the_fast_one, early) {
  slow.how->writes_hang = true;
  BOOST_TEST(write(noise(300'000)));
  for (std::uint64_t i = 0; i < 100; ++i) put(fast, noise(100'000, 1000 + i));
  BOOST_TEST(has(fast, digest_of(noise(300'000))));
  slow.how->writes_hang = false;
  slow.how->let_go();
  system.pass(std::chrono::minutes(1));
  BOOST_TEST(has(slow, digest_of(noise(300'000))));
  for (std::uint64_t i = 0; i < 100; ++i) put(fast, noise(100'000, 2000 + i));
  BOOST_TEST(!has(fast, digest_of(noise(300'000))));
}

BOOST_FIXTURE_TEST_CASE(beyond_its_bound_writes_wait_for_the_slow_store, early) {
  slow.how->writes_hang = true;
  BOOST_TEST(write(noise(900'000)));
  auto waits = begin(write_blob{digest_of(noise(300'000)), deliver(noise(300'000))});
  auto batch = begin(write_blobs{{{digest_of(noise(300'000, 2)), bytes::copy_of(noise(300'000, 2))}}});
  system.run();
  BOOST_TEST((!waits->has_value() && !batch->has_value()));
  BOOST_TEST(is_missing(digest_of(noise(300'000))));
  BOOST_TEST(write("small"));
}

BOOST_FIXTURE_TEST_CASE(many_small_blobs_count_for_more_than_their_bytes, early) {
  slow.how->writes_hang = true;
  std::size_t early_ones = 0;
  for (int i = 0; i < 300; ++i) {
    const auto content = std::to_string(i);
    auto kept = begin(write_blob{digest_of(content), deliver(content)});
    system.run();
    early_ones += kept->has_value() ? 1 : 0;
  }
  BOOST_TEST((early_ones > 100U && early_ones <= 256U));
}

BOOST_FIXTURE_TEST_CASE(a_flush_waits_until_all_has_arrived_and_nothing_is_early_after_it, early) {
  slow.how->writes = away;
  BOOST_TEST(write("abc"));
  auto flushed = begin(flush_store{});
  system.pass(std::chrono::seconds(20));
  BOOST_TEST(!flushed->has_value());
  BOOST_TEST(!write("late"));
  slow.how->writes = std::nullopt;
  system.pass(std::chrono::minutes(2));
  BOOST_REQUIRE(flushed->has_value());
  BOOST_TEST((*flushed)->has_value());
  BOOST_TEST(has(slow, digest_of("abc")));
  slow.how->writes_hang = true;
  auto waits = begin(write_blob{digest_of("later"), deliver("later")});
  system.run();
  BOOST_TEST(!waits->has_value());
}

BOOST_FIXTURE_TEST_CASE(a_slow_write_that_takes_long_is_said, early) {
  slow.how->writes_hang = true;
  BOOST_TEST(write("abc"));
  system.pass(std::chrono::seconds(70));
  BOOST_TEST(system.log_lines().find("takes long") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_fails_is_left_out_for_a_while, early) {
  fast.how->writes = error(errc::resource_exhausted, "the disk is full");
  BOOST_TEST(!write("abc"));
  BOOST_TEST(write("def"));
  BOOST_TEST(has(slow, digest_of("def")));
}

BOOST_FIXTURE_TEST_CASE(a_fast_copy_that_is_lost_before_it_arrived_is_said_and_missing, early) {
  slow.how->writes = away;
  BOOST_TEST(write("abc"));
  BOOST_REQUIRE(system.ask<forgotten>(fast.itself, forget_blob{digest_of("abc")}));
  system.pass(std::chrono::minutes(2));
  BOOST_TEST(is_missing(digest_of("abc")));
  BOOST_TEST(system.log_lines().find("was lost") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(wrong_bytes_are_not_acknowledged_early, early) {
  auto kept = ask(write_blob{digest_of("right"), deliver("wrong")});
  BOOST_TEST((!kept && kept.error().code() == errc::invalid_argument));
  BOOST_TEST(write("after that"));
}

BOOST_FIXTURE_TEST_CASE(what_is_forgotten_on_its_way_is_in_neither_store, early) {
  slow.how->writes = away;
  BOOST_TEST(write("abc"));
  BOOST_TEST(ask(forget_blob{digest_of("abc")})->was_present);
  slow.how->writes = std::nullopt;
  system.pass(std::chrono::minutes(2));
  BOOST_TEST((!has(fast, digest_of("abc")) && !has(slow, digest_of("abc"))));
  BOOST_TEST(is_missing(digest_of("abc")));
}

BOOST_AUTO_TEST_CASE(is_refused_over_a_fast_store_that_is_not_durable_or_cannot_lease) {
  fast_slow_options options;
  options.fast = {"fast"};
  options.slow = {"slow"};
  options.early_ack = true;
  store_promises promised;
  auto of = [&](const store_ref&) { return promised; };
  BOOST_TEST(!fast_slow_promises(options, of).has_value());
  promised.durable = true;
  BOOST_TEST(!fast_slow_promises(options, of).has_value());
  promised.leases = true;
  auto all = fast_slow_promises(options, of);
  BOOST_TEST((all && !all->durable));
}

BOOST_AUTO_TEST_SUITE_END()
