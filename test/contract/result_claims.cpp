#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

void keeps_results_whatever_size_their_digest_names(const subject& what) {
  stage on(what);
  for (std::size_t size : {0U, 10U, 5000U, 300'000U}) {
    digest action = digest_now(noise(142, size));
    std::string result = noise(size);
    auto written = write(on, action, result);
    BOOST_REQUIRE_MESSAGE(written, text_of(written));
    BOOST_TEST(written->size == size);
    BOOST_TEST((read(on, action) == result));
    BOOST_TEST(!is_missing(on, action));
  }
}

void knows_no_result_that_was_never_written(const subject& what) {
  stage on(what);
  for (const digest& action : {digest_now("an action"), digest_now("")}) {
    BOOST_TEST(is_missing(on, action));
    BOOST_TEST(code_of(read(on, action)) == "NOT_FOUND");
    BOOST_TEST(code_of(on.tell(read_blobs{{action}})->results.at(0)) == "NOT_FOUND");
  }
}

void lets_a_later_result_replace_an_earlier_one(const subject& what) {
  stage on(what);
  digest action = digest_now("an action");
  for (std::string result : {"first", "second, and longer", "3"}) {
    auto written = write(on, action, result);
    BOOST_REQUIRE(written);
    BOOST_TEST(!written->was_present);
    BOOST_TEST((read(on, action) == result));
  }
  auto batch = on.tell(write_blobs{{{action, bytes::of_static("fourth")}}});
  BOOST_REQUIRE(batch);
  BOOST_TEST(code_of(batch->results.at(0)) == "OK");
  BOOST_TEST((read(on, action) == "fourth"));
  BOOST_TEST(on.tell(read_blobs{{action}})->results.at(0)->view() == "fourth");
}

void keeps_the_earlier_result_when_a_later_one_fails(const subject& what) {
  stage on(what);
  digest action = digest_now("an action");
  BOOST_REQUIRE(write(on, action, "good"));
  auto source = std::make_shared<hand_fed>();
  auto answer = on.ask(write_blob{action, source});
  source->feed("bad");
  source->feed(fail(errc::cancelled, "the client left"));
  BOOST_TEST(code_of(wait(std::move(answer))) == "CANCELLED");
  BOOST_TEST((read(on, action) == "good"));
}

void lets_readers_finish_when_their_result_is_replaced(const subject& what) {
  stage on(what);
  digest action = digest_now("an action");
  std::string result = noise(5'000'000);
  BOOST_REQUIRE(write(on, action, result));
  auto reading = on.tell(read_blob{action});
  BOOST_REQUIRE(reading);
  BOOST_REQUIRE(write(on, action, "another"));
  BOOST_TEST((drain(std::move(*reading)) == result));
  BOOST_TEST((read(on, action) == "another"));
}

void forgets_results(const subject& what) {
  stage on(what);
  digest action = digest_now("an action");
  BOOST_REQUIRE(write(on, action, "result"));
  auto gone = on.tell(forget_blob{action});
  if (!gone && gone.error().code() == errc::unimplemented) return;
  BOOST_TEST((gone && gone->was_present));
  BOOST_TEST(is_missing(on, action));
}

void stays_within_its_capacity(const subject& what) {
  if (!what.is_bounded()) return;
  stage on(what, 1 << 20);
  for (std::uint64_t i = 0; i < 60; ++i) {
    BOOST_TEST(code_of(write(on, digest_now(noise(10, i)), noise(50'000, i))) == "OK");
    auto stats = on.tell(measure_store{});
    BOOST_TEST((stats && stats->bytes <= stats->capacity));
  }
  BOOST_TEST(is_missing(on, digest_now(noise(10, 0))));
  BOOST_TEST(!is_missing(on, digest_now(noise(10, 59))));
}

}  // namespace

std::vector<claim> result_claims() {
  return {KILN_CLAIM(keeps_results_whatever_size_their_digest_names),
          KILN_CLAIM(knows_no_result_that_was_never_written),
          KILN_CLAIM(lets_a_later_result_replace_an_earlier_one),
          KILN_CLAIM(keeps_the_earlier_result_when_a_later_one_fails),
          KILN_CLAIM(lets_readers_finish_when_their_result_is_replaced),
          KILN_CLAIM(forgets_results),
          KILN_CLAIM(stays_within_its_capacity)};
}

}  // namespace kiln::contract
