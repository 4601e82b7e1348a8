#include <boost/test/unit_test.hpp>
#include <string>

#include "core/digest/digest_table.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(digest_table_test)

BOOST_AUTO_TEST_CASE(each_digest_has_one_number_in_the_order_in_which_they_came) {
  digest_table table;
  BOOST_TEST(!table.find(digest_of("0")).has_value());
  for (int round = 0; round < 2; ++round)
    for (std::uint32_t i = 0; i < 5000; ++i) {
      const auto place = table.add(digest_of(std::to_string(i)));
      BOOST_TEST_REQUIRE(place.at == i);
      BOOST_TEST_REQUIRE(place.is_new == (round == 0));
    }
  BOOST_TEST(table.size() == 5000u);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    BOOST_TEST_REQUIRE((table[i] == digest_of(std::to_string(i))));
    BOOST_TEST_REQUIRE(table.find(table[i]).value() == i);
  }
  BOOST_TEST(!table.find(digest_of("5000")).has_value());
}

BOOST_AUTO_TEST_CASE(the_same_hash_with_another_size_or_function_is_another_digest) {
  digest_table table;
  auto one = digest_of("one");
  table.add(one);
  ++one.size;
  BOOST_TEST(table.add(one).is_new);
  one.function = digest_function::blake3;
  BOOST_TEST(table.add(one).is_new);
  BOOST_TEST(table.size() == 3u);
}

BOOST_AUTO_TEST_CASE(what_was_taken_out_is_not_in_it_any_more) {
  digest_table table;
  table.add(digest_of("one"));
  BOOST_TEST(table.memory() >= sizeof(digest));
  BOOST_TEST(table.take().size() == 1u);
  BOOST_TEST(table.empty());
  BOOST_TEST(!table.find(digest_of("one")).has_value());
  BOOST_TEST(table.add(digest_of("two")).at == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
