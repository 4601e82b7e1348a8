#include <algorithm>
#include <set>

#include "core/wire/too_large.hpp"
#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

constexpr std::uint64_t small_capacity = 4 << 20;
constexpr std::size_t blob_size = 100'000;

// The store's own word: one that is made of several holds several times what the YAML says.
std::uint64_t capacity_of(stage& on) {
  auto stats = on.tell(measure_store{});
  BOOST_REQUIRE(stats);
  BOOST_REQUIRE(stats->capacity > 0);
  return stats->capacity;
}

// Writes several times the capacity, calling `between` with each blob.
template <class Between>
std::vector<digest> press(stage& on, std::uint64_t times, Between between) {
  std::vector<digest> written;
  const std::uint64_t count = times * capacity_of(on) / blob_size;
  for (std::uint64_t i = 0; i < count; ++i) {
    written.push_back(put(on, noise(blob_size, 1000 + i)));
    between(written.back());
  }
  return written;
}
std::vector<digest> press(stage& on, std::uint64_t times = 3) {
  return press(on, times, [](const digest&) {});
}

void stays_within_its_capacity_and_says_who_left(const subject& what) {
  stage on(what, small_capacity);
  on.watch();
  const std::uint64_t capacity = capacity_of(on);
  auto written =
      press(on, 3, [&](const digest&) { BOOST_TEST(on.tell(measure_store{})->bytes <= capacity); });
  auto stats = on.tell(measure_store{});
  BOOST_REQUIRE(stats);
  BOOST_TEST(stats->evictions > 0U);
  BOOST_TEST(stats->blobs + stats->evictions == written.size());
  auto missing = on.tell(find_missing{written});
  BOOST_REQUIRE(missing);
  BOOST_TEST(missing->blobs.size() == stats->evictions);
  auto gone = on.gone(missing->blobs.size());
  BOOST_TEST((std::set(gone.begin(), gone.end()) == std::set(missing->blobs.begin(), missing->blobs.end())));
  for (const digest& blob : missing->blobs) BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  BOOST_TEST(!is_missing(on, written.back()));
}

void says_that_a_forgotten_blob_left(const subject& what) {
  stage on(what, small_capacity);
  on.watch();
  digest blob = put(on, noise(1000));
  BOOST_REQUIRE(on.tell(forget_blob{blob}));
  BOOST_TEST((on.gone(1) == std::vector{blob}));
}

void keeps_what_is_asked_for_again_and_again(const subject& what) {
  stage on(what, small_capacity);
  digest asked = put(on, noise(blob_size, 1));
  digest looked_at = put(on, noise(blob_size, 2));
  digest batched = put(on, noise(blob_size, 3));
  press(on, 3, [&](const digest&) {
    BOOST_REQUIRE(!is_missing(on, asked));
    BOOST_REQUIRE(on.tell(read_blob{looked_at, 0, 1}));
    BOOST_REQUIRE(on.tell(read_blobs{{batched}})->results[0]);
  });
}

// The same with blobs that are asked for again, so that no store takes them for a mere scan.
void press_hard(stage& on) {
  press(on, 3, [&](const digest& blob) { BOOST_REQUIRE(!is_missing(on, blob)); });
}

// Rule 88.
void lets_readers_finish_when_their_blob_is_evicted(const subject& what) {
  stage on(what, small_capacity);
  std::string content = noise(2'500'000);
  digest blob = put(on, content);
  auto reading = on.tell(read_blob{blob});
  BOOST_REQUIRE(reading);
  bool gone = false;
  for (int i = 0; i < 3 && !gone; ++i) {
    press_hard(on);
    gone = is_missing(on, blob);
  }
  BOOST_TEST(gone);
  BOOST_TEST((drain(std::move(*reading)) == content));
}

void keeps_what_is_leased_until_the_lease_ends(const subject& what) {
  stage on(what, small_capacity);
  digest first = put(on, noise(blob_size, 1)), second = put(on, noise(blob_size, 2));
  digest absent = digest_now("absent");
  auto lease = on.tell(lease_blobs{{first, absent, second}});
  if (!lease && lease.error().code() == errc::unimplemented) return;
  BOOST_REQUIRE_MESSAGE(lease, text_of(lease));
  BOOST_TEST((lease->missing == std::vector{absent}));
  auto again = on.tell(lease_blobs{{second}});
  BOOST_REQUIRE(again);
  press_hard(on);
  BOOST_TEST(on.tell(find_missing{{first, second}})->blobs.empty());
  lease->hold.reset();
  press_hard(on);
  BOOST_TEST((on.tell(find_missing{{first, second}})->blobs == std::vector{first}));
  again->hold.reset();
  press_hard(on);
  BOOST_TEST(is_missing(on, second));
}

