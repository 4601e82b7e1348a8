#include "actors/tools/conform/rules/writing.hpp"

#include <iterator>
#include <limits>

// 6. ByteStream.Write. Two rules are about a server's inside: 116 and 117.
namespace kiln::conform {
namespace {

constexpr std::int64_t farthest = std::numeric_limits<std::int64_t>::max();

// What the server says to these messages, and nothing behind them.
answer<bs::WriteResponse> written(probe& ask, std::initializer_list<bs::WriteRequest> messages) {
  auto talk = ask.start_write();
  for (const auto& one : messages)
    if (!talk.send(one)) break;
  return talk.finish();
}

// The same while the stream stays open: what it says before it has heard the end.
answer<bs::WriteResponse> said_to(probe& ask, std::initializer_list<bs::WriteRequest> messages) {
  auto talk = ask.start_write();
  for (const auto& one : messages)
    if (!talk.send(one)) break;
  return talk.rest();
}

std::string_view part(const blob& of, std::size_t from, std::size_t size = std::string_view::npos) {
  return std::string_view(of.data).substr(from, size);
}

void later_name(probe& ask) {
  auto changed = ask.fresh(100), left_out = ask.fresh(100), repeated = ask.fresh(100);
  ask.expect(written(ask, {piece(ask.write_name(changed), 0, part(changed, 0, 50)),
                           piece(ask.write_name(changed), 50, part(changed, 50), true)}),
             errc::invalid_argument);
  expect_missing(ask, changed, "its name changed on the way");
  expect_committed(ask,
                   written(ask, {piece(ask.write_name(left_out), 0, part(left_out, 0, 50)),
                                 piece("", 50, part(left_out, 50), true)}),
                   {100});
  auto name = ask.write_name(repeated);
  expect_committed(
      ask, written(ask, {piece(name, 0, part(repeated, 0, 50)), piece(name, 50, part(repeated, 50), true)}),
      {100});
  expect_stored(ask, left_out);
  expect_stored(ask, repeated);
}

void later_offset(probe& ask) {
  for (std::int64_t offset : {0, 40, 60}) {
    auto mine = ask.fresh(100);
    auto rest = part(mine, static_cast<std::size_t>(offset));
    ask.expect(
        written(ask, {piece(ask.write_name(mine), 0, part(mine, 0, 50)), piece("", offset, rest, true)}),
        errc::invalid_argument);
    expect_missing(ask, mine, "its pieces did not follow each other");
  }
}

void first_offset(probe& ask) {
  auto begun_late = ask.fresh(100), resumed_late = ask.fresh(100);
  ask.expect(written(ask, {piece(ask.write_name(begun_late), 10, part(begun_late, 10), true)}),
             {errc::invalid_argument, errc::out_of_range});
  expect_missing(ask, begun_late, "its first ten bytes never came");
  auto name = ask.write_name(resumed_late);
  written(ask, {piece(name, 0, part(resumed_late, 0, 50))});
  auto stands = ask.query_write_status(name);
  ask.expect(stands, {errc::ok, errc::not_found, errc::unimplemented});
  auto offset = stands.message().committed_size() + 7;
  auto rest = part(resumed_late, static_cast<std::size_t>(offset));
  ask.expect(written(ask, {piece(name, offset, rest, true)}), {errc::invalid_argument, errc::out_of_range});
  expect_missing(ask, resumed_late, "seven bytes were left out");
}

void after_finish(probe& ask) {
  auto mine = ask.fresh(100);
  ask.expect(written(ask, {piece(ask.write_name(mine), 0, mine.data, true), piece("", 100, "more")}),
             errc::invalid_argument);
  auto got = ask.read(ask.read_name(mine));
  ask.expect(got, {errc::ok, errc::not_found});
  if (got.ok()) expect_data(ask, got, mine.data);
}

void unfinished(probe& ask) {
  for (std::size_t sent : {50, 100}) {
    auto mine = ask.fresh(100);
    auto got = written(ask, {piece(ask.write_name(mine), 0, part(mine, 0, sent))});
    ask.expect(got, {errc::ok, errc::invalid_argument});
    auto committed = got.message().committed_size();
    if (committed < 0 || committed > static_cast<std::int64_t>(sent))
      ask.fail(fmt::format("a committed_size of 0 to {}", sent), fmt::format("{}", committed));
    expect_missing(ask, mine, "finish_write was never said");
  }
}

void sizes(probe& ask) {
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{5 << 20} + 3}) {
    auto mine = size == 0 ? blob_of("", ask.server().main_function()) : ask.fresh(size);
    expect_committed(ask, ask.write(ask.write_name(mine), mine.data), {static_cast<std::int64_t>(size)});
    expect_stored(ask, mine);
  }
}

