#include "test/actors/services/chunking/chunking_bench.hpp"
#include "test/harness/scarce_memory.hpp"

using namespace kiln;
using namespace kiln::test;

namespace chunking_turns {

struct plain_chunking_bench : chunking_bench {
  plain_chunking_bench() : chunking_bench(trusting) { serve(blobs); }
};

}  // namespace chunking_turns

BOOST_FIXTURE_TEST_SUITE(chunking_turns, chunking_bench)

BOOST_AUTO_TEST_CASE(too_many_splits_of_one_client_are_told_to_come_again) {
  std::vector<digest> all;
  for (std::size_t i = 0; i < 6; ++i) all.push_back(put(noise(50'000 + i)));
  std::vector<std::shared_ptr<direct_call>> calls;
  for (const auto& blob : all) calls.push_back(start(split_method, serialise(split_of(blob))));
  run();
  for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(calls[i]->finished_well());
  BOOST_TEST(calls[5]->status()->code() == errc::resource_exhausted);
  BOOST_TEST(!calls[5]->status()->details().empty());  // when to come again
}

BOOST_AUTO_TEST_CASE(whoever_splits_little_does_not_wait_for_who_splits_much) {
  const auto order = in_order_of_end(
      split_method, [&](std::size_t i) { return serialise(split_of(put(noise(100'000 + i)))); });
  BOOST_TEST((order[0] == 5 || order[1] == 5));
}

BOOST_AUTO_TEST_CASE(a_split_ends_when_the_last_who_waits_has_left) {
  auto blob = put(noise(1'000'000));  // in some 250 chunks
  auto first = start(split_method, serialise(split_of(blob)));
  auto second = start(split_method, serialise(split_of(blob)));
  reads->after_reads(10, [&] { first->cancel(); });
  run();
  BOOST_TEST(second->finished_well());
  BOOST_TEST(reads->reads() > 200u);

  auto other = put(noise(1'000'001));
  auto alone = start(split_method, serialise(split_of(other)));
  const auto before = reads->reads();
  reads->after_reads(10, [&] { alone->cancel(); });
  run();
  BOOST_TEST(reads->reads() - before < 20u);
  BOOST_TEST(chunks_in(split(other), other.function).size() > 200u);
}

BOOST_AUTO_TEST_CASE(a_split_that_waits_for_its_turn_leaves_with_its_client) {
  auto blob = put(noise(1'000'000));
  auto other = put(noise(1'000'001));
  auto running = start(split_method, serialise(split_of(blob)));
  auto waiting = start(split_method, serialise(split_of(other)));
  reads->after_reads(10, [&] { waiting->cancel(); });
  run();
  BOOST_TEST(running->finished_well());
  BOOST_TEST(reads->reads(other) == 0u);
}

// One chunk named over and over costs as much as the blob would.
BOOST_AUTO_TEST_CASE(a_splice_ends_when_its_client_has_left) {
  auto chunk = put(noise(1000));
  std::string text;
  for (int i = 0; i < 190; ++i) text += noise(1000);
  auto call = start(splice_method, serialise(splice_of(digest_of(text), std::vector<digest>(190, chunk))));
  reads->after_reads(10, [&] { call->cancel(); });
  run();
  BOOST_TEST(reads->reads() < 20u);
  BOOST_TEST(!has(digest_of(text)));
  BOOST_TEST(splice(digest_of(text), std::vector<digest>(190, chunk)) == errc::ok);
}

BOOST_AUTO_TEST_CASE(whoever_splices_little_does_not_wait_for_who_splices_much) {
  auto chunk = put(noise(1000));
  const auto order = in_order_of_end(splice_method, [&](std::size_t i) {
    std::string text;
    for (std::size_t n = 0; n < 100 + i; ++n) text += noise(1000);
    return serialise(splice_of(digest_of(text), std::vector<digest>(100 + i, chunk)));
  });
  BOOST_TEST((order[0] == 5 || order[1] == 5));
}

BOOST_AUTO_TEST_CASE(a_splice_that_could_never_fit_is_refused_before_a_byte_is_read) {
  auto chunk = put(noise(400'000));
  auto blob = digest_of("the hash does not matter");
  blob.size = 170 * 400'000;
  auto refused = ask_service(splice_method, splice_of(blob, std::vector<digest>(170, chunk)));
  BOOST_TEST(refused->status()->code() == errc::resource_exhausted);
  BOOST_TEST(reads->reads() == 0u);
}

// Wherever memory is short, it is the one call that fails.
BOOST_FIXTURE_TEST_CASE(want_of_memory_fails_the_one_splice_or_split, plain_chunking_bench) {
  auto chunk = put(noise(1000));
  std::string text;
  for (int i = 0; i < 190; ++i) text += noise(1000);
  auto other = put(noise(900'000));
  bool felt = true;
  for (std::size_t which = 1; felt; ++which) {
    auto splicing =
        start(splice_method, serialise(splice_of(digest_of(text), std::vector<digest>(190, chunk))));
    auto splitting = start(split_method, serialise(split_of(other)));
    {
      scarce_memory scarce(8 << 10, which);
      run();
      felt = scarce.was_felt();
    }
    BOOST_TEST(splicing->status().has_value());
    BOOST_TEST(splitting->status().has_value());
    BOOST_TEST((!felt || which > 1 || !splicing->finished_well() || !splitting->finished_well()));
  }
  BOOST_TEST(splice(digest_of(text), std::vector<digest>(190, chunk)) == errc::ok);
  BOOST_TEST(chunks_in(split(other), other.function).size() > 100u);
}

BOOST_AUTO_TEST_SUITE_END()
