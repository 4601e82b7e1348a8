#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

void takes_sources_of_every_kind(const subject& what) {
  stage on(what);
  std::uint64_t seed = 0;
  for (bool from_elsewhere : {false, true})
    for (std::size_t piece : {1U, 100U, 65'536U, 10'000'000U}) {
      std::string content = noise(piece == 1 ? 5000 : 300'000, ++seed);
      digest blob = digest_now(content);
      auto written = on.tell(write_blob{blob, deliver(content, {piece, from_elsewhere, {}})});
      BOOST_REQUIRE_MESSAGE(written, text_of(written));
      BOOST_TEST((read(on, blob) == content));
    }
}

void does_not_read_the_source_of_what_is_there_already(const subject& what) {
  stage on(what);
  digest blob = put(on, "once");
  auto source = std::make_shared<hand_fed>();
  auto again = on.tell(write_blob{blob, source});
  BOOST_REQUIRE(again);
  BOOST_TEST(again->was_present);
  BOOST_TEST(again->size == 4U);
  BOOST_TEST(!source->was_read());
}

void shows_nothing_of_a_blob_before_it_is_whole(const subject& what) {
  stage on(what);
  std::string content = noise(200'000);
  digest blob = digest_now(content);
  auto source = std::make_shared<hand_fed>();
  auto receipt = on.ask(write_blob{blob, source});
  source->feed(content.substr(0, 100'000));
  BOOST_TEST(is_missing(on, blob));
  source->feed(content.substr(100'000));
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  source->end();
  BOOST_TEST(code_of(wait(std::move(receipt))) == "OK");
  BOOST_TEST((read(on, blob) == content));
}

void keeps_a_blob_that_several_write_at_once(const subject& what) {
  stage on(what);
  for (std::uint64_t round = 0; round < 12; ++round) {
    std::string content = noise(150'000, round);
    digest blob = digest_now(content);
    const delivery whole{20'000, true, {}};
    const delivery failing{20'000, true, error(errc::unavailable, "the wire was cut")};
    const delivery leaving{20'000, true, error(errc::cancelled, "the client left")};
    auto first = on.ask(write_blob{blob, deliver(content.substr(0, 70'000), failing)});
    auto second = on.ask(write_blob{blob, deliver(content, whole)});
    auto third = on.ask(write_blob{blob, deliver(content.substr(0, 140'000), leaving)});
    auto fourth = on.ask(write_blob{blob, deliver(content, whole)});
    // Those that fail may also hear that somebody else was faster; those that do not fail must not suffer.
    auto of_first = wait(std::move(first));
    BOOST_TEST((of_first || of_first.error().code() == errc::unavailable));
    BOOST_TEST(code_of(wait(std::move(second))) == "OK");
    auto of_third = wait(std::move(third));
    BOOST_TEST((of_third || of_third.error().code() == errc::cancelled));
    BOOST_TEST(code_of(wait(std::move(fourth))) == "OK");
    BOOST_TEST((read(on, blob) == content));
  }
}

void writes_many_blobs_side_by_side(const subject& what) {
  stage on(what);
  std::vector<std::string> contents;
  std::vector<std::future<expected<receipt>>> receipts;
  for (std::uint64_t i = 0; i < 64; ++i) {
    contents.push_back(noise(1 + i * 5000, i));
    receipts.push_back(
        on.ask(write_blob{digest_now(contents.back()), deliver(contents.back(), {7000, i % 2 == 0, {}})}));
  }
  for (auto& each : receipts) BOOST_TEST(code_of(wait(std::move(each))) == "OK");
  for (const auto& content : contents) BOOST_TEST((read(on, digest_now(content)) == content));
}

}  // namespace

std::vector<claim> writing_claims() {
  return {KILN_CLAIM(takes_sources_of_every_kind),
          KILN_CLAIM(does_not_read_the_source_of_what_is_there_already),
          KILN_CLAIM(shows_nothing_of_a_blob_before_it_is_whole),
          KILN_CLAIM(keeps_a_blob_that_several_write_at_once), KILN_CLAIM(writes_many_blobs_side_by_side)};
}

}  // namespace kiln::contract
