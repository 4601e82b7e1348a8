#include "core/compress/zstd_frames.hpp"

#include <boost/test/unit_test.hpp>

#include "core/base/random.hpp"
#include "core/compress/zstd.hpp"
#include "test/harness/print.hpp"
#include "test/harness/zstd_frames.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(zstd_frames)

namespace {

std::string numbers(std::size_t size) {
  auto random = make_seeded_random(size);
  std::string text;
  while (text.size() < size) text += std::to_string(random->next() % 1000) + ' ';
  text.resize(size);
  return text;
}
errc refusal(zstd_frame_decoder& decoder, const std::string& frame, std::size_t size) {
  auto content = decoder.decode(bytes::copy_of(frame), size);
  return content ? errc::ok : content.error().code();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_frame_decodes_to_what_it_was_made_of) {
  zstd_frame_encoder encoder(1);
  zstd_frame_decoder decoder;
  for (std::size_t size : {0U, 1U, 1000U, 1U << 20, 17U, 3U << 20}) {
    const auto text = numbers(size);
    byte_chain pieces;
    for (std::size_t at = 0; at < size; at += 70'000) pieces.append(bytes::copy_of(text).slice(at, 70'000));
    auto frame = encoder.encode(pieces);
    BOOST_REQUIRE(frame.has_value());
    auto content = decoder.decode(*frame, size);
    BOOST_REQUIRE(content.has_value());
    BOOST_TEST((content->view() == text));
    // And for whoever decodes a stream.
    BOOST_TEST((zstd_decode(frame->view(), size, 23)->view() == text));
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_exactly_one_frame_of_the_size_is_refused) {
  zstd_frame_encoder encoder(1);
  zstd_frame_decoder decoder;
  const auto text = numbers(100'000);
  const std::string frame(encoder.encode(bytes::copy_of(text))->view());
  const auto refused = errc::invalid_argument;
  BOOST_TEST(refusal(decoder, frame, text.size()) == errc::ok);
  BOOST_TEST(refusal(decoder, frame, text.size() - 1) == refused);
  BOOST_TEST(refusal(decoder, frame, text.size() + 1) == refused);
  BOOST_TEST(refusal(decoder, frame + "x", text.size()) == refused);
  BOOST_TEST(refusal(decoder, frame + frame, text.size()) == refused);
  for (std::size_t size : {0UL, 3UL, 4UL, 9UL, 500UL, frame.size() - 1})
    BOOST_TEST(refusal(decoder, frame.substr(0, size), text.size()) == refused);
  BOOST_TEST(refusal(decoder, skippable("x"), 0) == refused);
  BOOST_TEST(refusal(decoder, frame_with_window(10, block_of("hello")), 5) == refused);
  BOOST_TEST(refusal(decoder, frame_declaring(std::uint64_t{1} << 40, block_of("x")), 1) == refused);
  BOOST_TEST(refusal(decoder, frame_declaring(5, block_of(zstd_block::repeated, 100'000, "b")), 5) ==
             refused);
  // It is of use after all that.
  BOOST_TEST(refusal(decoder, frame, text.size()) == errc::ok);
}

BOOST_AUTO_TEST_CASE(a_changed_bit_of_the_content_is_found_by_the_checksum) {
  zstd_frame_encoder encoder(1);
  zstd_frame_decoder decoder;
  auto random = make_seeded_random(3);
  std::string noise(10'000, 0);
  for (auto& one : noise) one = static_cast<char>(random->next());
  const std::string frame(encoder.encode(bytes::copy_of(noise))->view());
  for (std::size_t at = 0; at < frame.size(); at += 97) {
    auto changed = frame;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    BOOST_TEST(refusal(decoder, changed, noise.size()) == errc::invalid_argument);
  }
}

BOOST_AUTO_TEST_SUITE_END()