void already_there(probe& ask) {
  auto there = ask.fresh(3 << 20), meanwhile = ask.fresh(3 << 20);
  ask.store(there);
  constexpr std::int64_t size = 3 << 20;
  expect_committed(ask, said_to(ask, {piece(ask.write_name(there), 0, part(there, 0, 10))}), {size});
  expect_committed(ask, ask.write(ask.write_name(there), there.data), {size});
  auto slower = ask.start_write();
  slower.send(piece(ask.write_name(meanwhile), 0, part(meanwhile, 0, 1 << 20)));
  expect_committed(ask, ask.write(ask.write_name(meanwhile), meanwhile.data), {size});
  slower.send(piece("", 1 << 20, part(meanwhile, 1 << 20, 1 << 20)));
  expect_committed(ask, slower.rest(), {size});
}

void mismatch(probe& ask) {
  auto mine = ask.fresh(100);
  auto other = mine.data;
  other[50] = static_cast<char>(other[50] ^ 1);
  ask.expect(ask.write(ask.write_name(mine), other), errc::invalid_argument);
  expect_missing(ask, mine, "other bytes came");
  for (std::int64_t size : {99, 101}) {
    auto wrong = mine;
    wrong.digest.set_size_bytes(size);
    ask.expect(ask.write(ask.write_name(wrong), mine.data), errc::invalid_argument);
    expect_missing(ask, wrong, "no blob of that hash has that size");
  }
  auto large = ask.fresh(3 << 20);
  auto changed = large.data;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  ask.expect(ask.write(ask.write_name(large), changed), errc::invalid_argument);
  expect_missing(ask, large, "its last byte was another");
}

void too_many_bytes(probe& ask) {
  auto at_once = ask.fresh(100), later = ask.fresh(100);
  ask.expect(said_to(ask, {piece(ask.write_name(at_once), 0, at_once.data + "x")}), errc::invalid_argument);
  ask.expect(said_to(ask, {piece(ask.write_name(later), 0, later.data), piece("", 100, "x")}),
             errc::invalid_argument);
  expect_missing(ask, at_once, "too much came");
  expect_missing(ask, later, "too much came");
}

void too_few_bytes(probe& ask) {
  auto mine = ask.fresh(100);
  ask.expect(written(ask, {piece(ask.write_name(mine), 0, part(mine, 0, 99), true)}), errc::invalid_argument);
  ask.expect(written(ask, {piece(ask.write_name(mine), 0, "", true)}), errc::invalid_argument);
  expect_missing(ask, mine, "not all of it came");
}

void over_the_limit(probe& ask) {
  auto limit = ask.server().cache().max_cas_blob_size_bytes();
  if (limit <= 0 || limit == farthest) ask.skip("no max_cas_blob_size_bytes is announced");
  auto huge = ask.fresh();
  huge.digest.set_size_bytes(limit + 1);
  ask.expect(said_to(ask, {piece(ask.write_name(huge), 0, huge.data)}), errc::invalid_argument);
}

// No cache holds an exbibyte, but not all say so before they are full.
void no_space(probe& ask) {
  const auto fill = static_cast<std::int64_t>(ask.server().fill);
  auto huge = ask.fresh(1 << 20);
  huge.digest.set_size_bytes(fill > 0 ? 2 * fill : std::int64_t{1} << 60);
  auto limit = ask.server().cache().max_cas_blob_size_bytes();
  if (limit > 0 && limit < huge.digest.size_bytes()) ask.skip("blobs that would not fit are over the limit");
  auto talk = ask.start_write();
  auto name = ask.write_name(huge);
  bool heard = talk.send(piece(name, 0, huge.data));
  for (std::int64_t at = 1 << 20; heard && at < 2 * fill; at += 1 << 20)
    heard = talk.send(piece("", at, huge.data));
  using namespace std::chrono_literals;
  if (!talk.next(2s) && !talk.ended())
    ask.skip("the server takes the first bytes of any blob, and may not be filled (--fill)");
  ask.expect(talk.rest(), errc::resource_exhausted);
  auto left = ask.query_write_status(name);
  ask.expect(left, {errc::ok, errc::not_found, errc::unimplemented});
  ask.equal("committed_size", left.message().committed_size(), 0);
}

