#include "core/digest/chunker.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <sstream>
#include <vector>

#include "core/digest/digest.hpp"
#include "test/places.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(chunking_by_content)

namespace {

std::string text_of_file(const std::string& name) {
  std::ifstream file(std::string(KILN_SOURCE_FOLDER) + "/test/core/data/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string noise(std::size_t size, std::uint64_t seed = 1) {
  std::mt19937_64 numbers(seed);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(numbers());
  return text;
}

std::vector<std::string> chunks_of(const std::string& text, const fast_cdc_parameters& parameters,
                                   std::size_t step = std::string::npos) {
  chunker cutting(parameters);
  std::vector<std::string> chunks;
  auto take = [&] {
    while (auto chunk = cutting.next()) chunks.emplace_back(chunk->view());
  };
  for (std::size_t at = 0; at < text.size(); at += std::min(step, text.size() - at)) {
    cutting.feed(bytes::copy_of(std::string_view(text).substr(at, step)));
    take();
  }
  cutting.end();
  take();
  return chunks;
}

struct vector_line {
  std::uint32_t seed = 0;
  std::size_t offset = 0, length = 0;
  std::string sha256;
};

std::vector<vector_line> published_vectors() {
  std::istringstream lines(text_of_file("fastcdc2020_vectors.txt"));
  std::vector<vector_line> all;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    auto& one = all.emplace_back();
    words >> one.seed >> one.offset >> one.length >> one.sha256;
  }
  return all;
}

}  // namespace

// Rule 75.
BOOST_AUTO_TEST_CASE(the_published_vectors_come_out) {
  const auto image = text_of_file("fastcdc2020_input.jpg");
  BOOST_TEST_REQUIRE(digest_of(image).hex() ==
                     "d9e749d9367fc908876749d6502eb212fee88c9a94892fb07da5ef3ba8bc39ed");
  const auto wanted = published_vectors();
  BOOST_TEST_REQUIRE(wanted.size() == 12u);
  std::vector<vector_line> found;
  for (std::uint32_t seed : {0u, 666u}) {
    std::size_t offset = 0;
    for (const auto& chunk : chunks_of(image, {16384, seed})) {
      found.push_back({seed, offset, chunk.size(), digest_of(chunk).hex()});
      offset += chunk.size();
    }
  }
  BOOST_TEST_REQUIRE(found.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    BOOST_TEST(found[i].seed == wanted[i].seed);
    BOOST_TEST(found[i].offset == wanted[i].offset);
    BOOST_TEST(found[i].length == wanted[i].length);
    BOOST_TEST(found[i].sha256 == wanted[i].sha256);
  }
}

BOOST_AUTO_TEST_CASE(it_does_not_matter_in_what_pieces_the_bytes_come) {
  const fast_cdc_parameters small{1024, 7};
  const auto text = noise(100'003);
  const auto whole = chunks_of(text, small);
  for (std::size_t step : {1u, 2u, 1023u, 4096u, 4097u, 50'000u})
    BOOST_TEST((chunks_of(text, small, step) == whole), "in pieces of " << step);
}

BOOST_AUTO_TEST_CASE(chunks_keep_within_their_bounds_and_join_to_the_whole) {
  for (std::uint64_t average = 1 << 10; average <= 1 << 20; average *= 4) {
    const fast_cdc_parameters parameters{average, 0};
    for (const auto& text : {noise(3'000'001, average), std::string(2'000'001, 'z')}) {
      const auto chunks = chunks_of(text, parameters, 256 << 10);
      std::string joined;
      for (std::size_t i = 0; i < chunks.size(); ++i) {
        joined += chunks[i];
        BOOST_TEST(chunks[i].size() <= parameters.largest());
        if (i + 1 < chunks.size()) BOOST_TEST(chunks[i].size() >= parameters.least());
      }
      BOOST_TEST((joined == text));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_small_edit_changes_few_chunks) {
  const fast_cdc_parameters parameters{4096, 0};
  auto text = noise(1 << 20);
  auto before = chunks_of(text, parameters);
  text.insert(500'000, "some words more");
  const std::set<std::string> known(before.begin(), before.end());
  std::size_t fresh = 0;
  for (const auto& chunk : chunks_of(text, parameters)) fresh += known.contains(chunk) ? 0 : 1;
  BOOST_TEST(before.size() > 100u);
  BOOST_TEST(fresh <= 4u);
}

BOOST_AUTO_TEST_CASE(nothing_has_no_chunks_and_little_has_one) {
  BOOST_TEST(chunks_of("", {}).empty());
  BOOST_TEST(chunks_of("x", {}).size() == 1u);
  BOOST_TEST(chunks_of(noise(256), {1024, 0}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(only_averages_that_the_protocol_allows_are_taken) {
  for (std::uint64_t good : {1u << 10, 1u << 19, 1u << 20}) BOOST_TEST(check({good, 0}).has_value());
  for (std::uint64_t bad : {0u, 512u, 1000u, 3u << 10, 1u << 21}) BOOST_TEST(!check({bad, 0}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
