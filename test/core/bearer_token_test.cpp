#include "core/wire/bearer_token.hpp"

#include <boost/test/unit_test.hpp>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(bearer_tokens)

BOOST_AUTO_TEST_CASE(a_token_is_shown_by_its_own_header_and_no_other) {
  auto token = bearer_token::from_text("  0123456789abcdef\n").value();
  BOOST_TEST(token.header() == "Bearer 0123456789abcdef");
  for (const auto* value :
       {"Bearer 0123456789abcdef", "bearer 0123456789abcdef", "BEARER  0123456789abcdef "})
    BOOST_TEST(token.is_shown_by(value), value);
  for (const auto* value : {"", "Bearer", "Bearer ", "0123456789abcdef", "Bearer 0123456789abcde",
                            "Bearer 0123456789abcdef0", "Bearer 0123456789abcdeF", "Basic 0123456789abcdef"})
    BOOST_TEST(!token.is_shown_by(value), value);
}

BOOST_AUTO_TEST_CASE(what_could_be_guessed_or_not_be_sent_is_no_token_and_is_not_repeated) {
  for (const std::string& text : {std::string(), std::string(" \n"), std::string("fifteen letters"),
                                  std::string("two words of text"), std::string("0123456789abcdef\0x", 18),
                                  std::string("0123456789abcd\xc3\xa9"), std::string(4097, 'x')}) {
    auto token = bearer_token::from_text(text);
    BOOST_TEST_REQUIRE(!token.has_value(), text);
    BOOST_TEST((token.error().code() == errc::invalid_argument));
    BOOST_TEST((text.size() < 3 || token.error().message().find(text) == std::string::npos));
  }
}

BOOST_AUTO_TEST_SUITE_END()