void keep_alives(probe& ask) {
  auto mine = ask.fresh(100);
  expect_committed(
      ask,
      written(ask, {piece(ask.write_name(mine), 0, ""), piece("", 0, ""), piece("", 0, part(mine, 0, 50)),
                    piece("", 50, ""), piece("", 50, part(mine, 50)), piece("", 100, ""),
                    piece("", 100, "", true)}),
      {100});
  expect_stored(ask, mine);
}

void offset_overflow(probe& ask) {
  auto mine = ask.fresh(100);
  auto name = ask.write_name(mine);
  ask.expect(written(ask, {piece(name, farthest, mine.data, true)}), errc::invalid_argument);
  ask.expect(written(ask, {piece(name, 0, part(mine, 0, 50)), piece("", farthest, part(mine, 50), true)}),
             errc::invalid_argument);
  expect_missing(ask, mine, "its offset was absurd");
}

void absent_until_verified(probe& ask) {
  auto mine = ask.fresh(1 << 20);
  auto name = ask.write_name(mine);
  auto talk = ask.start_write();
  talk.send(piece(name, 0, mine.data));
  for (int i = 0; i < 20; ++i) {
    expect_missing(ask, mine, "its upload is not finished");
    ask.query_write_status(name);
  }
  talk.send(piece("", 1 << 20, "", true));
  expect_committed(ask, talk.finish(), {1 << 20});
  ask.check(!ask.is_missing(mine), "the blob is there when its upload was acknowledged");
}

}  // namespace

std::vector<rule> writing_rules() {
  std::vector<rule> all{
      {92, tag::must, "a first message without resource_name is INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         ask.expect(written(ask, {piece("", 0, ask.fresh_bytes(100), true)}), errc::invalid_argument);
       }},
      {93, tag::must, "a later name may be left out, but not change: INVALID_ARGUMENT", needs::cache,
       later_name},
      {94, tag::must, "a later write_offset is the first plus the bytes sent, or INVALID_ARGUMENT",
       needs::cache, later_offset},
      {95, tag::must, "the first write_offset is the committed size, or INVALID_ARGUMENT or OUT_OF_RANGE",
       needs::cache, first_offset},
      {96, tag::stated, "a message after finish_write is INVALID_ARGUMENT and changes nothing", needs::cache,
       after_finish},
      {97, tag::stated, "a stream that ends without finish_write stores nothing", needs::cache, unfinished},
      {98, tag::stated, "committed_size of a plain upload is the blob's size", needs::cache, sizes},
      {99, tag::stated, "a blob that is there already is OK at once, with its full size", needs::cache,
       already_there},
      {103, tag::stated, "bytes that do not match the digest are INVALID_ARGUMENT", needs::cache, mismatch},
      {105, tag::choice, "the first byte too many is INVALID_ARGUMENT, before the end is heard", needs::cache,
       too_many_bytes},
      {106, tag::choice, "finish_write before all bytes came is INVALID_ARGUMENT", needs::cache,
       too_few_bytes},
      {107, tag::should, "a blob over max_cas_blob_size_bytes is INVALID_ARGUMENT with the first message",
       needs::cache, over_the_limit},
      {108, tag::stated, "a blob for which there is no space is RESOURCE_EXHAUSTED", needs::cache, no_space},
      {112, tag::stated, "messages without data keep a stream alive", needs::cache, keep_alives},
      {113, tag::choice, "an offset near the end of numbers is INVALID_ARGUMENT", needs::cache,
       offset_overflow},
      {114, tag::choice, "a stream without a message is INVALID_ARGUMENT", needs::cache,
       [](probe& ask) { ask.expect(written(ask, {}), errc::invalid_argument); }},
      {118, tag::choice, "a blob is missing until its upload was verified, and then at once there",
       needs::cache, absent_until_verified},
  };
  for (auto more : {compressed_writing_rules, crowded_writing_rules}) {
    auto some = more();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace kiln::conform
