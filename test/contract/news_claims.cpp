#include <algorithm>
#include <set>

#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

constexpr std::uint64_t small_store = 4 << 20;

void tells_of_every_blob_that_comes(const subject& what) {
  stage on(what, small_store);
  put(on, "there before anybody watches");
  on.watch();
  std::set<digest> wanted{put(on, noise(1000, 1)), put(on, noise(100'000, 2))};
  write_blobs batch;
  for (std::uint64_t i = 10; i < 20; ++i) {
    auto content = noise(i % 2 == 0 ? 500 : 70'000, i);
    batch.entries.push_back({digest_now(content), bytes::copy_of(content)});
    wanted.insert(batch.entries.back().blob);
  }
  BOOST_REQUIRE(on.tell(std::move(batch)));
  auto news = on.last_word([&](const stage::word& said) { return said.size() >= wanted.size(); });
  for (const auto& [blob, there] : news) BOOST_TEST((there && wanted.contains(blob)));
}

void says_last_of_each_blob_how_it_is(const subject& what) {
  stage on(what, small_store);
  on.watch();
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 120; ++i) {
    blobs.push_back(put(on, noise(100'000, i)));
    if (i % 3 == 0) put(on, noise(100'000, i / 2));  // some come back that left
    if (i % 7 == 0) BOOST_REQUIRE(on.tell(forget_blob{blobs[i / 2]}));
  }
  auto missing = on.tell(find_missing{blobs});
  BOOST_REQUIRE(missing);
  const std::set<digest> gone(missing->blobs.begin(), missing->blobs.end());
  BOOST_TEST(!gone.empty());
  on.last_word([&](const stage::word& said) {
    return std::all_of(blobs.begin(), blobs.end(), [&](const digest& blob) {
      auto found = said.find(blob);
      return found != said.end() && found->second != gone.contains(blob);
    });
  });
}

void names_few_blobs_in_one_piece_of_news(const subject& what) {
  stage on(what, small_store);
  on.watch();
  write_blobs batch;
  for (std::uint64_t i = 0; i < max_in_news + 100; ++i) {
    auto content = std::to_string(i);
    batch.entries.push_back({digest_now(content), bytes::copy_of(content)});
  }
  const auto count = batch.entries.size();
  auto kept = on.tell(std::move(batch));
  BOOST_REQUIRE(kept);
  const auto wanted = static_cast<std::size_t>(std::count_if(
      kept->results.begin(), kept->results.end(), [](const auto& one) { return one.has_value(); }));
  BOOST_TEST(wanted <= count);
  on.last_word([&](const stage::word& said) { return said.size() >= wanted; });
  BOOST_TEST(on.longest_news() <= max_in_news);
}

}  // namespace

std::vector<claim> news_claims() {
  return {KILN_CLAIM(tells_of_every_blob_that_comes), KILN_CLAIM(says_last_of_each_blob_how_it_is),
          KILN_CLAIM(names_few_blobs_in_one_piece_of_news)};
}

}  // namespace kiln::contract
