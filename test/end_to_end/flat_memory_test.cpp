#include <csignal>
#include <future>

#include "core/digest/hasher.hpp"
#include "core/wire/digests.hpp"
#include "test/end_to_end/server_fixture.hpp"
#include "test/harness/http2_client.hpp"
#include "test/harness/zstd_frames.hpp"

namespace kiln::end_to_end {
namespace flat_memory {

constexpr std::uint64_t blob_size = std::uint64_t{1} << 30;
constexpr std::uint64_t allowed_growth = 64 << 20;
// The window of a connection grows with what it has carried (decision 65), the more the longer a busy machine
// lets the sender wait for an echo.
constexpr std::uint64_t allowed_with_a_window = blob_size / 4;
constexpr std::uint64_t allowed_to_a_reader = 32 << 20;

// A gigabyte that takes a megabyte here: each of its megabytes is its number and one shared piece.
byte_chain large_content() {
  constexpr std::size_t megabyte = 1 << 20;
  auto shared = bytes::adopt(made_bytes(7, megabyte - 8));
  byte_chain content;
  for (std::uint64_t i = 0; i < blob_size / megabyte; ++i) {
    content.append(bytes::adopt(fmt::format("{:08}", i)));
    content.append(shared);
  }
  return content;
}

digest name_of_it(const byte_chain& content) {
  hasher seen(digest_function::sha256);
  seen.update(content);
  return seen.finish();
}

std::string config(const std::string& data, const std::string& wire = "") {
  return "stores:\n"
         "  blobs: {type: filesystem, path: " +
         data +
         "/blobs, capacity: 4GiB, hot_memory: 16MiB}\n"
         "transports:\n"
         "  public: {type: grpc, listen: [\"127.0.0.1:0\"]" +
         wire +
         "}\n"
         "serve: {content: blobs}\n";
}

struct compressed_upload {
  digest blob;
  std::string wire;
};

// All at once. What became of each.
std::vector<expected<void>> write_compressed(const remote& client, std::vector<compressed_upload> uploads) {
  std::vector<std::future<expected<void>>> outcomes;
  for (auto& one : uploads) {
    auto outcome = std::make_shared<std::promise<expected<void>>>();
    outcomes.push_back(outcome->get_future());
    client.client().upload(
        one.blob, bytes::adopt(std::move(one.wire)),
        [outcome](const expected<std::int64_t>& committed) {
          outcome->set_value(committed.map([](std::int64_t) {}));
        },
        compressor::zstd);
  }
  std::vector<expected<void>> results;
  for (auto& outcome : outcomes) results.push_back(outcome.get());
  return results;
}

// 64 MiB that take 2 KiB on the wire, and the largest window that is taken; each another blob.
compressed_upload large_window(int number) {
  auto tail = std::to_string(number);
  hasher seen(digest_function::sha256);
  const std::string letters(128 << 10, 'b');
  for (int i = 0; i < 512; ++i) seen.update(letters);
  seen.update(tail);
  return {seen.finish(), test::zstd_bomb(512, 23) + test::frame_with_window(10, test::block_of(tail))};
}

}  // namespace flat_memory

BOOST_FIXTURE_TEST_SUITE(flat_memory, server_fixture)

// Rule 90.
BOOST_AUTO_TEST_CASE(a_gigabyte_passes_through_in_a_quarter_of_it) {
  auto server = start({"serve", write_file("node.yaml", config(path("data")))});
  remote client(dial(address_of(server)));
  // What the first call brings to life is no growth.
  auto small = made_bytes(1, 4096);
  BOOST_REQUIRE(client.write(digest_of(small), bytes::adopt(small)));
  auto before = server.memory("VmRSS");
  BOOST_REQUIRE(before > 0);

  auto content = large_content();
  BOOST_REQUIRE(content.size() == blob_size);
  auto name = name_of_it(content);
  auto written = client.write(name, content);
  BOOST_REQUIRE_MESSAGE(written, why(written));
  auto after_upload = server.memory("VmHWM");
  BOOST_TEST(after_upload - before < allowed_with_a_window);

  server.forget_peak();
  auto before_download = server.memory("VmHWM");
  auto read = client.check_blob(name);
  BOOST_REQUIRE_MESSAGE(read, why(read));
  auto after_download = server.memory("VmHWM");
  BOOST_TEST(after_download - before < allowed_with_a_window);
  BOOST_TEST(after_download - before_download < allowed_to_a_reader);
  BOOST_TEST_MESSAGE("resident before " << (before >> 20) << " MiB, at most " << (after_upload >> 20)
                                        << " MiB while it came, " << (after_download >> 20)
                                        << " MiB until it was read");
  server.signal(SIGTERM);
  require_code(server, 0);
}

// Rule 48.
BOOST_AUTO_TEST_CASE(batches_that_nobody_reads_stay_within_the_bytes_in_flight) {
  constexpr int asked = 400;
  auto limits = ", max_bytes_in_flight: 64MiB, max_bytes_in_flight_per_client: 64MiB";
  auto server = start({"serve", write_file("node.yaml", config(path("data"), limits))});
  auto address = address_of(server);
  remote client(dial(address));
  v2::BatchReadBlobsRequest request;
  std::vector<digest> blobs;
  for (std::uint64_t key = 0; key < 4; ++key) {
    auto content = made_bytes(key, 900'000);
    blobs.push_back(digest_of(content));
    to_wire(blobs.back(), request.add_digests());
    auto kept = client.write(blobs.back(), bytes::adopt(content));
    BOOST_REQUIRE_MESSAGE(kept, why(kept));
  }
  auto before = server.memory("VmRSS");

  std::optional<test::http2_client> slow(address);
  for (int i = 0; i < asked; ++i)
    slow->call(reapi("ContentAddressableStorage/BatchReadBlobs"), request.SerializeAsString());
  // An answer begins with headers, though all of it cannot come; a refusal is nothing else.
  int refused = 0;
  for (int seen = 0; seen < asked;) {
    auto frame = slow->next();
    BOOST_REQUIRE(frame.has_value());
    if (frame->type != test::http2_client::kind::headers) continue;
    ++seen;
    refused += frame->is_last();
  }
  BOOST_TEST(refused > 0);
  BOOST_TEST(asked - refused > 10);
  auto most = server.memory("VmHWM");
  // What is being read for those who are then refused comes on top; all of it would be 1.3 GiB.
  BOOST_TEST(most - before < 8 * allowed_growth);
  BOOST_TEST_MESSAGE(asked - refused << " of " << asked << " answered; resident before " << (before >> 20)
                                     << " MiB, at most " << (most >> 20) << " MiB");

  slow.reset();
  auto read = client.check_blobs(blobs);
  for (auto until = system_clock().now() + patience; !read && system_clock().now() < until;)
    read = client.check_blobs(blobs);
  BOOST_REQUIRE_MESSAGE(read, why(read));
  for (const auto& one : *read) BOOST_TEST(one.ok(), one.to_string());
  server.signal(SIGTERM);
  require_code(server, 0);
}

// Rule 119.
BOOST_AUTO_TEST_CASE(streams_of_zstd_take_less_than_16_mebibytes_each) {
  auto server = start({"serve", write_file("node.yaml", config(path("data")))});
  remote client(dial(address_of(server)));
  for (const auto& kept : write_compressed(client, {large_window(0)})) BOOST_REQUIRE_MESSAGE(kept, why(kept));
  auto before = server.memory("VmRSS");

  server.forget_peak();
  std::vector<compressed_upload> large;
  for (int i = 1; i <= 8; ++i) large.push_back(large_window(i));
  for (const auto& kept : write_compressed(client, large)) BOOST_REQUIRE_MESSAGE(kept, why(kept));
  auto after_large = server.memory("VmHWM");
  BOOST_TEST(after_large < before + large.size() * (16 << 20));
  BOOST_TEST_MESSAGE("resident before " << (before >> 20) << " MiB, at most " << (after_large >> 20)
                                        << " MiB");
  server.signal(SIGTERM);
  require_code(server, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
