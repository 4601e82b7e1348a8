#include <boost/test/unit_test.hpp>

#include "core/wire/resource_name.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(wire_resource_name)

namespace {

const digest sha = digest_of("hello");
const digest blake = digest_of("hello", digest_function::blake3);

bool refused(const expected<resource_name>& result) {
  return !result && result.error().code() == errc::invalid_argument;
}

}  // namespace

BOOST_AUTO_TEST_CASE(names_are_read_as_they_are_made) {
  for (std::string instance : {"", "main", "a/b/c"}) {
    for (const auto& blob : {sha, blake}) {
      for (auto form : {compressor::identity, compressor::zstd}) {
        resource_name made{instance, blob, form, ""};
        auto read = parse_read_name(make_read_name(made)).value();
        BOOST_TEST(read.instance == instance);
        BOOST_TEST((read.blob == blob));
        BOOST_TEST((read.form == form));
        made.uuid = "2f8c61a1";
        auto write = parse_write_name(make_write_name(made)).value();
        BOOST_TEST(write.instance == instance);
        BOOST_TEST(write.uuid == "2f8c61a1");
        BOOST_TEST((write.blob == blob));
        BOOST_TEST((write.form == form));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_name_of_sha256_may_be_left_out_and_that_of_blake3_not) {
  BOOST_TEST((parse_read_name("blobs/" + sha.hex() + "/5")->blob == sha));
  BOOST_TEST((parse_read_name("blobs/sha256/" + sha.hex() + "/5")->blob == sha));
  BOOST_TEST((parse_read_name("blobs/blake3/" + blake.hex() + "/5")->blob == blake));
  BOOST_TEST((parse_read_name("blobs/" + blake.hex() + "/5")->blob.function == digest_function::sha256));
}

BOOST_AUTO_TEST_CASE(what_follows_the_size_of_an_upload_is_the_clients_own) {
  auto name = "uploads/u/blobs/" + sha.hex() + "/5/blobs/some file//x";
  BOOST_TEST((parse_write_name(name)->blob == sha));
  BOOST_TEST(refused(parse_read_name("blobs/" + sha.hex() + "/5/more")));
}

// Pants and reclient put the slash that follows the instance before every name.
BOOST_AUTO_TEST_CASE(an_empty_instance_may_have_its_slash) {
  auto tail = "blobs/" + sha.hex() + "/5";
  for (const auto& name : {"/" + tail, "/compressed-blobs/zstd/" + sha.hex() + "/5"}) {
    auto read = parse_read_name(name);
    BOOST_TEST_REQUIRE(read.has_value(), name);
    BOOST_TEST(read->instance.empty());
    BOOST_TEST((read->blob == sha));
  }
  auto write = parse_write_name("/uploads/u/" + tail);
  BOOST_TEST_REQUIRE(write.has_value());
  BOOST_TEST(write->instance.empty());
  BOOST_TEST(write->uuid == "u");
  BOOST_TEST((write->blob == sha));
}

BOOST_AUTO_TEST_CASE(an_instance_with_a_keyword_in_it_is_refused) {
  auto blob = "/blobs/" + sha.hex() + "/5";
  for (std::string keyword :
       {"blobs", "uploads", "actions", "actionResults", "operations", "capabilities", "compressed-blobs"}) {
    BOOST_TEST(refused(parse_read_name("a/" + keyword + blob)));
    BOOST_TEST(refused(parse_write_name("a/" + keyword + "/uploads/u" + blob)));
    BOOST_TEST(!check_instance_name("a/" + keyword).has_value());
  }
  BOOST_TEST(check_instance_name("a/b/c").has_value());
  BOOST_TEST(check_instance_name("").has_value());
  BOOST_TEST(!check_instance_name("a//b").has_value());
}

BOOST_AUTO_TEST_CASE(malformed_names_are_refused) {
  auto hex = sha.hex();
  auto upper = hex;
  upper[0] = 'A';
  std::string nul = hex;
  nul[3] = '\0';
  for (const std::string& name : std::vector<std::string>{std::string(),
                                                          std::string("/"),
                                                          std::string("blobs"),
                                                          "blobs/" + hex,
                                                          "blobs/" + hex + "/",
                                                          "blobs/" + hex + "/x",
                                                          "blobs/" + hex + "/5x",
                                                          "blobs/" + hex + "/-5",
                                                          "blobs/" + hex + "/+5",
                                                          "blobs/" + hex + "/99999999999999999999",
                                                          "//blobs/" + hex + "/5",
                                                          "/a/blobs/" + hex + "/5",
                                                          "/" + hex + "/5",
                                                          "a//blobs/" + hex + "/5",
                                                          "blobs//" + hex + "/5",
                                                          "blobs/" + upper + "/5",
                                                          "blobs/" + nul + "/5",
                                                          "blobs/" + hex.substr(1) + "/5",
                                                          "blobs//5",
                                                          "blobs/../" + hex + "/5",
                                                          "blobs/md5/" + hex + "/5",
                                                          "compressed-blobs/" + hex + "/5",
                                                          "compressed-blobs/lz9/" + hex + "/5",
                                                          "compressed-blobs/identity/" + hex + "/5",
                                                          "uploads/u/blobs/" + hex + "/5",
                                                          std::string(5000, 'a') + "/blobs/" + hex + "/5",
                                                          "\xff/blobs/" + hex + "/5"})
    BOOST_TEST(refused(parse_read_name(name)), name);
  for (const std::string& name : std::vector<std::string>{
           std::string("uploads"), std::string("uploads/u"), "uploads//blobs/" + hex + "/5",
           "uploads/blobs/" + hex + "/5", "uploads/u/" + hex + "/5", "blobs/" + hex + "/5",
           "uploads/u/uploads/v/blobs/" + hex + "/5"})
    BOOST_TEST(refused(parse_write_name(name)), name);
}

BOOST_AUTO_TEST_SUITE_END()
