#include "actors/tools/conform/selection.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace kiln;
using namespace kiln::conform;

namespace conform_selection {

struct listed {
  std::vector<rule> rules;

  listed() {
    for (int number : {1, 6, 21, 22, 77, 92, 93, 120, 121})
      rules.push_back({number, tag::must, "", needs::nothing, {}});
  }
  std::vector<int> numbers(const std::vector<std::string>& words) const {
    std::vector<int> numbers;
    auto some = selected(rules, words);
    BOOST_TEST_REQUIRE(some.has_value());
    for (const auto& one : *some) numbers.push_back(one.number);
    return numbers;
  }
};

using list = std::vector<int>;

}  // namespace conform_selection

BOOST_FIXTURE_TEST_SUITE(conform_selection, listed)

BOOST_AUTO_TEST_CASE(without_words_it_is_all_of_them) {
  BOOST_TEST(numbers({}).size() == rules.size());
}

BOOST_AUTO_TEST_CASE(a_small_number_is_a_section_and_a_large_one_a_rule) {
  BOOST_TEST(numbers({"1"}) == (list{1, 6, 21}), boost::test_tools::per_element());
  BOOST_TEST(numbers({"92"}) == (list{92}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_dotted_number_counts_within_its_section) {
  BOOST_TEST(numbers({"1.6"}) == (list{6}), boost::test_tools::per_element());
  BOOST_TEST(numbers({"2.1"}) == (list{22}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(words_add_up_and_ranges_include_both_ends) {
  BOOST_TEST(numbers({"92-120", "1.1"}) == (list{1, 92, 93, 120}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_word_that_names_nothing_is_an_error_that_quotes_it) {
  for (std::string word : {"", "x", "3", "1.22", "1.2", "13.1", "500", "92-", "-92", "1.6.1"}) {
    auto some = selected(rules, {word});
    BOOST_TEST_REQUIRE(!some.has_value(), word);
    BOOST_TEST((some.error().code() == errc::invalid_argument));
    BOOST_TEST(some.error().message().find(word) != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(every_rule_stands_once_and_in_its_section) {
  auto all = all_rules();
  BOOST_TEST(all.size() > 130u);
  auto same = [](const rule& a, const rule& b) { return a.number == b.number; };
  BOOST_TEST((std::adjacent_find(all.begin(), all.end(), same) == all.end()));
  for (const auto& one : all) {
    const auto& in = section_of(one);
    BOOST_TEST((one.number >= in.first_rule && one.number <= in.last_rule), one.number);
    BOOST_TEST(!one.sentence.empty());
    BOOST_TEST(bool(one.body));
  }
}

BOOST_AUTO_TEST_SUITE_END()
