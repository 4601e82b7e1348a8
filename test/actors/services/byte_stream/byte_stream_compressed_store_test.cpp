#include "core/compress/zstd.hpp"
#include "test/actors/services/byte_stream/stream_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace compressed_stores {

std::string lines(std::size_t size) {
  auto random = make_seeded_random(size);
  std::string text;
  while (text.size() < size) text += "line " + std::to_string(random->next() % 1'000'000) + '\n';
  text.resize(size);
  return text;
}

// ByteStream in front of a store that compresses.
struct compressed_bench : stream_bench {
  explicit compressed_bench(const char* store =
                                "{type: compression, min_size: 1KiB, inner: {type: memory, capacity: 64MiB},"
                                " index: {type: memory, capacity: 1MiB}}")
      : stream_bench(store) {}

  static std::string zstd_name(const digest& blob) { return "compressed-blobs/zstd/" + blob.to_string(); }
  std::string read_zstd(const digest& blob, std::size_t offset = 0) {
    auto wire = data_of(*read(zstd_name(blob), static_cast<std::int64_t>(offset)));
    auto text = zstd_decode(wire, static_cast<std::size_t>(blob.size) - offset, 23);
    BOOST_TEST_REQUIRE(text.has_value());
    return std::string(text->view());
  }
  /// Downloads that were compressed on the way.
  std::uint64_t encoded() {
    return metrics().counters("kiln_zstd_encoded_downloads_total", "").with().value();
  }
};

}  // namespace compressed_stores

BOOST_FIXTURE_TEST_SUITE(compressed_stores, compressed_bench)

BOOST_AUTO_TEST_CASE(a_compressed_blob_that_is_read_as_zstd_is_not_compressed_again) {
  const auto text = lines((5 << 20) + 3);
  const auto blob = put(text);
  BOOST_TEST((read_zstd(blob) == text));
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == text));
  BOOST_TEST(encoded() == 0U);
  // What lies plain, and a rest that begins somewhere, are.
  const auto other = put(noise(100'000));
  BOOST_TEST((read_zstd(other) == noise(100'000)));
  BOOST_TEST(encoded() == 1U);
  BOOST_TEST((read_zstd(blob, 1'500'000) == text.substr(1'500'000)));
  BOOST_TEST(encoded() == 2U);
}

BOOST_AUTO_TEST_CASE(a_compressed_blob_leaves_as_it_lies_through_wrappers_that_do_not_look) {
  for (const char* store :
       {"{type: cache_metrics, inner: {type: verify, inner: {type: compression, min_size: 1KiB,"
        " inner: {type: memory, capacity: 64MiB}, index: {type: memory, capacity: 1MiB}}}}",
        "{type: chunked, layouts: {type: memory, capacity: 1MiB}, inner: {type: compression, min_size: 1KiB,"
        " inner: {type: memory, capacity: 64MiB}, index: {type: memory, capacity: 1MiB}}}",
        "{type: mirror, stores: [{type: compression, min_size: 1KiB, inner: {type: memory, capacity: 64MiB},"
        " index: {type: memory, capacity: 1MiB}}, {type: memory, capacity: 64MiB}]}"}) {
    compressed_bench on(store);
    const auto text = lines(3 << 20);
    const auto blob = on.put(text);
    BOOST_TEST((on.read_zstd(blob) == text), store);
    BOOST_TEST(on.encoded() == 0U, store);
  }
}

// What came as zstd leaves as it came, though the client stopped within and went on.
BOOST_AUTO_TEST_CASE(what_a_client_uploads_as_zstd_is_what_the_next_one_reads) {
  const auto text = lines(6 << 20);
  const auto blob = digest_of(text);
  const std::string wire(zstd_encode(text, 3, text.size())->view());
  const auto name = "uploads/u/" + zstd_name(blob);
  auto send = [&](const std::string& sent, std::int64_t offset) {
    auto call = begin_write();
    for (std::size_t at = 0; at < sent.size(); at += 300'000) {
      const auto part = sent.substr(at, 300'000);
      say(call, message(name, offset + static_cast<std::int64_t>(at), part, at + part.size() == sent.size()));
    }
    call->close();
    run();
    return call;
  };
  BOOST_TEST(send(wire, 0)->finished_well());
  BOOST_TEST((data_of(*read(zstd_name(blob))) == wire));
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == text));
  BOOST_TEST((read_zstd(blob, 2'000'000) == text.substr(2'000'000)));
  BOOST_TEST((read_zstd(blob) == text));
}

BOOST_AUTO_TEST_CASE(a_compressed_upload_that_was_interrupted_goes_on) {
  const auto text = lines(6 << 20);
  const auto blob = digest_of(text);
  const std::string wire(zstd_encode(text, 3, text.size())->view());
  const auto name = "uploads/u/" + zstd_name(blob);
  auto call = begin_write();
  say(call, message(name, 0, wire.substr(0, wire.size() / 2)));
  call->cancel();
  run();
  const auto at = status_of(name).committed_size();
  BOOST_TEST_REQUIRE(at > (1 << 20));
  const std::string rest(zstd_encode(text.substr(static_cast<std::size_t>(at)), 3, text.size())->view());
  auto next = begin_write();
  say(next, message(name, at, rest, true));
  next->close();
  run();
  BOOST_TEST(next->finished_well());
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == text));
  BOOST_TEST((read_zstd(blob) == text));
}

// It fills another store with what passes, and goes on elsewhere at any byte.
BOOST_AUTO_TEST_CASE(a_fast_store_before_compressed_ones_sees_plain_bytes) {
  compressed_bench on(
      "{type: fast_slow, fast: {type: memory, capacity: 64MiB}, fast_direction: get,"
      " slow: {type: compression, min_size: 1KiB, inner: {type: memory, capacity: 64MiB},"
      " index: {type: memory, capacity: 1MiB}}}");
  const auto text = lines(3 << 20);
  const auto blob = on.put(text);
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST((on.read_zstd(blob) == text));
    BOOST_TEST((data_of(*on.read("blobs/" + blob.to_string())) == text));
  }
  BOOST_TEST(on.encoded() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
