#include "core/compress/zstd.hpp"
#include "test/actors/services/byte_stream/stream_bench.hpp"
#include "test/harness/zstd_frames.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace compressed_streams {

constexpr unsigned window_log = 23;

std::string prose(std::size_t size) {
  auto random = make_seeded_random(size);
  std::string text;
  while (text.size() < size) text += "line " + std::to_string(random->next() % 1'000'000) + '\n';
  text.resize(size);
  return text;
}

std::string frame(const std::string& text) {
  return std::string(zstd_encode(text, 1, text.size() + 1000).value().view());
}

template <class Bench>
struct zstd_streams : Bench {
  static std::string read_name(const digest& blob) { return "compressed-blobs/zstd/" + blob.to_string(); }
  static std::string upload_name(const digest& blob, const std::string& uuid = "u") {
    return "uploads/" + uuid + "/compressed-blobs/zstd/" + blob.to_string();
  }
  // The rest of a blob from an offset, as it came compressed.
  std::string plain(const digest& blob, std::size_t offset = 0) {
    auto wire = Bench::data_of(*Bench::read(read_name(blob), static_cast<std::int64_t>(offset)));
    auto text = zstd_decode(wire, static_cast<std::size_t>(blob.size) - offset, window_log);
    BOOST_TEST_REQUIRE(text.has_value());
    return std::string(text->view());
  }
  // Sends `wire` in messages, the first at `offset`, and then the end.
  std::shared_ptr<direct_call> send(const digest& blob, const std::string& wire, std::size_t offset = 0,
                                    std::size_t step = 16 << 10) {
    auto call = Bench::begin_write();
    std::size_t at = 0;
    do {
      auto part = wire.substr(at, step);
      bool last = at + part.size() == wire.size();
      Bench::say(call, Bench::message(upload_name(blob), static_cast<std::int64_t>(offset + at), part, last));
      at += part.size();
    } while (at < wire.size());
    call->close();
    Bench::run();
    return call;
  }
  // The same of a client that stops on the way.
  std::shared_ptr<direct_call> send_start(const std::string& content) {
    auto call = Bench::begin_write();
    Bench::say(call, Bench::message(upload_name(digest_of(content)), 0, frame(content).substr(0, 200'000)));
    return call;
  }
  errc code_of_sending(const digest& blob, const std::string& wire) {
    auto call = send(blob, wire);
    BOOST_TEST_REQUIRE(call->status().has_value(), "the call was not finished");
    return call->status()->code();
  }
};

using trusting_bench = zstd_streams<stream_bench>;
using checking_bench = zstd_streams<checking_stream_bench>;

}  // namespace compressed_streams

BOOST_FIXTURE_TEST_SUITE(compressed_streams, trusting_bench)

// Rules 84 and 85.
BOOST_AUTO_TEST_CASE(what_was_written_in_one_form_can_be_read_in_every_other) {
  for (std::size_t size : {1u, 1000u, 100'000u, (9u << 20) + 5}) {
    for (bool compressed : {false, true}) {
      auto content = compressed ? prose(size) : noise(size);
      auto blob = digest_of(content);
      if (compressed)
        (void)committed(*send(blob, frame(content)));
      else
        (void)committed(*write(blob, content));
      BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
      for (std::size_t offset : {std::size_t{0}, size / 3, size - 1, size})
        BOOST_TEST((plain(blob, offset) == content.substr(offset)));
    }
  }
}

BOOST_AUTO_TEST_CASE(text_travels_smaller_and_small_blobs_in_one_message) {
  auto content = prose(1 << 20);
  auto call = read(read_name(put(content)));
  BOOST_TEST(data_of(*call).size() < content.size() / 2);
  BOOST_TEST(read(read_name(put("hello")))->messages().size() == 1u);
}

// Rules 79, 83 and 86.
BOOST_AUTO_TEST_CASE(reads_that_make_no_sense_are_refused) {
  auto blob = put("hello world");
  auto code = [&](const std::string& name, std::int64_t offset, std::int64_t limit = 0) {
    return read(name, offset, limit)->status()->code();
  };
  BOOST_TEST(code(read_name(blob), 0, 5) == errc::invalid_argument);
  BOOST_TEST(code(read_name(blob), -1) == errc::out_of_range);
  BOOST_TEST(code(read_name(blob), 12) == errc::out_of_range);
  BOOST_TEST(code("compressed-blobs/deflate/" + blob.to_string(), 0) == errc::invalid_argument);
  BOOST_TEST(code("compressed-blobs/brotli/" + blob.to_string(), 0) == errc::invalid_argument);
  BOOST_TEST(code(read_name(digest_of("absent")), 0) == errc::not_found);
}

// Rule 101.
BOOST_AUTO_TEST_CASE(a_fresh_upload_is_told_how_many_bytes_it_sent) {
  auto content = prose(300'000);
  auto wire = frame(content);
  BOOST_TEST(static_cast<std::size_t>(committed(*send(digest_of(content), wire))) == wire.size());
  // More on the wire than in the blob is no fault.
  auto tiny = frame("x");
  BOOST_TEST(tiny.size() > 1u);
  BOOST_TEST(static_cast<std::size_t>(committed(*send(digest_of("x"), tiny))) == tiny.size());
}

// Rule 100.
BOOST_AUTO_TEST_CASE(an_upload_of_what_is_there_ends_at_once) {
  auto content = noise(100'000);
  auto blob = put(content);
  auto call = begin_write();
  say(call, message(upload_name(blob), 0, frame(content).substr(0, 10)));
  BOOST_TEST(committed(*call) == -1);
  BOOST_TEST(committed(*send(digest_of(""), frame(""))) == -1);
  BOOST_TEST(zstd_decode(data_of(*read(read_name(digest_of("")))), 0, window_log).has_value());
}

// Rules 37 and 119.
BOOST_AUTO_TEST_CASE(data_that_is_not_the_blob_compressed_leaves_nothing) {
  auto content = prose(20'000);
  auto blob = digest_of(content);
  auto wire = frame(content);
  auto refused = [&](const std::string& data) {
    BOOST_TEST(code_of_sending(blob, data) == errc::invalid_argument);
    BOOST_TEST(!has(blob));
    BOOST_TEST(status_of(upload_name(blob)).committed_size() == 0);
  };
  refused("");
  refused(content);
  refused(wire.substr(0, wire.size() - 1));
  refused(wire + "garbage");
  refused(wire + frame("!"));
  refused(frame(content.substr(1)));
  refused(skippable("note") + wire);
  refused(frame_with_window(27, block_of("hello")));
  refused(frame_declaring(std::uint64_t{2} << 30, block_of("hello")));
  refused(zstd_bomb(1000));
  auto half = content.size() / 2;
  BOOST_TEST(code_of_sending(blob, frame(content.substr(0, half)) + frame(content.substr(half))) == errc::ok);
}

// Rule 102.
BOOST_FIXTURE_TEST_CASE(the_digest_is_that_of_the_plain_bytes, checking_bench) {
  auto wire = frame("hello");
  BOOST_TEST(code_of_sending(digest_of("hellO"), wire) == errc::invalid_argument);
  BOOST_TEST(code_of_sending(digest_of(wire), wire) == errc::invalid_argument);
  BOOST_TEST(!has(digest_of("hellO")));
  BOOST_TEST(code_of_sending(digest_of("hello"), wire) == errc::ok);
}

BOOST_FIXTURE_TEST_CASE(an_upload_that_goes_on_keeps_its_digest_function, checking_bench) {
  auto blob = digest_of("hello world", digest_function::blake3);
  auto call = begin_write();
  // A frame that was not ended: what came is decoded all the same.
  say(call, message(upload_name(blob), 0, frame_with_window(10, block_of("hello ", false))));
  call->cancel();
  run();
  BOOST_TEST_REQUIRE(status_of(upload_name(blob)).committed_size() == 6);
  BOOST_TEST(send(blob, frame("world"), 6)->finished_well());
  BOOST_TEST(has(blob));
  BOOST_TEST(plain(blob) == "hello world");
}

// Rule 104.
BOOST_AUTO_TEST_CASE(later_offsets_count_what_was_sent) {
  auto content = noise(1000);
  auto blob = digest_of(content);
  auto wire = frame(content);
  auto name = upload_name(blob);
  BOOST_TEST(code_of_write({message(name, 0, wire.substr(0, 600)),
                            message(name, 599, wire.substr(600), true)}) == errc::invalid_argument);
  BOOST_TEST(code_of_write({message(name, 5, wire, true)}) == errc::invalid_argument);
  BOOST_TEST(code_of_write({message(name, 1001, wire, true)}) == errc::invalid_argument);
  BOOST_TEST(!has(blob));
  BOOST_TEST(code_of_write({message(name, 0, wire.substr(0, 600)), message(name, 600, ""),
                            message(name, 600, wire.substr(600), true)}) == errc::ok);
}

// Rules 121, 122, 124 and 125.
BOOST_AUTO_TEST_CASE(an_interrupted_upload_goes_on_where_the_blob_stopped) {
  auto content = prose(6 << 20);
  auto blob = digest_of(content);
  auto name = upload_name(blob);
  auto random = make_seeded_random(10);
  std::size_t at = 0;
  for (int cut = 0; cut < 10; ++cut) {
    // Each stream is a frame of its own, cut anywhere.
    auto wire = frame(content.substr(at));
    auto call = begin_write();
    auto first = wire.substr(0, 1 + random->next() % 60'000);
    auto second = wire.substr(first.size(), random->next() % 60'000);
    say(call, message(name, static_cast<std::int64_t>(at), first));
    say(call, message(name, static_cast<std::int64_t>(at + first.size()), second));
    call->cancel();
    run();
    auto status = status_of(name);
    BOOST_TEST(!status.complete());
    BOOST_TEST(static_cast<std::size_t>(status.committed_size()) >= at);
    BOOST_TEST(status.committed_size() < blob.size);
    at = static_cast<std::size_t>(status.committed_size());
    pass(25s);
  }
  BOOST_TEST(at > 1u << 20);
  auto wire = frame(content.substr(at));
  BOOST_TEST(static_cast<std::size_t>(committed(*send(blob, wire, at))) == at + wire.size());
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
  auto done = status_of(name);
  BOOST_TEST(done.complete());
  BOOST_TEST(done.committed_size() == blob.size);
}

BOOST_AUTO_TEST_CASE(an_upload_is_not_gone_on_with_elsewhere_than_it_stands) {
  auto content = noise(300'000);
  auto blob = digest_of(content);
  auto name = upload_name(blob);
  auto call = begin_write();
  say(call, message(name, 0, frame(content).substr(0, 200'000)));
  call->cancel();
  run();
  auto at = status_of(name).committed_size();
  BOOST_TEST_REQUIRE(at > 0);
  for (auto other : {at - 1, at + 1})
    BOOST_TEST(code_of_write({message(name, other, frame("x"))}) == errc::invalid_argument);
  BOOST_TEST(status_of(name).committed_size() == at);
  BOOST_TEST(send(blob, frame(content.substr(static_cast<std::size_t>(at))), static_cast<std::size_t>(at))
                 ->finished_well());
}

BOOST_AUTO_TEST_CASE(a_client_that_comes_back_before_it_was_missed_goes_on_where_it_was_told) {
  auto content = noise(400'000);
  auto blob = digest_of(content);
  auto name = upload_name(blob);
  auto wire = frame(content);
  auto lost = begin_write();
  say(lost, message(name, 0, wire.substr(0, 150'000)));
  auto told = static_cast<std::size_t>(status_of(name).committed_size());
  say(lost, message(name, 150'000, wire.substr(150'000, 150'000)));
  auto call = begin_write();
  say(call, message(name, static_cast<std::int64_t>(told), frame(content.substr(told)), true));
  call->close();
  run();
  BOOST_TEST(call->finished_well());
  BOOST_TEST(lost->status()->code() == errc::aborted);
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
}

BOOST_AUTO_TEST_CASE(an_upload_may_begin_anew) {
  auto content = noise(300'000);
  auto blob = digest_of(content);
  auto call = send_start(content);
  call->cancel();
  run();
  BOOST_TEST(static_cast<std::size_t>(committed(*send(blob, frame(content)))) == frame(content).size());
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
}

BOOST_AUTO_TEST_CASE(an_end_without_finish_write_tells_where_the_blob_stands) {
  auto content = noise(300'000);
  auto blob = digest_of(content);
  auto call = send_start(content);
  call->close();
  run();
  auto at = committed(*call);
  BOOST_TEST(at > 0);
  BOOST_TEST(at == status_of(upload_name(blob)).committed_size());
  BOOST_TEST(!has(blob));
}

BOOST_AUTO_TEST_CASE(an_upload_whose_client_does_not_come_back_is_forgotten) {
  auto content = noise(300'000);
  auto call = send_start(content);
  call->cancel();
  pass(80s);
  BOOST_TEST(status_of(upload_name(digest_of(content))).committed_size() == 0);
  BOOST_TEST(call.use_count() == 1);
}

// Rule 109.
BOOST_FIXTURE_TEST_CASE(uploads_of_one_blob_in_all_forms_at_once_are_all_fine, checking_bench) {
  auto content = prose(30'000);
  auto blob = digest_of(content);
  auto wire = frame(content);
  auto plain_name = stream_bench::upload_name(blob, "p");
  auto plain_call = begin_write();
  auto compressed = begin_write();
  auto broken = begin_write();
  say(plain_call, message(plain_name, 0, content.substr(0, 1000)));
  say(compressed, message(upload_name(blob, "c"), 0, wire.substr(0, 1000)));
  say(broken, message(upload_name(blob, "b"), 0, wire.substr(0, 1000)));
  say(broken, message(upload_name(blob, "b"), 1000, "garbage", true));
  say(compressed, message(upload_name(blob, "c"), 1000, wire.substr(1000), true));
  say(plain_call, message(plain_name, 1000, content.substr(1000), true));
  run_until([&] { return has(blob); });
  for (const auto& call : {plain_call, compressed, broken}) call->close();
  run_until([&] { return plain_call->status() && compressed->status() && broken->status(); });
  BOOST_TEST(plain_call->finished_well());
  BOOST_TEST(compressed->finished_well());
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
}

BOOST_AUTO_TEST_CASE(a_blob_is_read_compressed_while_it_is_uploaded) {
  auto content = noise(600'000);
  auto blob = digest_of(content);
  auto wire = frame(content);
  auto writer = begin_write();
  say(writer, message(upload_name(blob), 0, wire.substr(0, 400'000)));
  bs::ReadRequest request;
  request.set_resource_name(read_name(blob));
  auto reader = start(read_method, serialise(request));
  run();
  say(writer, message(upload_name(blob), 400'000, wire.substr(400'000), true));
  writer->close();
  run();
  BOOST_TEST(writer->finished_well());
  BOOST_TEST((zstd_decode(data_of(*reader), content.size(), window_log).value().view() == content));
}

BOOST_AUTO_TEST_SUITE_END()
