#include "plugins/stores/redis/resp_reader.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace kiln;
using namespace kiln::redis_store;

BOOST_AUTO_TEST_SUITE(redis_reader)

namespace {

constexpr std::size_t most = 8 << 20;
constexpr std::size_t piece = 16 << 10;

/// Whether it is refused before so many bytes have come.
bool is_refused(const std::string& begin, char more, std::size_t within) {
  resp_reader reader(most);
  if (!reader.feed(begin.data(), begin.size()) || !reader.next()) return true;
  const std::string text(piece, more);
  for (std::size_t come = 0; come < within; come += piece)
    if (!reader.feed(text.data(), text.size()) || !reader.next()) return true;
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_line_without_an_end_is_refused_and_not_kept) {
  for (const char* begin : {"+", "-", ":", "*", "$", "*2\r\n$3\r\nabc\r\n+", "*1\r\n$"})
    BOOST_TEST(is_refused(begin, '1', 128 << 10), begin);
}

BOOST_AUTO_TEST_CASE(a_text_that_said_its_size_may_be_long) {
  constexpr std::size_t size = 1 << 20;
  resp_reader reader(most);
  const std::string begin = "$" + std::to_string(size) + "\r\n", text(piece, 'a');
  BOOST_REQUIRE(reader.feed(begin.data(), begin.size()));
  for (std::size_t come = 0; come < size; come += piece) {
    BOOST_REQUIRE(reader.feed(text.data(), text.size()));
    auto next = reader.next();
    BOOST_REQUIRE(next);
    BOOST_TEST(!next->has_value());
  }
  BOOST_REQUIRE(reader.feed("\r\n", 2));
  auto whole = reader.next();
  BOOST_REQUIRE(whole);
  BOOST_REQUIRE(whole->has_value());
  BOOST_TEST((**whole).text.size() == size);
}

BOOST_AUTO_TEST_SUITE_END()
