#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

write_blobs::entry entry_of(const std::string& content) {
  return {digest_now(content), bytes::copy_of(content)};
}

void answers_each_blob_of_a_written_batch_in_its_place(const subject& what) {
  stage on(what);
  std::string small = noise(10, 1), large = noise(90'000, 2), short_one = noise(500, 3),
              long_one = noise(80'000, 4);
  put(on, "there before");
  auto answers = on.tell(write_blobs{{entry_of(large),
                                      {digest_now(short_one), bytes::copy_of(short_one.substr(1))},
                                      entry_of(small),
                                      entry_of(""),
                                      {digest_now(long_one), bytes::copy_of(long_one + "!")},
                                      entry_of("there before"),
                                      entry_of(small)}});
  BOOST_REQUIRE(answers);
  std::vector<std::string_view> codes;
  for (const auto& each : answers->results) codes.push_back(code_of(each));
  const std::vector<std::string_view> wanted = {
      "OK", "INVALID_ARGUMENT", "OK", "OK", "INVALID_ARGUMENT", "OK", "OK"};
  BOOST_TEST(codes == wanted, boost::test_tools::per_element());
  BOOST_TEST(answers->results[0]->size == 90'000U);
  BOOST_TEST((read(on, digest_now(large)) == large));
  BOOST_TEST((read(on, digest_now(small)) == small));
  BOOST_TEST(is_missing(on, digest_now(short_one)));
  BOOST_TEST(is_missing(on, digest_now(long_one)));
}

void answers_each_blob_of_a_read_batch_in_its_place(const subject& what) {
  stage on(what);
  std::string small = noise(10, 1), large = noise(90'000, 2);
  put(on, small);
  put(on, large);
  digest absent = digest_now("absent"), large_absent = digest_now(noise(90'001));
  auto batch = on.tell(read_blobs{
      {absent, digest_now(large), digest_now(""), large_absent, digest_now(small), digest_now(large)}});
  BOOST_REQUIRE(batch);
  BOOST_REQUIRE(batch->results.size() == 6);
  BOOST_TEST(code_of(batch->results[0]) == "NOT_FOUND");
  BOOST_TEST((batch->results[1] && batch->results[1]->view() == large));
  BOOST_TEST((batch->results[2] && batch->results[2]->empty()));
  BOOST_TEST(code_of(batch->results[3]) == "NOT_FOUND");
  BOOST_TEST((batch->results[4] && batch->results[4]->view() == small));
  BOOST_TEST((batch->results[5] && batch->results[5]->view() == large));
}

void takes_empty_batches(const subject& what) {
  stage on(what);
  auto written = on.tell(write_blobs{});
  BOOST_TEST((written && written->results.empty()));
  auto batch = on.tell(read_blobs{});
  BOOST_TEST((batch && batch->results.empty()));
}

void takes_batches_of_many_blobs(const subject& what) {
  stage on(what);
  write_blobs order;
  read_blobs back;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    order.entries.push_back(entry_of(noise(2000, i)));
    back.blobs.push_back(order.entries.back().blob);
  }
  auto answers = on.tell(order);
  BOOST_REQUIRE(answers);
  BOOST_REQUIRE(answers->results.size() == 1000);
  for (const auto& each : answers->results) BOOST_TEST(code_of(each) == "OK");
  auto batch = on.tell(std::move(back));
  BOOST_REQUIRE(batch);
  BOOST_REQUIRE(batch->results.size() == 1000);
  for (std::size_t i = 0; i < 1000; ++i)
    BOOST_TEST((batch->results[i] && batch->results[i]->view() == order.entries[i].content.view()));
}

void lends_each_blob_of_a_batch_in_its_place(const subject& what) {
  stage on(what);
  std::string small = noise(10, 1), large = noise(90'000, 2);
  put(on, small);
  put(on, large);
  auto lent = files_of(
      on.tell(lend_files{{digest_now(large), digest_now("absent"), digest_now(""), digest_now(small)}}), 4);
  for (const auto& one : lent)
    if (what.may_lack_files() && !one && one.error().code() == errc::unimplemented) return;
  if (!lent[0] && lent[0].error().code() == errc::unimplemented) return;
  BOOST_TEST(code_of(lent[1]) == "NOT_FOUND");
  const std::vector<std::pair<std::size_t, std::size_t>> wanted = {{0, 90'000}, {2, 0}, {3, 10}};
  for (auto [at, size] : wanted) {
    BOOST_REQUIRE_MESSAGE(lent[at], text_of(lent[at]));
    BOOST_TEST(std::filesystem::file_size(lent[at]->path) == size);
  }
}

}  // namespace

std::vector<claim> batch_claims() {
  return {KILN_CLAIM(answers_each_blob_of_a_written_batch_in_its_place),
          KILN_CLAIM(answers_each_blob_of_a_read_batch_in_its_place), KILN_CLAIM(takes_empty_batches),
          KILN_CLAIM(takes_batches_of_many_blobs), KILN_CLAIM(lends_each_blob_of_a_batch_in_its_place)};
}

}  // namespace kiln::contract
