#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

// Alone and in batches, large and small, and always something under another function behind it: what stands
// first must not hide what follows.
void keeps_what_it_acknowledged_across_restarts(const subject& what) {
  stage on(what);
  std::vector<std::pair<digest, std::string>> kept;
  auto keep = [&](digest blob, std::string content) { kept.emplace_back(blob, std::move(content)); };
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (std::size_t size : {1U, 700U, 64'000U, 70'000U, 1'500'000U}) {
      std::string content = noise(size, 10 * round + 1);
      keep(put(on, content), content);
      std::string other = noise(size, 10 * round + 2);
      digest name = kiln::digest_of(other, digest_function::sha256);
      BOOST_TEST(code_of(write(on, name, other)) == "OK");
      keep(name, other);
    }
    write_blobs batch;
    for (std::uint64_t i = 0; i < 20; ++i) {
      std::string content = noise(100 + 5000 * i, 100 * round + i);
      batch.entries.push_back({digest_now(content), bytes::copy_of(content)});
      keep(batch.entries.back().blob, content);
    }
    auto answers = on.tell(std::move(batch));
    BOOST_REQUIRE(answers);
    for (const auto& each : answers->results) BOOST_TEST(code_of(each) == "OK");
    on.restart();
    find_missing all;
    for (const auto& [blob, content] : kept) all.blobs.push_back(blob);
    BOOST_TEST(on.tell(std::move(all))->blobs.size() == 0U);
    for (const auto& [blob, content] : kept) BOOST_TEST((read(on, blob) == content), blob.to_string());
  }
}

void stays_forgetful_of_what_was_forgotten(const subject& what) {
  stage on(what);
  std::vector<digest> blobs;
  for (std::size_t size : {10U, 5000U, 200'000U}) blobs.push_back(put(on, noise(size)));
  digest stays = put(on, noise(300));
  for (const auto& blob : blobs) {
    auto gone = on.tell(forget_blob{blob});
    if (!gone && gone.error().code() == errc::unimplemented) return;
    BOOST_REQUIRE_MESSAGE(gone, text_of(gone));
  }
  on.restart();
  for (const auto& blob : blobs) BOOST_TEST(is_missing(on, blob), blob.to_string());
  BOOST_TEST(!is_missing(on, stays));
}

void measures_the_same_after_a_restart(const subject& what) {
  stage on(what);
  std::vector<digest> blobs;
  for (std::size_t size : {10U, 5000U, 60'000U, 200'000U}) blobs.push_back(put(on, noise(size)));
  auto before = on.tell(measure_store{});
  if (!before && before.error().code() == errc::unimplemented) return;
  on.restart();
  // A store counts what it has looked for, and may still be looking for the rest.
  for (const auto& blob : blobs) BOOST_TEST(!is_missing(on, blob), blob.to_string());
  put(on, noise(20));
  auto after = on.tell(measure_store{});
  BOOST_REQUIRE((before && after));
  BOOST_TEST(after->blobs == before->blobs + 1);
}

// Large enough for packs: they must be counted and found again, or the store grows or forgets.
void evicts_across_restarts(const subject& what) {
  if (!what.is_bounded()) return;
  stage on(what, 64 << 20);
  constexpr std::uint64_t batches = 20, in_batch = 80;
  std::string content = noise(60'000);
  digest last;
  for (std::uint64_t i = 0; i < batches * in_batch;) {
    write_blobs batch;
    do {
      content.replace(0, 8, std::to_string(10'000'000 + i));
      last = digest_now(content);
      batch.entries.push_back({last, bytes::copy_of(content)});
    } while (++i % in_batch != 0);
    auto answers = on.tell(std::move(batch));
    BOOST_REQUIRE(answers);
    for (const auto& each : answers->results) BOOST_REQUIRE_MESSAGE(each, text_of(each));
    if (i % (in_batch * 5) == 0) on.restart();
    BOOST_TEST(!is_missing(on, last));
    auto stats = on.tell(measure_store{});
    BOOST_TEST((!stats || stats->bytes <= stats->capacity));
  }
  BOOST_TEST((read(on, last) == content));
}

void keeps_results_across_restarts(const subject& what) {
  stage on(what);
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (std::uint64_t i = 0; i < 10; ++i) {
      // Every other one replaces that of the round before.
      digest action = digest_now(noise(142, i % 2 == 0 ? i : 100 * round + i));
      digest other = kiln::digest_of(noise(142, 1000 * (round + 1) + i), digest_function::sha256);
      BOOST_REQUIRE(write(on, action, noise(50 + 9000 * i, round)));
      BOOST_REQUIRE(write(on, other, noise(60, round)));
    }
    on.restart();
    for (std::uint64_t i = 0; i < 10; ++i) {
      digest action = digest_now(noise(142, i % 2 == 0 ? i : 100 * round + i));
      digest other = kiln::digest_of(noise(142, 1000 * (round + 1) + i), digest_function::sha256);
      BOOST_TEST((read(on, action) == noise(50 + 9000 * i, round)), action.to_string());
      BOOST_TEST((read(on, other) == noise(60, round)), other.to_string());
    }
  }
}

void stays_forgetful_of_forgotten_results(const subject& what) {
  stage on(what);
  digest action = digest_now("an action"), other = digest_now("another action");
  BOOST_REQUIRE(write(on, other, "stays"));
  BOOST_REQUIRE(write(on, action, "first"));
  BOOST_REQUIRE(write(on, action, "second"));
  if (auto gone = on.tell(forget_blob{action}); !gone) {
    BOOST_TEST(code_of(gone) == "UNIMPLEMENTED");
    return;
  }
  on.restart();
  BOOST_TEST(is_missing(on, action));
  BOOST_TEST((read(on, other) == "stays"));
}

}  // namespace

std::vector<claim> restart_claims() {
  return {KILN_CLAIM(keeps_what_it_acknowledged_across_restarts),
          KILN_CLAIM(stays_forgetful_of_what_was_forgotten), KILN_CLAIM(measures_the_same_after_a_restart),
          KILN_CLAIM(evicts_across_restarts)};
}

std::vector<claim> result_restart_claims() {
  return {KILN_CLAIM(keeps_results_across_restarts), KILN_CLAIM(stays_forgetful_of_forgotten_results)};
}

}  // namespace kiln::contract
