#include "core/contract/checked_source.hpp"
#include "test/contract/claims.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(verify_store)

using namespace kiln::contract;

namespace {

const subject verified{"{type: verify, threads: 2, inner: {type: memory, capacity: 64MiB}}"};

}  // namespace

BOOST_AUTO_TEST_CASE(refuses_a_blob_whose_hash_differs) {
  stage on(verified);
  for (std::size_t size : {5U, 3'000'000U})
    for (const auto& function : digest_functions()) {
      std::string content = noise(size);
      digest blob = digest_of(content, function.function);
      content.back() = static_cast<char>(content.back() ^ 1);
      BOOST_TEST(code_of(write(on, blob, content)) == "INVALID_ARGUMENT");
      BOOST_TEST(is_missing(on, blob));
    }
}

BOOST_AUTO_TEST_CASE(refuses_a_wrong_blob_before_all_its_bytes_reach_the_inner_store) {
  auto source = std::make_shared<hand_fed>();
  auto passed = std::make_shared<std::size_t>(0);
  auto end = std::make_shared<std::promise<expected<void>>>();
  std::shared_ptr<thread_pool> hashing = make_thread_pool("hashing", 1);
  pump(
      checked(source, digest_of(noise(20'000)), hashing),
      [passed](const byte_chain& pieces) -> expected<void> {
        *passed += pieces.size();
        return {};
      },
      [end](expected<void> result) { end->set_value(std::move(result)); });
  source->feed(noise(20'000).substr(0, 10'000));
  source->feed(std::string(10'000, 'x'));
  BOOST_TEST(code_of(wait(end->get_future())) == "INVALID_ARGUMENT");
  BOOST_TEST(*passed == 10'000U);
}

BOOST_AUTO_TEST_CASE(refuses_at_the_first_byte_too_many) {
  stage on(verified);
  std::string content = noise(10'000);
  auto source = std::make_shared<hand_fed>();
  auto answer = on.ask(write_blob{digest_of(content), source});
  source->feed(content.substr(0, 9'000));
  source->feed(std::string(1'001, 'x'));
  BOOST_TEST(code_of(wait(std::move(answer))) == "INVALID_ARGUMENT");
}

BOOST_AUTO_TEST_CASE(refuses_the_wrong_ones_of_a_batch_and_keeps_the_others) {
  stage on(verified);
  for (std::size_t size : {20U, 100'000U}) {
    std::string good = noise(size, 1), bad = noise(size, 2), better = noise(size, 3);
    auto answers = on.tell(write_blobs{{{digest_of(good), bytes::copy_of(good)},
                                        {digest_of(bad), bytes::copy_of(good)},
                                        {digest_of(better), bytes::copy_of(better)}}});
    BOOST_REQUIRE(answers);
    BOOST_REQUIRE(answers->results.size() == 3);
    BOOST_TEST(code_of(answers->results[0]) == "OK");
    BOOST_TEST(code_of(answers->results[1]) == "INVALID_ARGUMENT");
    BOOST_TEST(code_of(answers->results[2]) == "OK");
    BOOST_TEST((on.tell(find_missing{{digest_of(good), digest_of(bad), digest_of(better)}})->blobs ==
                std::vector{digest_of(bad)}));
  }
}

BOOST_AUTO_TEST_CASE(does_not_come_up_over_a_store_of_results) {
  subject results = verified;
  results.what = store_role::results;
  BOOST_CHECK_EXCEPTION(stage{results}, std::runtime_error, [](const std::runtime_error& fault) {
    return std::string(fault.what()).find("action results") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
