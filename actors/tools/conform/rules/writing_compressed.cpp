#include "actors/tools/conform/rules/writing.hpp"

namespace kiln::conform {
namespace {

void there_already(probe& ask) {
  auto there = ask.fresh(1 << 20), meanwhile = ask.fresh(3 << 20);
  ask.store(there);
  auto frame = zstd_frame(there.data);
  auto hasty = ask.start_write();
  hasty.send(piece(ask.compressed_write_name(there), 0, frame.substr(0, 100)));
  expect_committed(ask, hasty.rest(), {-1});
  expect_committed(ask, ask.write(ask.compressed_write_name(there), frame), {-1});
  frame = zstd_frame(meanwhile.data);
  auto slower = ask.start_write();
  slower.send(piece(ask.compressed_write_name(meanwhile), 0, frame.substr(0, 1 << 20)));
  ask.ok(ask.write(ask.write_name(meanwhile), meanwhile.data));
  slower.send(piece("", 1 << 20, frame.substr(1 << 20, 1 << 20)));
  expect_committed(ask, slower.rest(), {-1});
}

void committed_size(probe& ask) {
  for (std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{3 << 20}}) {
    auto mine = blob_of(text(ask, size), ask.server().main_function());
    auto frame = zstd_frame(mine.data);
    auto got = ask.write(ask.compressed_write_name(mine), frame, 10'000);
    expect_committed(ask, got,
                     {static_cast<std::int64_t>(frame.size()), -1, static_cast<std::int64_t>(size)});
    expect_stored(ask, mine);
  }
}

void uncompressed_mismatch(probe& ask) {
  auto mine = ask.fresh(1000);
  auto other = mine.data;
  other.back() = static_cast<char>(other.back() ^ 1);
  for (const auto& sent : {other, mine.data.substr(1), mine.data.substr(0, 999), mine.data + "x"}) {
    ask.expect(ask.write(ask.compressed_write_name(mine), zstd_frame(sent)), errc::invalid_argument);
    expect_missing(ask, mine, "what came decompresses to other bytes");
  }
  // A thousand bytes are named, and sixteen million come out of two thousand.
  ask.expect(ask.write(ask.compressed_write_name(mine), zstd_frame(std::string(16 << 20, 'z'))),
             errc::invalid_argument);
}

void offsets(probe& ask) {
  auto followed = ask.fresh(300'000), skipped = ask.fresh(300'000), resumed = ask.fresh(300'000);
  expect_committed(ask, ask.write(ask.compressed_write_name(followed), zstd_frame(followed.data), 100'000),
                   {static_cast<std::int64_t>(zstd_frame(followed.data).size()), -1, 300'000});
  expect_stored(ask, followed);

  auto frame = zstd_frame(skipped.data);
  auto talk = ask.start_write();
  talk.send(piece(ask.compressed_write_name(skipped), 0, frame.substr(0, 100'000)));
  talk.send(piece("", 100'001, frame.substr(100'000), true));
  ask.expect(talk.finish(), errc::invalid_argument);
  expect_missing(ask, skipped, "its pieces did not follow each other");

  auto name = ask.compressed_write_name(resumed);
  auto broken_off = ask.start_write();
  broken_off.send(piece(name, 0, zstd_frame(resumed.data).substr(0, 200'000)));
  ask.expect(broken_off.finish(), {errc::ok, errc::invalid_argument});
  auto stands = ask.query_write_status(name);
  ask.expect(stands, {errc::ok, errc::not_found, errc::unimplemented});
  auto offset = stands.message().committed_size();
  if (offset < 0 || offset > 300'000) ask.fail("a committed_size within the blob", fmt::format("{}", offset));
  auto again = ask.start_write();
  again.send(piece(name, offset,
                   zstd_frame(std::string_view(resumed.data).substr(static_cast<std::size_t>(offset))),
                   true));
  ask.expect(again.finish(), errc::ok);
  expect_stored(ask, resumed);
}

// A frame of one block that is not compressed, whose window has this many bits.
std::string frame_with_window(std::string_view data, unsigned window_log) {
  auto block = static_cast<std::uint32_t>(data.size()) << 3 | 1;  // the last one, raw
  std::string frame("\x28\xb5\x2f\xfd", 4);
  frame += '\0';  // neither checksum nor content size
  frame += static_cast<char>((window_log - 10) << 3);
  for (int i = 0; i < 3; ++i) frame += static_cast<char>(block >> (8 * i));
  frame += data;
  return frame;
}

std::string skippable_frame() {
  return {"\x50\x2a\x4d\x18\x04\0\0\0skip", 12};
}

void bad_frames(probe& ask) {
  auto good = ask.fresh(1000);
  ask.expect(ask.write(ask.compressed_write_name(good), frame_with_window(good.data, 20)), errc::ok);
  auto mine = ask.fresh(1000);
  auto frame = zstd_frame(mine.data);
  for (const auto& sent :
       {frame.substr(0, frame.size() - 1), frame.substr(0, 5), std::string(), mine.data, frame + "behind",
        frame_with_window(mine.data, 28), frame_with_window(mine.data, 41), skippable_frame() + frame,
        frame + skippable_frame()}) {
    ask.expect(ask.write(ask.compressed_write_name(mine), sent), errc::invalid_argument);
    expect_missing(ask, mine, "what came was no frame of its bytes alone");
  }
}

}  // namespace

std::vector<rule> compressed_writing_rules() {
  constexpr auto zstd = needs::cache | needs::zstd;
  return {
      {100, tag::stated, "a compressed upload of a blob that is there is OK at once, with -1", zstd,
       there_already},
      {101, tag::de_facto, "a compressed upload commits its compressed size, -1, or its plain size", zstd,
       committed_size},
      {102, tag::must, "compressed bytes whose plain ones do not match the digest are INVALID_ARGUMENT", zstd,
       uncompressed_mismatch},
      {104, tag::must, "a compressed upload begins at a plain offset and counts compressed bytes from there",
       zstd, offsets},
      {119, tag::choice, "what is not plain zstd of a window up to 2^27 is INVALID_ARGUMENT", zstd,
       bad_frames},
  };
}

}  // namespace kiln::conform
