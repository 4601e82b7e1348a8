#include "core/wire/output_name.hpp"

#include <boost/test/unit_test.hpp>

#include "core/wire/resource_name.hpp"
#include "test/harness/print.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(wire_output_names)

BOOST_AUTO_TEST_CASE(a_name_reads_as_it_was_written) {
  for (const auto* operation : {"operations/0f", "main/operations/0f", "a/b/operations/0f"})
    for (auto stream : {standard_stream::out, standard_stream::err}) {
      const output_name name{operation, 12, stream};
      const auto text = make_output_name(name);
      BOOST_TEST(names_output(text));
      auto read = parse_output_name(text);
      BOOST_TEST_REQUIRE(read.has_value(), text);
      BOOST_TEST(read->operation == operation);
      BOOST_TEST(read->attempt == 12u);
      BOOST_TEST((read->stream == stream));
      BOOST_TEST(!parse_read_name(text).has_value());
      BOOST_TEST(!parse_write_name(text).has_value());
    }
  BOOST_TEST(make_output_name({"main/operations/0f", 1}) == "main/operations/0f/attempts/1/stdout");
}

BOOST_AUTO_TEST_CASE(names_of_blobs_are_none_of_outputs) {
  const std::string hash(64, 'a');
  const std::vector<std::string> others{"blobs/" + hash + "/1",
                                        "main/blobs/" + hash + "/1",
                                        "uploads/operations/blobs/" + hash + "/1",
                                        "compressed-blobs/zstd/" + hash + "/1",
                                        "blobs/operations/1",
                                        "operations",
                                        "",
                                        "main//operations/0f/attempts/1/stdout"};
  for (const auto& name : others) BOOST_TEST(!names_output(name), name);
}

BOOST_AUTO_TEST_CASE(what_is_no_name_is_refused) {
  const std::string head = "main/operations/0f";
  for (const auto& name :
       {head, head + "/stdout", head + "/attempts/1", head + "/attempts/1/stdin", head + "/attempts/0/stdout",
        head + "/attempts/01/stdout", head + "/attempts/-1/stdout", head + "/attempts/1x/stdout",
        head + "/attempts//stdout", head + "/attempts/99999999999999999999/stdout", head + "/tries/1/stdout",
        head + "/attempts/1/stdout/", std::string("operations/attempts/1/stdout"),
        head + "\xff/attempts/1/stdout", "operations/" + std::string(10'000, 'x') + "/attempts/1/stdout"}) {
    auto read = parse_output_name(name);
    BOOST_TEST_REQUIRE(!read.has_value(), name);
    BOOST_TEST(read.error().code() == errc::invalid_argument);
    BOOST_TEST(read.error().message().size() < 400u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
