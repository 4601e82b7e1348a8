#include <boost/test/unit_test.hpp>

#include "actors/services/content_addressable_storage/cas_messages.hpp"
#include "test/harness/print.hpp"
#include "test/harness/scarce_memory.hpp"

/// Requests that are long and say nothing: two bytes stand for a digest, or for a blob, that cannot be.
using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(long_requests)

namespace {

byte_chain impossible_ones(const std::string& before) {
  std::string text = before;
  while (text.size() < std::size_t{4} << 20) text += std::string_view("\x12\x00", 2);
  return bytes::adopt(std::move(text));
}

/// It needed no more than what a request of its size with real digests needs.
template <class Read>
void check_refused(Read read, const std::string& before = {}) {
  const auto request = impossible_ones(before);
  scarce_memory scarce(4 << 20);
  auto parsed = read(request);
  BOOST_TEST_REQUIRE(!parsed);
  BOOST_TEST(parsed.error().code() == errc::invalid_argument);
  BOOST_TEST(!scarce.was_felt());
}

}  // namespace

BOOST_AUTO_TEST_CASE(end_at_the_first_digest_that_cannot_be) {
  check_refused(read_find_missing_request);
  check_refused(read_batch_read_request);
  check_refused(read_batch_update_request);
  // Behind a real one.
  const auto digest = "\x12\x42\x0a\x40" + std::string(64, 'a');
  check_refused(read_find_missing_request, digest);
  check_refused(read_batch_read_request, digest);
  check_refused(read_batch_update_request, "\x12\x44\x0a\x42\x0a\x40" + std::string(64, 'a'));
}

BOOST_AUTO_TEST_SUITE_END()
