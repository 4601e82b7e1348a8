#include "core/wire/too_large.hpp"

#include <boost/test/unit_test.hpp>

#include "core/wire/status.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(too_large)

BOOST_AUTO_TEST_CASE(the_limit_travels_with_the_error_and_survives_a_context) {
  auto blob = digest_of("blob");
  auto fault = too_large_for_store(blob, "cas", 123'456'789'012);
  BOOST_TEST((fault.code() == errc::resource_exhausted));
  BOOST_TEST(fault.message() ==
             fmt::format("blob {} is too large for store cas, which takes 123456789012 bytes "
                         "at most",
                         blob));
  auto far = unpack_status(static_cast<int>(fault.code()), fault.message(), pack_status(fault));
  BOOST_TEST(max_taken(far.in_context("uploading")).value() == 123'456'789'012U);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_only_full_has_said_no_limit) {
  BOOST_TEST(!max_taken({}).has_value());
  BOOST_TEST(!max_taken({errc::resource_exhausted, "full"}).has_value());
  BOOST_TEST(!max_taken(try_again(errc::resource_exhausted, "full")).has_value());
  auto garbled = error(errc::resource_exhausted, "full");
  garbled.add_detail({"type.googleapis.com/google.rpc.ErrorInfo", "\xff\xff"});
  BOOST_TEST(!max_taken(garbled).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
