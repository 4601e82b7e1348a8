#include "core/compress/zstd.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "core/base/random.hpp"
#include "test/harness/print.hpp"
#include "test/harness/zstd_frames.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(zstd)

namespace {

constexpr unsigned window_log = 23;
constexpr std::size_t memory_of_a_stream = 16 << 20;

std::string words(std::size_t size) {
  auto random = make_seeded_random(size);
  std::string text;
  while (text.size() < size)
    text += "word" + std::to_string(random->next() % 1000) + (random->next() % 9 ? " " : "\n");
  text.resize(size);
  return text;
}

struct outcome {
  std::string text;
  expected<void> end;
  std::size_t memory = 0;
};

// All of it, in steps of so many bytes in and out.
outcome decode(const std::string& wire, std::uint64_t size, std::size_t step_in = std::string::npos,
               std::size_t step_out = 4096) {
  zstd_decoder decoder(size, window_log);
  outcome result;
  std::string room(step_out, '\0');
  for (std::size_t at = 0; at < wire.size();) {
    auto from = std::string_view(wire).substr(at, step_in);
    at += from.size();
    for (bool more = true; more;) {
      auto wrote = decoder.decode(from, room.data(), room.size());
      result.memory = std::max(result.memory, decoder.memory());
      if (!wrote) {
        result.end = failure(wrote.error());
        return result;
      }
      result.text.append(room, 0, *wrote);
      more = *wrote == room.size();
      BOOST_TEST_REQUIRE((more || from.empty()));
    }
  }
  result.end = decoder.end();
  return result;
}

std::string encode(const std::string& text, int level = 1, std::size_t step_in = std::string::npos,
                   std::size_t step_out = 4096) {
  zstd_encoder encoder(text.size(), level);
  std::string wire;
  std::string room(step_out, '\0');
  for (std::size_t at = 0; !encoder.done();) {
    auto from = std::string_view(text).substr(at, step_in);
    at += from.size();
    bool last = at == text.size();
    do {
      auto wrote = encoder.encode(from, last, room.data(), room.size());
      BOOST_TEST_REQUIRE(wrote.has_value());
      wire.append(room, 0, *wrote);
    } while (!from.empty() || (last && !encoder.done()));
  }
  return wire;
}

void is_refused(const std::string& wire, std::uint64_t size) {
  auto result = decode(wire, size);
  BOOST_TEST_REQUIRE(!result.end.has_value());
  BOOST_TEST(result.end.error().code() == errc::invalid_argument);
  BOOST_TEST(result.text.size() <= size);
  BOOST_TEST(result.memory < memory_of_a_stream);
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_was_encoded_is_decoded_in_whatever_steps) {
  for (std::size_t size : {0u, 1u, 4095u, 4096u, 300'000u}) {
    auto text = words(size);
    for (int level : {1, 3, zstd_encoder::highest_level}) {
      auto wire = encode(text, level, 1000, 77);
      for (std::size_t step : {std::size_t{1}, std::size_t{1000}, std::string::npos}) {
        auto result = decode(wire, size, step);
        BOOST_TEST(result.end.has_value());
        BOOST_TEST((result.text == text));
      }
    }
    BOOST_TEST((zstd_decode(encode(text), size, window_log).value().view() == text));
  }
}

BOOST_AUTO_TEST_CASE(text_becomes_smaller_and_the_frame_says_of_how_much) {
  auto text = words(1 << 20);
  auto wire = encode(text);
  BOOST_TEST(wire.size() < text.size() / 2);
  auto result = decode(wire, text.size() - 1);
  BOOST_TEST_REQUIRE(!result.end.has_value());
  BOOST_TEST(result.text.empty());
}

// Rule 119.
BOOST_AUTO_TEST_CASE(what_is_cut_off_anywhere_is_refused) {
  auto text = words(3000);
  auto wire = encode(text);
  for (std::size_t cut = 0; cut < wire.size(); ++cut) is_refused(wire.substr(0, cut), text.size());
}

BOOST_AUTO_TEST_CASE(garbage_is_refused_wherever_a_frame_should_begin) {
  auto wire = encode("hello");
  is_refused("hello", 5);
  for (const auto& garbage : {std::string(1, '\0'), std::string("hello"), std::string(64, '\0')}) {
    is_refused(garbage + wire, 5);
    is_refused(wire + garbage, 5);
  }
  for (std::size_t at = 0; at < 4; ++at) {
    auto bent = wire;
    bent[at] ^= 1;
    is_refused(bent, 5);
  }
}

BOOST_AUTO_TEST_CASE(frames_in_a_row_are_fine_when_they_add_up) {
  auto nothing = encode("");
  auto wire = nothing + encode("hello ") + nothing + encode("world") + nothing;
  auto result = decode(wire, 11, 1);
  BOOST_TEST(result.end.has_value());
  BOOST_TEST(result.text == "hello world");
  is_refused(wire, 10);
  is_refused(wire, 12);
  is_refused(wire + encode("!"), 11);
}

BOOST_AUTO_TEST_CASE(frames_to_be_passed_over_are_refused) {
  auto wire = encode("hello");
  is_refused(skippable("") + wire, 5);
  is_refused(wire + skippable("note"), 5);
  is_refused(skippable("note"), 0);
}

BOOST_AUTO_TEST_CASE(a_frame_that_holds_other_than_it_declares_is_refused) {
  BOOST_TEST(decode(frame_declaring(5, block_of("hello")), 5).text == "hello");
  is_refused(frame_declaring(4, block_of("hello")), 5);
  is_refused(frame_declaring(6, block_of("hello")), 6);
  is_refused(frame_declaring(std::numeric_limits<std::uint64_t>::max() - 5, block_of("hello")), 5);
}

// Rule 119: what was measured elsewhere to cost a gigabyte.
BOOST_AUTO_TEST_CASE(a_few_bytes_that_declare_two_gibibytes_cost_nothing) {
  auto wire = frame_declaring(std::uint64_t{2} << 30, block_of(zstd_block::repeated, 1, "x"));
  BOOST_TEST(wire.size() == 17u);
  for (std::uint64_t size : {std::uint64_t{1}, std::uint64_t{2} << 30}) {
    is_refused(wire, size);
    BOOST_TEST(decode(wire, size).memory < 1u << 20);
  }
}

BOOST_AUTO_TEST_CASE(a_bomb_gives_no_byte_more_than_announced) {
  auto wire = zstd_bomb(8192);
  BOOST_TEST(wire.size() < 40'000u);
  for (std::uint64_t size : {0u, 1000u, 200'000u, (1u << 30) - 1}) {
    auto result = decode(wire, size, 1000, 64 << 10);
    BOOST_TEST(!result.end.has_value());
    BOOST_TEST(result.text.size() <= size);
    BOOST_TEST(result.memory < memory_of_a_stream);
  }
}

BOOST_AUTO_TEST_CASE(windows_are_taken_up_to_the_limit) {
  std::string blocks;
  for (int i = 0; i < 200; ++i) blocks += block_of(std::string(100'000, 'w'), i == 199);
  for (unsigned log : {10u, 20u, 23u}) {
    auto result =
        decode(frame_with_window(log, log > 16 ? blocks : block_of("hello")), log > 16 ? 20'000'000 : 5);
    BOOST_TEST(result.end.has_value());
    BOOST_TEST(result.memory < memory_of_a_stream);
  }
  for (unsigned log : {24u, 27u, 28u, 31u, 41u}) {
    auto wire = frame_with_window(log, block_of("hello"));
    is_refused(wire, 5);
    BOOST_TEST(decode(wire, 5).memory < 1u << 20);
  }
  is_refused(zstd_magic + '\0' + static_cast<char>((13 << 3) | 1) + block_of("hello"), 5);
}

BOOST_AUTO_TEST_CASE(an_encoder_holds_little_too) {
  auto text = words(20 << 20);
  for (int level = 1; level <= zstd_encoder::highest_level; ++level) {
    zstd_encoder encoder(std::uint64_t{1} << 40, level);
    std::string_view from = text;
    std::string room(1 << 20, '\0');
    for (int i = 0; i < 4; ++i) BOOST_TEST(encoder.encode(from, false, room.data(), room.size()).has_value());
    BOOST_TEST(encoder.memory() < memory_of_a_stream);
  }
}

BOOST_AUTO_TEST_CASE(an_encoder_that_hears_other_than_announced_fails) {
  char room[100];
  for (std::uint64_t size : {4u, 6u}) {
    zstd_encoder encoder(size, 1);
    std::string_view from = "hello";
    auto wrote = encoder.encode(from, true, room, sizeof room);
    BOOST_TEST_REQUIRE(!wrote.has_value());
    BOOST_TEST(wrote.error().code() == errc::internal);
  }
}

BOOST_AUTO_TEST_CASE(what_would_not_fit_is_not_encoded) {
  auto text = words(10'000);
  auto frame = zstd_encode(text, 1, text.size() - 1).value();
  BOOST_TEST(frame.size() < text.size());
  BOOST_TEST((zstd_decode(frame.view(), text.size(), window_log).value().view() == text));
  BOOST_TEST(zstd_encode(text, 1, frame.size() - 1).error().code() == errc::resource_exhausted);
  BOOST_TEST(zstd_decode(frame.view(), text.size() - 1, window_log).error().code() == errc::invalid_argument);
  BOOST_TEST(zstd_decode(frame.view(), text.size() + 1, window_log).error().code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
