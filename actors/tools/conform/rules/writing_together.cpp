#include <vector>

#include "actors/tools/conform/rules/writing.hpp"

namespace kiln::conform {
namespace {

using namespace std::chrono_literals;

// One of several uploads of a blob, half at a time.
struct half_way {
  probe::write_dialogue talk;
  std::string sent;  ///< the bytes on the wire

  void begin(const std::string& name) { talk.send(piece(name, 0, sent.substr(0, sent.size() / 2))); }
  answer<bs::WriteResponse> end() {
    auto middle = sent.size() / 2;
    talk.send(piece("", static_cast<std::int64_t>(middle), sent.substr(middle), true));
    return talk.finish();
  }
};

void one_blob_many_ways(probe& ask) {
  auto mine = ask.fresh(ask.scaled<std::size_t>(2, 1) << 20);
  bool zstd = ask.server().announces(v2::Compressor::ZSTD);
  std::vector<half_way> uploads;
  for (int i = 0; i < 6; ++i) {
    bool compressed = zstd && i % 2 == 1;
    uploads.push_back({ask.start_write(), compressed ? zstd_frame(mine.data) : mine.data});
    uploads.back().begin(compressed ? ask.compressed_write_name(mine) : ask.write_name(mine));
  }
  half_way wrong{ask.start_write(), mine.data}, vanishing{ask.start_write(), mine.data};
  wrong.sent.back() = static_cast<char>(wrong.sent.back() ^ 1);
  wrong.begin(ask.write_name(mine));
  vanishing.begin(ask.write_name(mine));
  vanishing.talk.cancel();
  ask.expect(wrong.end(), errc::invalid_argument);
  for (auto& one : uploads)
    expect_committed(ask, one.end(),
                     {mine.digest.size_bytes(), -1, static_cast<std::int64_t>(one.sent.size())});
  expect_stored(ask, mine);
}

void same_uuid(probe& ask) {
  auto one = ask.fresh(1000), other = ask.fresh(2000);
  auto uuid = "uploads/" + ask.fresh_uuid() + "/";
  auto name = [&](const blob& of) {
    return ask.in_instance(uuid + ask.read_name(of).substr(ask.in_instance("").size()));
  };
  half_way first{ask.start_write(), one.data}, second{ask.start_write(), other.data};
  first.begin(name(one));
  second.begin(name(other));
  expect_committed(ask, first.end(), {1000});
  expect_committed(ask, second.end(), {2000});
  expect_stored(ask, one);
  expect_stored(ask, other);
}

void same_name(probe& ask) {
  auto mine = ask.fresh(1 << 20);
  auto name = ask.write_name(mine);
  half_way first{ask.start_write(), mine.data}, second{ask.start_write(), mine.data};
  first.begin(name);
  second.begin(name);
  auto later = second.end();
  expect_committed(ask, first.end(), {1 << 20});
  ask.expect(later, {errc::ok, errc::invalid_argument, errc::aborted});
  expect_stored(ask, mine);
}

void vanishing_clients(probe& ask) {
  std::vector<std::pair<blob, std::string>> left;
  for (int i = 0; i < ask.scaled(100, 10); ++i) {
    auto mine = ask.fresh(100'000);
    auto name = ask.write_name(mine);
    auto talk = ask.start_write();
    talk.send(piece(name, 0, std::string_view(mine.data).substr(0, 60'000)));
    talk.cancel();
    left.emplace_back(std::move(mine), std::move(name));
  }
  for (const auto& [mine, name] : left) {
    expect_missing(ask, mine, "its client left");
    expect_committed(ask, ask.write(name, mine.data), {100'000});
  }
}

void idle(probe& ask) {
  auto mine = ask.fresh(1000);
  auto talk = ask.start_write();
  talk.send(piece(ask.write_name(mine), 0, std::string_view(mine.data).substr(0, 500)));
  auto patience = ask.scaled<duration>(5s, 1s);
  if (talk.next(patience)) ask.fail("no answer to half a blob", "an answer");
  if (!talk.ended()) ask.skip("the server waits longer than we do for a client that says nothing");
  ask.expect(talk.rest(), {errc::deadline_exceeded, errc::aborted});
}

}  // namespace

std::vector<rule> crowded_writing_rules() {
  return {
      {109, tag::stated, "uploads of one blob at once are all OK, and one that fails hurts no other",
       needs::cache, one_blob_many_ways},
      {110, tag::stated, "one uuid may name uploads of several blobs", needs::cache, same_uuid},
      {111, tag::choice, "one name used twice at once: both OK, or the second INVALID_ARGUMENT or ABORTED",
       needs::cache, same_name},
      {115, tag::choice, "clients that vanish in mid-upload leave nothing in the way", needs::cache,
       vanishing_clients},
      {120, tag::choice, "an upload that does not go on ends with DEADLINE_EXCEEDED or ABORTED",
       needs::cache | needs::slow, idle},
  };
}

}  // namespace kiln::conform
