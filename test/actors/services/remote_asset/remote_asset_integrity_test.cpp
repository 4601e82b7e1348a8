#include <boost/test/unit_test.hpp>

#include "actors/services/remote_asset/integrity.hpp"
#include "test/harness/print.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(remote_asset_integrity)

namespace {

const std::string sha256_of_content = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
const std::string sha256_of_nothing = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

}  // namespace

BOOST_AUTO_TEST_CASE(a_hash_is_held_against_the_bytes) {
  auto demand = parse_integrity(sha256_of_content).value();
  BOOST_TEST(demand.accepts(digest_of("content")));
  BOOST_TEST(!demand.accepts(digest_of("")));
  BOOST_TEST(!demand.accepts(digest_of("content", digest_function::blake3)));
}

BOOST_AUTO_TEST_CASE(of_several_hashes_one_will_do) {
  auto demand = parse_integrity(sha256_of_content + "?size=7  " + sha256_of_nothing).value();
  BOOST_TEST(demand.accepts(digest_of("content")));
  BOOST_TEST(demand.accepts(digest_of("")));
  BOOST_TEST(!demand.accepts(digest_of("other")));
  BOOST_TEST(parse_integrity(sha256_of_content)->implies(demand));
  BOOST_TEST(!demand.implies(*parse_integrity(sha256_of_content)));
  BOOST_TEST(demand.to_string() == parse_integrity(sha256_of_nothing + " " + sha256_of_content)->to_string());
}

BOOST_AUTO_TEST_CASE(the_strongest_function_counts_alone) {
  auto blake3 = "blake3-rxNJufX5oaagQE3qNtzJSZvLJcmtwRK3zJqTyuQfMmI=";
  auto demand = parse_integrity(std::string(blake3) + " " + sha256_of_content).value();
  BOOST_TEST((demand.function == digest_function::blake3));
  BOOST_TEST(demand.hashes.size() == 1u);
  BOOST_TEST(demand.accepts(digest_of("", digest_function::blake3)));
  BOOST_TEST(!demand.accepts(digest_of("content")));
}

BOOST_AUTO_TEST_CASE(functions_that_we_do_not_know_are_skipped_but_one_must_remain) {
  auto demand = parse_integrity("md5-AAAA " + sha256_of_content + " crc-1").value();
  BOOST_TEST(demand.accepts(digest_of("content")));
  for (std::string none : {"", "  ", "md5-AAAA", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha256tree-AAAA"})
    BOOST_TEST(parse_integrity(none).error().code() == errc::invalid_argument, none);
}

BOOST_AUTO_TEST_CASE(a_malformed_hash_is_refused) {
  for (std::string bad :
       {"sha256", "sha256-", "sha256-AAAA", "sha256-!XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=",
        "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3N=",
        "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3MAA="})
    BOOST_TEST(parse_integrity(bad).error().code() == errc::invalid_argument, bad);
}

BOOST_AUTO_TEST_SUITE_END()
