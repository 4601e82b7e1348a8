#include <boost/test/unit_test.hpp>
#include <set>

#include "plugins/stores/filesystem/packs/pack_index.hpp"
#include "test/contract/sources.hpp"

using namespace kiln;
using namespace kiln::filesystem;

BOOST_AUTO_TEST_SUITE(filesystem_pack_format)

namespace {

constexpr std::uint64_t seal = 0x1234567;

std::vector<record> some_records() {
  std::vector<record> records;
  std::uint64_t at = pack_head_size;
  for (const auto& info : digest_functions()) {
    record one{digest_of("blob", info.function), records.size() + 7, 99, 100, record_kind::blob, 0};
    one.offset = at + header_size(info.function);
    at = end_of(one);
    records.push_back(one);
  }
  return records;
}

bool same(const record& one, const record& other) {
  return one.blob == other.blob && one.sequence == other.sequence && one.check == other.check &&
         one.length == other.length && one.kind == other.kind && one.offset == other.offset;
}

std::string flipped(std::string_view text, std::size_t bit) {
  std::string changed(text);
  changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
  return changed;
}

}  // namespace

BOOST_AUTO_TEST_CASE(reads_back_what_it_wrote_under_every_digest_function) {
  for (const auto& one : some_records()) {
    auto header = encode_header(one, seal, 123456789);
    BOOST_TEST(header.size == header_size(one.blob.function));
    auto back = decode_header(header.view(), one.offset - header.size, seal);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST(same(back->what, one));
    BOOST_TEST(back->settled == 123456789U);
  }
}

// Sums to the same length and the same bytes under two functions are two names.
BOOST_AUTO_TEST_CASE(tells_digest_functions_of_one_length_apart) {
  record one{digest_of("abc"), 1, 0, 3, record_kind::blob, 144};
  record other = one;
  other.blob.function = digest_function::blake3;
  auto first = encode_header(one, seal), second = encode_header(other, seal);
  BOOST_TEST((decode_header(first.view(), 64, seal)->what.blob == one.blob));
  BOOST_TEST((decode_header(second.view(), 64, seal)->what.blob == other.blob));
  BOOST_TEST((one.blob != other.blob));
}

BOOST_AUTO_TEST_CASE(takes_no_header_that_was_sealed_for_another_pack) {
  auto header = encode_header(some_records().front(), seal_of({7, 1000}));
  BOOST_TEST(decode_header(header.view(), 64, seal_of({7, 1000})).has_value());
  BOOST_TEST(!decode_header(header.view(), 64, seal_of({8, 1000})));
  BOOST_TEST(!decode_header(header.view(), 64, seal_of({7, 1001})));
}

BOOST_AUTO_TEST_CASE(notices_any_bit_that_changed_in_a_head_a_header_or_an_index) {
  auto records = some_records();
  auto head = encode_head({77, 1000});
  BOOST_TEST(decode_head({head.data(), head.size()})->key == 1000U);
  BOOST_TEST(decode_head({head.data(), head.size()})->number == 77U);
  for (std::size_t bit = 0; bit < 8 * head.size(); ++bit)
    BOOST_TEST(!decode_head(flipped({head.data(), head.size()}, bit)));
  for (const auto& one : records) {
    auto header = encode_header(one, seal);
    for (std::size_t bit = 0; bit < 8 * header.size; ++bit)
      BOOST_TEST(!decode_header(flipped(header.view(), bit), 0, seal));
  }
  std::string index = encode_index(77, 2000, records);
  BOOST_TEST(check_index(index, 77, 2000)->rows == records.size());
  BOOST_TEST(check_index(index, 77, 2001).has_value());
  BOOST_TEST(!check_index(index, 77, 1000));
  BOOST_TEST(!check_index(index, 78, 2000));
  for (std::size_t bit = 0; bit < 8 * index.size(); ++bit)
    BOOST_TEST(!check_index(flipped(index, bit), 77, 2000));
  for (std::size_t size = 0; size < index.size(); ++size)
    BOOST_TEST(!check_index(index.substr(0, size), 77, 2000));
}

BOOST_AUTO_TEST_CASE(an_index_has_a_row_for_each_record_in_the_order_of_hashes) {
  auto records = some_records();
  std::string index = encode_index(77, 2000, records);
  auto head = check_index(index, 77, 2000);
  BOOST_REQUIRE(head.has_value());
  std::uint64_t before = 0;
  for (std::uint64_t row = 0; row < head->rows; ++row) {
    auto one = decode_row(std::string_view(index).substr(head->place_of(row)), *head);
    BOOST_REQUIRE(one.has_value());
    BOOST_TEST(index_order(one->blob) >= before);
    before = index_order(one->blob);
    auto written = std::find_if(records.begin(), records.end(),
                                [&](const record& each) { return each.blob == one->blob; });
    BOOST_REQUIRE((written != records.end()));
    BOOST_TEST(same(*written, *one));
  }
}

BOOST_AUTO_TEST_SUITE_END()
