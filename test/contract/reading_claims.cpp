#include <sys/stat.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

void reads_every_range(const subject& what) {
  stage on(what);
  for (std::size_t size : {100U, 5'000'000U}) {
    std::string content = noise(size);
    digest blob = put(on, content);
    const std::size_t middle = size / 2;
    const std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges = {
        {0, 0}, {0, 1}, {1, 0}, {middle, 7}, {middle, middle}, {size - 1, 0}, {size - 1, 1}, {1, size - 2}};
    for (const auto& [offset, limit] : ranges)
      BOOST_TEST(
          (read(on, blob, offset, limit) == content.substr(offset, limit == 0 ? std::string::npos : limit)),
          "offset " << offset << ", limit " << limit << " of " << size);
  }
}

void cuts_a_range_at_the_end_of_the_blob(const subject& what) {
  stage on(what);
  std::string content = noise(1000);
  digest blob = put(on, content);
  BOOST_TEST((read(on, blob, 990, 100) == content.substr(990)));
  BOOST_TEST((read(on, blob, 990, std::numeric_limits<std::uint64_t>::max()) == content.substr(990)));
  BOOST_TEST((read(on, blob, 1000) == ""));
  BOOST_TEST((read(on, blob, 1000, 5) == ""));
}

void refuses_an_offset_behind_the_end(const subject& what) {
  stage on(what);
  digest blob = put(on, noise(1000));
  BOOST_TEST(code_of(read(on, blob, 1001)) == "OUT_OF_RANGE");
  BOOST_TEST(code_of(read(on, blob, std::numeric_limits<std::uint64_t>::max(), 1)) == "OUT_OF_RANGE");
}

void does_not_find_what_was_never_written(const subject& what) {
  stage on(what);
  BOOST_TEST(code_of(read(on, digest_now("nobody wrote this"))) == "NOT_FOUND");
}

void streams_a_large_blob_in_bounded_pieces(const subject& what) {
  const std::size_t size = large_size();
  constexpr std::size_t bound = 4 << 20;
  stage on(what);
  std::string content = noise(size);
  digest blob = digest_now(content);
  BOOST_REQUIRE_EQUAL(code_of(on.tell(write_blob{blob, deliver(content, {1 << 20, true, {}})})), "OK");
  auto reading = on.tell(read_blob{blob});
  BOOST_REQUIRE(reading);
  BOOST_TEST(reading->head.size() <= bound);
  BOOST_REQUIRE(reading->rest);
  auto largest = std::make_shared<std::size_t>(0);
  auto same = std::make_shared<std::size_t>(reading->head.size());
  auto end = std::make_shared<std::promise<expected<void>>>();
  BOOST_TEST((reading->head.flatten().view() == content.substr(0, *same)));
  pump(
      std::move(reading->rest),
      [&content, largest, same](const byte_chain& pieces) -> expected<void> {
        *largest = std::max(*largest, pieces.size());
        for (const auto& piece : pieces.pieces()) {
          if (content.compare(*same, piece.size(), piece.view()) != 0)
            return fail(errc::data_loss, "differs");
          *same += piece.size();
        }
        return {};
      },
      [end](expected<void> result) { end->set_value(std::move(result)); });
  auto ended = wait(end->get_future());
  BOOST_TEST(code_of(ended) == "OK");
  BOOST_TEST(*same == size);
  BOOST_TEST(*largest <= bound);
}

void survives_a_reader_that_goes_away(const subject& what) {
  stage on(what);
  std::string content = noise(5'000'000);
  digest blob = put(on, content);
  {
    auto reading = on.tell(read_blob{blob});
    BOOST_REQUIRE(reading);
    if (reading->rest) reading->rest->cancel(error(errc::cancelled, "the reader has gone"));
  }
  auto dropped = on.tell(read_blob{blob});
  BOOST_REQUIRE(dropped);
  dropped->rest.reset();
  BOOST_TEST((read(on, blob) == content));
}

void lets_open_readers_finish_when_the_blob_is_forgotten(const subject& what) {
  stage on(what);
  std::string content = noise(5'000'000);
  digest blob = put(on, content);
  auto reading = on.tell(read_blob{blob});
  BOOST_REQUIRE(reading);
  if (auto gone = on.tell(forget_blob{blob}); !gone && gone.error().code() == errc::unimplemented) return;
  BOOST_TEST((drain(std::move(*reading)) == content));
}

void lends_a_file_with_exactly_the_bytes(const subject& what) {
  stage on(what);
  for (std::size_t size : {0U, 1000U, 2'000'000U}) {
    std::string content = noise(size);
    digest blob = put(on, content);
    auto lent = on.lend(blob);
    if (!lent && lent.error().code() == errc::unimplemented) return;
    BOOST_REQUIRE_MESSAGE(lent, text_of(lent));
    std::ostringstream bytes;
    bytes << std::ifstream(lent->path, std::ios::binary).rdbuf();
    BOOST_TEST((bytes.str() == content));
    struct stat facts {};
    BOOST_REQUIRE(::stat(lent->path.c_str(), &facts) == 0);
    BOOST_TEST((facts.st_mode & 07777) == 0555U);
    BOOST_TEST(static_cast<std::size_t>(facts.st_size) == size);
  }
  const auto absent = on.lend(digest_now("absent"));
  BOOST_REQUIRE(!absent);
  const bool has_no_files = what.may_lack_files() && absent.error().code() == errc::unimplemented;
  BOOST_TEST((has_no_files || absent.error().code() == errc::not_found), text_of(absent));
}

}  // namespace

std::vector<claim> reading_claims() {
  return {KILN_CLAIM(reads_every_range),
          KILN_CLAIM(cuts_a_range_at_the_end_of_the_blob),
          KILN_CLAIM(refuses_an_offset_behind_the_end),
          KILN_CLAIM(does_not_find_what_was_never_written),
          KILN_CLAIM(streams_a_large_blob_in_bounded_pieces),
          KILN_CLAIM(survives_a_reader_that_goes_away),
          KILN_CLAIM(lets_open_readers_finish_when_the_blob_is_forgotten),
          KILN_CLAIM(lends_a_file_with_exactly_the_bytes)};
}

}  // namespace kiln::contract
