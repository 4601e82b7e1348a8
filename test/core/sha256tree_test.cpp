#include "core/digest/sha256tree.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "core/digest/hasher.hpp"

using namespace kiln;

namespace {

// The test vectors of REAPI: the bytes 0 to 250 over and over, by length.
struct vector_row {
  std::size_t size;
  const char* hash;
};
const vector_row vectors[] = {
    {1025, "36c0998b21839ef74300b9de47d96d1f62323dc81f2b4231e98ce70cd6ffe750"},
    {2048, "b584996386f01793751c5cf0c39561f51b7e9924b818943b3cb2f6928cea0fa9"},
    {2049, "7318d2029b0392edf4cf109edb5a086b4bdadbb7950f710a1483eb881d9e5d44"},
    {3072, "dfc61c0a041f79d55d53bfe31c6cda7df77fdc8e6fbac1143d70b7144fdf6937"},
    {3073, "517d20c0e5835f060a1bd6388ed68574f63424bdac2a2c3a35a5c2ef859d8fe2"},
    {4096, "2f72bb93880012168c027f6781527ff08177c7c8dccb443f4d2c6389c186633d"},
    {4097, "c3ec942c1b8f4580320d3a06bcf4f8fe1f5db2be797ab67061ea4c2a95f208f2"},
    {5120, "a76924f6535b4b473377c285ec27acc84cc58e95ab1e9e29b1bb6a4a3fb9d0b3"},
    {5121, "98f987c3e9fc057a70873715b679b89a663d0df806859b6ce73f8379b06a10ff"},
    {6144, "372f988af412041b680ab236feef45626380062beb7514bbf93607aedd28fc9a"},
    {6145, "6dc4b78efd770453417b2ffdc74b27054793efe6122ecd7ee098670ed7c4651c"},
    {7168, "43686312c0cabccf9d5ad509efa096e3d743c63c7a51f122473c57949e4dd9a0"},
    {7169, "ad729297ab36cd099665b27c4247474a5518e4cd0be443f5f31d95edda08429b"},
    {8192, "fcfdde6fe59178e17708c5ba647919c3b141a44c9d1970782e597e1465266932"},
    {8193, "113c6e3a2452f388b6fad13dfab66ee0bff597a0a9a517ad8d0165f7190b603e"},
    {16384, "a7a10149a8cb00be537000560edb83b196306b780b72fad8af218f369f75fc19"},
    {31744, "2cdf7662636c173d4b236f6ea03bf84c65e7f6487b53b2a61c420e26cf8a98c7"},
    {102400, "0668d69e5331840d2f1823d717b7b3f5d1fdc8a09504cddb692b87ff83d50e5f"},
};

std::string counted(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 251);
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sha256tree_hashes)

// Rule 12.
BOOST_AUTO_TEST_CASE(the_test_vectors_of_the_protocol_pass) {
  for (const auto& row : vectors) {
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
