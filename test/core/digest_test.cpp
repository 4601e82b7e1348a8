#include "core/digest/digest.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <limits>
#include <set>
#include <unordered_set>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(digests)

BOOST_AUTO_TEST_CASE(known_content_has_its_known_digest) {
  BOOST_TEST(digest_of("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(digest_of("", digest_function::blake3).hex() ==
             "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  // FIPS 180-4, of "abc".
  BOOST_TEST(digest_of("abc", digest_function::sha1).hex() == "a9993e364706816aba3e25717850c26c9cd0d89d");
  BOOST_TEST(digest_of("abc", digest_function::sha384).hex() ==
             "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
             "8086072ba1e7cc2358baeca134c825a7");
  BOOST_TEST(digest_of("abc", digest_function::sha512).hex() ==
             "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
             "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

BOOST_AUTO_TEST_CASE(each_function_has_its_place_and_its_length) {
  std::size_t place = 0;
  for (const auto& info : digest_functions()) {
    BOOST_TEST(place_of(info.function) == place++);
    BOOST_TEST(&info_of(info.function) == &info);
    BOOST_TEST(digest_of("x", info.function).hex().size() == 2 * info.hash_size);
    BOOST_TEST(find_function(info.name) == &info);
  }
  BOOST_TEST(place == digest_function_count);
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read) {
  for (const auto& info : digest_functions()) {
    auto blob = digest_of("some content", info.function);
    BOOST_TEST((parse_digest(info.function, blob.hex(), blob.size).value() == blob));
  }
}

BOOST_AUTO_TEST_CASE(every_character_but_lower_case_hexadecimal_is_refused_wherever_it_stands) {
  const std::string good = digest_of("abc").hex();
  const std::string_view digits = "0123456789abcdef";
  for (int c = 0; c < 256; ++c) {
    for (std::size_t at : {std::size_t{0}, std::size_t{31}, good.size() - 1}) {
      auto changed = good;
      changed[at] = static_cast<char>(c);
      bool is_digit = digits.find(static_cast<char>(c)) != digits.npos;
      auto read = parse_digest(digest_function::sha256, changed, 3);
      BOOST_TEST_REQUIRE(read.has_value() == is_digit);
      if (read)
        BOOST_TEST(read->hex() == changed);
      else
        BOOST_TEST(read.error().message().ends_with("character " + std::to_string(at) + " is not"));
    }
  }
}

BOOST_AUTO_TEST_CASE(wrong_lengths_and_sizes_are_refused) {
  const std::string good = digest_of("abc").hex();
  BOOST_TEST(!parse_digest(digest_function::sha256, "", 0).has_value());
  BOOST_TEST(!parse_digest(digest_function::sha256, good.substr(1), 3).has_value());
  BOOST_TEST(!parse_digest(digest_function::sha256, good + "0", 3).has_value());
  BOOST_TEST(!parse_digest(digest_function::sha256, good, -1).has_value());
  BOOST_TEST(
      parse_digest(digest_function::sha256, good, std::numeric_limits<std::int64_t>::max()).has_value());
}

BOOST_AUTO_TEST_CASE(function_and_size_tell_blobs_apart) {
  auto sha = digest_of("abc");
  auto blake = sha;
  blake.function = digest_function::blake3;
  auto longer = sha;
  longer.size += 1;
  BOOST_TEST(std::set<digest>({sha, blake, longer, sha}).size() == 3u);
  BOOST_TEST(is_empty_blob(digest_of("")));
  BOOST_TEST(is_empty_blob(digest_of("", digest_function::blake3)));
  BOOST_TEST(!is_empty_blob(sha));
}

BOOST_AUTO_TEST_CASE(digests_that_somebody_chose_do_not_meet_in_one_bucket) {
  std::unordered_set<digest> alike;
  digest one = digest_of("");
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    one.size = i % 100;
    std::memcpy(one.hash.data() + 20, &i, sizeof i);
    one.hash[8] = static_cast<std::uint8_t>(one.size);  // what a sum or an exclusive or would cancel
    alike.insert(one);
  }
  std::size_t fullest = 0;
  for (std::size_t i = 0; i < alike.bucket_count(); ++i) fullest = std::max(fullest, alike.bucket_size(i));
  BOOST_TEST(alike.size() == 20'000u);
  BOOST_TEST(fullest < 20u);
}

BOOST_AUTO_TEST_SUITE_END()
