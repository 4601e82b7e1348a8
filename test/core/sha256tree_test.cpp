#include "core/digest/sha256tree.hpp"

#include <boost/test/unit_test.hpp>

#include "actors/tools/conform/rules/sha256tree_vectors.hpp"
#include "core/digest/hasher.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(sha256tree_hashes)

namespace {

std::string counted(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 251);
  return text;
}

}  // namespace

// Rule 12.
BOOST_AUTO_TEST_CASE(the_test_vectors_of_the_protocol_pass) {
  for (const auto& row : conform::sha256tree_vectors) {
    auto blob = digest_of(counted(row.size), digest_function::sha256tree);
    BOOST_TEST(blob.hex() == row.hash, row.size << " bytes");
    BOOST_TEST(blob.size == static_cast<std::int64_t>(row.size));
  }
}

BOOST_AUTO_TEST_CASE(up_to_one_leaf_it_is_plain_sha256) {
  for (std::size_t size : {0, 1, 55, 64, 1023, 1024})
    BOOST_TEST(digest_of(counted(size), digest_function::sha256tree).hex() == digest_of(counted(size)).hex());
}

BOOST_AUTO_TEST_CASE(how_the_bytes_are_cut_changes_nothing) {
  const auto text = counted(9 * 1024 + 17);
  const auto whole = digest_of(text, digest_function::sha256tree);
  for (std::size_t step : {1, 63, 1000, 1024, 1025, 4096}) {
    hasher one(digest_function::sha256tree);
    for (std::size_t at = 0; at < text.size(); at += step)
      one.update(std::string_view(text).substr(at, step));
    BOOST_TEST((one.finish() == whole), "in steps of " << step);
  }
}

BOOST_AUTO_TEST_CASE(a_clone_goes_its_own_way) {
  const auto text = counted(5000);
  hasher first(digest_function::sha256tree);
  first.update(std::string_view(text).substr(0, 2500));
  auto second = first.clone();
  first.update("something else");
  second.update(std::string_view(text).substr(2500));
  BOOST_TEST((second.finish() == digest_of(text, digest_function::sha256tree)));
}

BOOST_AUTO_TEST_SUITE_END()
