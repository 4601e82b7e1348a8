#include <algorithm>

#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

void names_exactly_what_is_absent_each_once_in_the_order_asked(const subject& what) {
  stage on(what);
  digest here = put(on, "here");
  digest also_here = put(on, noise(100'000));
  digest a = digest_now("a"), b = digest_now(noise(100'001)), c = digest_now("c");
  auto missing = on.tell(find_missing{{c, here, a, c, also_here, b, a, here, b}});
  BOOST_REQUIRE(missing);
  BOOST_TEST((missing->blobs == std::vector{c, a, b}));
  BOOST_TEST(on.tell(find_missing{{here, also_here}})->blobs.empty());
  BOOST_TEST(on.tell(find_missing{})->blobs.empty());
}

void always_has_the_empty_blob(const subject& what) {
  stage on(what);
  digest empty = digest_now("");
  BOOST_TEST(!is_missing(on, empty));
  BOOST_TEST((read(on, empty) == ""));
  BOOST_TEST(code_of(read(on, empty, 1)) == "OUT_OF_RANGE");
  BOOST_TEST(code_of(write(on, empty, "")) == "OK");
  auto batch = on.tell(read_blobs{{empty}});
  BOOST_REQUIRE(batch);
  BOOST_REQUIRE(batch->results.size() == 1);
  BOOST_TEST((batch->results[0] && batch->results[0]->empty()));
}

void keeps_what_was_written(const subject& what) {
  stage on(what);
  for (std::size_t size : {1U, 1000U, 70'000U, 3'000'000U}) {
    std::string content = noise(size);
    digest blob = digest_now(content);
    BOOST_TEST(is_missing(on, blob));
    auto written = write(on, blob, content);
    BOOST_REQUIRE_MESSAGE(written, text_of(written));
    BOOST_TEST(written->size == size);
    BOOST_TEST(!written->was_present);
    BOOST_TEST(!is_missing(on, blob));
    BOOST_TEST((read(on, blob) == content));
  }
}

void takes_another_function_or_another_size_for_another_blob(const subject& what) {
  stage on(what);
  digest blob = put(on, "only this one");
  digest longer = blob;
  longer.size += 1;
  digest other_function = blob;  // its hash begins alike
  other_function.function =
      blob.function == digest_function::blake3 ? digest_function::sha256 : digest_function::blake3;
  std::fill(other_function.hash.begin() + 32, other_function.hash.end(), std::uint8_t{0});
  for (const digest& stranger : {longer, other_function}) {
    BOOST_TEST(is_missing(on, stranger));
    BOOST_TEST(code_of(read(on, stranger)) == "NOT_FOUND");
  }
}

void forgets_what_it_is_told_to(const subject& what) {
  stage on(what);
  digest blob = put(on, noise(50'000));
  auto first = on.tell(forget_blob{blob});
  if (!first && first.error().code() == errc::unimplemented) return;
  BOOST_REQUIRE_MESSAGE(first, text_of(first));
  BOOST_TEST(first->was_present);
  BOOST_TEST(is_missing(on, blob));
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  BOOST_TEST(!on.tell(forget_blob{blob})->was_present);
  BOOST_TEST(put(on, noise(50'000)).size == 50'000);
  BOOST_TEST(!is_missing(on, blob));
}

void measures_itself(const subject& what) {
  stage on(what);
  auto before = on.tell(measure_store{});
  if (!before && before.error().code() == errc::unimplemented) return;
  BOOST_REQUIRE_MESSAGE(before, text_of(before));
  put(on, noise(1000, 1));
  put(on, noise(1000, 2));
  put(on, noise(200'000, 3));
  auto after = on.tell(measure_store{});
  BOOST_REQUIRE(after);
  BOOST_TEST((after->blobs == before->blobs + 3 || (what.compresses && after->blobs > before->blobs)));
  BOOST_TEST((what.compresses || after->bytes >= before->bytes + 202'000));
  BOOST_TEST(after->evictions == 0U);
}

void flushes(const subject& what) {
  stage on(what);
  digest blob = put(on, noise(50'000));
  BOOST_TEST(code_of(on.tell(flush_store{})) == "OK");
  BOOST_TEST(!is_missing(on, blob));
}

}  // namespace

std::vector<claim> presence_claims() {
  return {KILN_CLAIM(names_exactly_what_is_absent_each_once_in_the_order_asked),
          KILN_CLAIM(always_has_the_empty_blob),
          KILN_CLAIM(keeps_what_was_written),
          KILN_CLAIM(takes_another_function_or_another_size_for_another_blob),
          KILN_CLAIM(forgets_what_it_is_told_to),
          KILN_CLAIM(measures_itself),
          KILN_CLAIM(flushes)};
}

}  // namespace kiln::contract