void refuses_what_leases_leave_no_room_for(const subject& what) {
  stage on(what, small_capacity);
  const std::uint64_t capacity = capacity_of(on);
  std::vector<std::shared_ptr<const void>> holds;
  std::string_view code = "OK";
  for (std::uint64_t i = 0; code == "OK" && i < 2 * capacity / blob_size; ++i) {
    std::string content = noise(blob_size, 500 + i);
    code = code_of(write(on, digest_now(content), content));
    if (code != "OK") break;
    auto lease = on.tell(lease_blobs{{digest_now(content)}});
    if (!lease && lease.error().code() == errc::unimplemented) return;
    BOOST_REQUIRE_MESSAGE(lease, text_of(lease));
    holds.push_back(lease->hold);
  }
  BOOST_TEST(code == "RESOURCE_EXHAUSTED");
  BOOST_TEST(on.tell(measure_store{})->bytes <= capacity);
  holds.clear();
  BOOST_TEST(put(on, noise(blob_size, 9999)).size == static_cast<std::int64_t>(blob_size));
}

void refuses_a_blob_larger_than_itself_and_keeps_the_others(const subject& what) {
  stage on(what, small_capacity);
  digest small = put(on, noise(1000));
  std::string huge = noise(capacity_of(on) + 1);
  BOOST_TEST(code_of(on.tell(write_blob{digest_now(huge), deliver(huge)})) == "RESOURCE_EXHAUSTED");
  BOOST_TEST(is_missing(on, digest_now(huge)));
  BOOST_TEST(!is_missing(on, small));
}

// Nobody need try again, and whoever wants to know what would have fitted is told to the byte.
void names_the_largest_blob_that_it_takes(const subject& what) {
  stage on(what, small_capacity);
  auto max_in = [](const expected<receipt>& answer) {
    BOOST_REQUIRE(!answer);
    BOOST_TEST(code_of(answer) == "RESOURCE_EXHAUSTED");
    for (const auto& detail : answer.error().details())
      BOOST_TEST(detail.type_url.find("RetryInfo") == std::string::npos);
    auto most = max_taken(answer.error());
    BOOST_REQUIRE_MESSAGE(most, text_of(answer));
    BOOST_TEST(answer.error().message().find(std::to_string(*most)) != std::string::npos);
    return *most;
  };
  std::string huge = noise(capacity_of(on) + 1);
  const auto most = max_in(write(on, digest_now(huge), huge));
  BOOST_TEST(most <= capacity_of(on));
  std::string above = noise(most + 1);
  BOOST_TEST(max_in(write(on, digest_now(above), above)) == most);
  BOOST_TEST(put(on, noise(most)).size == static_cast<std::int64_t>(most));
}

void keeps_a_lent_file_while_it_is_held(const subject& what) {
  stage on(what, small_capacity);
  digest blob = put(on, noise(blob_size, 1));
  auto lent = on.lend(blob);
  if (!lent && lent.error().code() == errc::unimplemented) return;
  BOOST_REQUIRE_MESSAGE(lent, text_of(lent));
  press(on);
  BOOST_TEST(std::filesystem::exists(lent->path));
  BOOST_TEST(std::filesystem::file_size(lent->path) == blob_size);
}

}  // namespace

std::vector<claim> eviction_claims() {
  return {KILN_CLAIM(stays_within_its_capacity_and_says_who_left),
          KILN_CLAIM(says_that_a_forgotten_blob_left),
          KILN_CLAIM(keeps_what_is_asked_for_again_and_again),
          KILN_CLAIM(lets_readers_finish_when_their_blob_is_evicted),
          KILN_CLAIM(keeps_what_is_leased_until_the_lease_ends),
          KILN_CLAIM(refuses_what_leases_leave_no_room_for),
          KILN_CLAIM(refuses_a_blob_larger_than_itself_and_keeps_the_others),
          KILN_CLAIM(names_the_largest_blob_that_it_takes),
          KILN_CLAIM(keeps_a_lent_file_while_it_is_held)};
}

}  // namespace kiln::contract
