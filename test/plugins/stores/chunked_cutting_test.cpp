#include "core/contract/composition.hpp"
#include "test/contract/claims.hpp"
#include "test/contract/stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(chunked_cutting)

using namespace kiln::contract;

namespace {

// What comes whole is cut, one blob at a time.
const subject cutting{
    "{type: chunked, min_size: 1000B, cut_to: 16KiB, cuts_at_once: 1, inner: {type: memory, capacity: 64MiB},"
    " layouts: {type: memory, capacity: 1MiB}}"};

std::uint64_t bytes_in(stage& on) {
  return on.tell(measure_store{})->bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_comes_whole_is_cut_and_what_blobs_have_in_common_is_kept_once) {
  stage on(cutting);
  const std::string first = noise(2'000'000);
  const std::string second =
      "some bytes in front" + first.substr(0, 1'000'000) + "and some within" + first.substr(1'000'000);
  put(on, first);
  const auto before = bytes_in(on);
  put(on, second);
  BOOST_TEST(bytes_in(on) - before < 300'000U);
  BOOST_TEST((read(on, digest_of(first)) == first));
  BOOST_TEST((read(on, digest_of(second)) == second));
  BOOST_TEST((read(on, digest_of(second), 999'990, 50) == second.substr(999'990, 50)));
  auto content = on.tell(read_blob{digest_of(second)});
  BOOST_REQUIRE((content && content->made_of));
  BOOST_TEST(content->made_of->parts.size() > 10U);
  BOOST_TEST((content->made_of->cut_by == chunking_function::fast_cdc_2020));
  BOOST_TEST(!is_missing(on, digest_of(second)));
  BOOST_REQUIRE(on.tell(forget_blob{content->made_of->parts[3]}).has_value());
  BOOST_TEST(is_missing(on, digest_of(second)));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_the_blob_are_refused_though_they_were_cut) {
  stage on(cutting);
  const digest blob = digest_of(noise(300'000));
  BOOST_TEST(code_of(write(on, blob, noise(300'000, 2))) == "INVALID_ARGUMENT");
  BOOST_TEST(code_of(write(on, blob, noise(299'999))) == "INVALID_ARGUMENT");
  BOOST_TEST(is_missing(on, blob));
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(a_blob_that_is_there_in_chunks_is_not_read_again) {
  stage on(cutting);
  const std::string content = noise(300'000);
  put(on, content);
  auto source = std::make_shared<hand_fed>();
  auto again = on.tell(write_blob{digest_of(content), source});
  BOOST_REQUIRE(again);
  BOOST_TEST(again->was_present);
  BOOST_TEST(!source->was_read());
}

BOOST_AUTO_TEST_CASE(while_as_many_as_may_are_cut_others_are_kept_whole_and_wait_for_nobody) {
  stage on(cutting);
  const std::string slow = noise(300'000), quick = noise(300'000, 2);
  auto source = std::make_shared<hand_fed>();
  auto first = on.ask(write_blob{digest_of(slow), source});
  source->feed(slow.substr(0, 200'000));
  put(on, quick);
  auto kept = on.tell(read_blob{digest_of(quick)});
  BOOST_REQUIRE(kept);
  BOOST_TEST(!kept->made_of.has_value());
  source->feed(slow.substr(200'000));
  source->end();
  BOOST_TEST(wait(std::move(first)).has_value());
  BOOST_TEST(on.tell(read_blob{digest_of(slow)})->made_of.has_value());
  put(on, noise(300'000, 3));
  BOOST_TEST(on.tell(read_blob{digest_of(noise(300'000, 3))})->made_of.has_value());
}

BOOST_AUTO_TEST_CASE(a_blob_that_is_one_chunk_is_kept_as_that) {
  stage on(cutting);
  const std::string content = noise(3000);
  put(on, content);
  BOOST_TEST((read(on, digest_of(content)) == content));
  BOOST_TEST(bytes_in(on) < 4000U);
}

BOOST_AUTO_TEST_SUITE_END()
