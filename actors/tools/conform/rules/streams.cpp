#include "actors/tools/conform/rules/streams.hpp"

#include <fmt/ranges.h>

#include <algorithm>

namespace kiln::conform {
namespace {

void expect_same(probe& ask, std::string_view got, std::string_view wanted, std::string_view of) {
  if (got == wanted) return;
  auto common = std::min(got.size(), wanted.size());
  auto differs =
      std::mismatch(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(common), wanted.begin()).first -
      got.begin();
  ask.fail(fmt::format("{} bytes{}: {}", wanted.size(), of, shown(wanted)),
           fmt::format("{} bytes, other ones from byte {} on: {}", got.size(), differs, shown(got)));
}

}  // namespace

bs::WriteRequest piece(const std::string& name, std::int64_t offset, std::string_view data, bool finish) {
  bs::WriteRequest made;
  made.set_resource_name(name);
  made.set_write_offset(offset);
  made.set_data(std::string(data));
  made.set_finish_write(finish);
  return made;
}

void expect_data(probe& ask, const probe::read_answer& got, std::string_view wanted) {
  ask.expect(got, errc::ok);
  expect_same(ask, data_of(got), wanted, "");
}

void expect_zstd(probe& ask, const probe::read_answer& got, std::string_view wanted) {
  ask.expect(got, errc::ok);
  auto plain = unzstd(data_of(got), wanted.size() + 1024);
  if (!plain)
    ask.fail(fmt::format("zstd that holds {} bytes", wanted.size()),
             fmt::format("{} bytes that are not: {}", data_of(got).size(), shown(data_of(got))));
  expect_same(ask, *plain, wanted, " once decompressed");
}

void expect_committed(probe& ask, const answer<bs::WriteResponse>& got,
                      std::initializer_list<std::int64_t> any_of) {
  auto committed = ask.ok(got).committed_size();
  if (got.messages.size() == 1 && std::find(any_of.begin(), any_of.end(), committed) != any_of.end()) return;
  ask.fail(fmt::format("one message with committed_size {}", fmt::join(any_of, " or ")),
           fmt::format("{} messages, committed_size {}", got.messages.size(), committed));
}

void expect_stored(probe& ask, const blob& what) {
  expect_data(ask, ask.read(ask.read_name(what)), what.data);
}

void expect_missing(probe& ask, const blob& what, std::string_view why) {
  bool missing = ask.is_missing(what);
  ask.check(missing,
            fmt::format("blob {}/{} is missing, for {}", what.digest.hash(), what.digest.size_bytes(), why));
}

void flood(probe& ask, std::uint64_t total, const std::function<void(const blob&)>& now_and_then) {
  constexpr std::size_t size = 1 << 20;
  auto every = std::max<std::uint64_t>(ask.server().fill / size / 16, 1);
  for (std::uint64_t i = 0; i * size < total; ++i) {
    auto one = ask.fresh(size);
    ask.ok(ask.write(ask.write_name(one), one.data));
    if (i % every == 0) now_and_then(one);
  }
}

std::string text(probe& ask, std::size_t size) {
  std::string made;
  made.reserve(size + 64);
  for (auto line = ask.fresh_number(); made.size() < size; ++line)
    made += fmt::format("line {:x} of a text that says little, at length\n", line);
  made.resize(size);
  return made;
}

}  // namespace kiln::conform
