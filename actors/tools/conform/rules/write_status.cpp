#include <thread>

#include "actors/tools/conform/rules/streams.hpp"

// 7. ByteStream.QueryWriteStatus. Rule 127 needs a restart, so a server's own tests keep it.
namespace kiln::conform {
namespace {

using namespace std::chrono_literals;

void expect_complete(probe& ask, const std::string& name, std::int64_t size) {
  auto status = ask.ok(ask.query_write_status(name));
  ask.check(status.complete() && status.committed_size() == size,
            fmt::format("committed_size: {} complete: true", size));
}

void finished(probe& ask) {
  auto plain = ask.fresh(1000), compressed = ask.fresh(1000), by_batch = ask.fresh(1000);
  auto name = ask.write_name(plain);
  ask.ok(ask.write(name, plain.data));
  expect_complete(ask, name, 1000);
  ask.store(by_batch);
  expect_complete(ask, ask.write_name(by_batch), 1000);
  if (!ask.server().announces(v2::Compressor::ZSTD)) return;
  name = ask.compressed_write_name(compressed);
  ask.ok(ask.write(name, zstd_frame(compressed.data)));
  expect_complete(ask, name, 1000);
}

// Of an upload under way, of which so much was sent.
std::int64_t committed_so_far(probe& ask, const std::string& name, std::int64_t sent) {
  auto got = ask.query_write_status(name);
  ask.expect(got, {errc::ok, errc::not_found});
  auto committed = got.message().committed_size();
  ask.check(!got.message().complete() && committed >= 0 && committed <= sent,
            fmt::format("committed_size: 0 to {} complete: false", sent));
  return committed;
}

void under_way(probe& ask) {
  auto mine = ask.fresh(1 << 20);
  auto name = ask.write_name(mine);
  auto talk = ask.start_write();
  talk.send(piece(name, 0, std::string_view(mine.data).substr(0, 600'000)));
  committed_so_far(ask, name, 600'000);
  auto broken_off = talk.finish();
  ask.expect(broken_off, {errc::ok, errc::invalid_argument});
  committed_so_far(ask, name, 600'000);
}

void unknown_name(probe& ask) {
  auto got = ask.query_write_status(ask.write_name(ask.fresh()));
  ask.expect(got, {errc::ok, errc::not_found});
  ask.check(!got.message().complete() && got.message().committed_size() == 0,
            "committed_size: 0 complete: false, or NOT_FOUND");
}

void never_shrinks(probe& ask) {
  constexpr std::int64_t step = 50'000;
  auto mine = ask.fresh(20 * step);
  auto name = ask.write_name(mine);
  auto talk = ask.start_write();
  std::int64_t highest = 0;
  for (std::int64_t at = 0; at < 20 * step; at += step) {
    talk.send(piece(name, at, std::string_view(mine.data).substr(static_cast<std::size_t>(at), step)));
    for (int i = 0; i < 3; ++i) {
      auto committed = committed_so_far(ask, name, at + step);
      ask.check(committed >= highest, fmt::format("a committed_size of {} or more", highest));
      highest = committed;
    }
  }
  talk.send(piece(name, 20 * step, "", true));
  ask.ok(talk.finish());
  expect_complete(ask, name, 20 * step);
}

// What was under way when the client left may still be arriving.
std::int64_t settled(probe& ask, const std::string& name, std::int64_t sent) {
  auto committed = committed_so_far(ask, name, sent);
  for (;;) {
    std::this_thread::sleep_for(20ms);
    auto now = committed_so_far(ask, name, sent);
    ask.check(now >= committed, fmt::format("a committed_size of {} or more", committed));
    if (now == committed) return now;
    committed = now;
  }
}

void interrupted(probe& ask) {
  constexpr std::int64_t size = 2 << 20;
  auto mine = ask.fresh(size);
  auto name = ask.write_name(mine);
  std::string_view data = mine.data;
  std::int64_t stands = 0;
  for (int i = 0; i < 10; ++i) {
    // Somewhere in what is left, so that ten times fit.
    auto end = stands + 1 + static_cast<std::int64_t>(ask.fresh_number() * 2654435761 % 200'000);
    auto talk = ask.start_write();
    for (auto at = stands; at < end; at += 32'768)
      if (!talk.send(piece(name, at, data.substr(static_cast<std::size_t>(at), 32'768)))) break;
    auto early = talk.next(i % 2 == 0 ? 10ms : 0ms);
    ask.check(!early && !talk.ended(), "no answer to a part of the blob");
    talk.cancel();
    stands = settled(ask, name, end + 32'768);
  }
  auto last = ask.start_write();
  for (auto at = stands; at < size; at += 100'000) {
    auto some = data.substr(static_cast<std::size_t>(at), 100'000);
    if (!last.send(piece(name, at, some, at + 100'000 >= size))) break;
  }
  expect_committed(ask, last.finish(), {size});
  expect_stored(ask, mine);
}

void not_an_upload(probe& ask) {
  auto stored = ask.fresh();
  ask.store(stored);
  auto name = ask.write_name(stored);
  for (const auto& wrong :
       {ask.read_name(stored), std::string(), std::string("uploads"), name.substr(0, name.rfind('/')),
        name.substr(0, name.rfind('/')) + "/many", ask.in_instance("uploads//" + ask.read_name(stored))})
    ask.expect(ask.query_write_status(wrong), errc::invalid_argument);
}

}  // namespace

std::vector<rule> write_status_rules() {
  constexpr auto wanted = needs::cache | needs::optional;
  return {
      {121, tag::stated, "a finished upload is complete, with the size of its plain bytes", wanted, finished},
      {122, tag::stated, "an upload under way tells what was committed, and that it is not complete", wanted,
       under_way},
      {123, tag::stated, "an upload nobody began stands at 0, or is NOT_FOUND", wanted, unknown_name},
      {124, tag::stated, "what was committed never shrinks", wanted, never_shrinks},
      {125, tag::stated, "an upload broken off ten times goes on where it is said to stand", wanted,
       interrupted},
      {126, tag::choice, "the name of a read, or of nothing, is INVALID_ARGUMENT", wanted, not_an_upload},
  };
}

}  // namespace kiln::conform
