#pragma once

#include "actors/services/chunking/chunking.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "test/actors/services/common/noise.hpp"
#include "test/actors/services/common/service_bench.hpp"
#include "test/actors/worker/counting_store.hpp"

namespace kiln::test {

namespace v2 = build::bazel::remote::execution::v2;

inline const std::string split_method =
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/SplitBlob";
inline const std::string splice_method =
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/SpliceBlob";

inline constexpr const char* composing =
    "{type: chunked, min_size: 1KiB, inner: {type: memory, capacity: 64MiB},"
    " layouts: {type: memory, capacity: 1MiB}}";
inline constexpr const char* composing_in_little_room =
    "{type: chunked, min_size: 1KiB, inner: {type: memory, capacity: 150KB},"
    " layouts: {type: memory, capacity: 1MiB}}";

struct chunking_bench : service_bench {
  explicit chunking_bench(const char* store = composing) : service_bench(store) {
    auto counted = spawn_counting_store(actors(), blobs);
    reads = counted.counts;
    serve(own(counted.actor));
  }
  void serve(const store_actor& from) {
    chunking_options options;
    options.average_chunk_size.bytes = 4 << 10;
    options.max_chunks = 200;
    options.max_running = 2;
    cache_limits limits;
    limits.max_blob_size = byte_size{100 << 20};
    limits.digest_functions.push_back(digest_function::sha1);
    add_routes(routes, own(spawn_chunking(actors(), env(), options, limits, from)));
  }
  std::shared_ptr<read_counts> reads;  // of the service

  static v2::SplitBlobRequest split_of(const digest& blob,
                                       v2::ChunkingFunction::Value by = v2::ChunkingFunction::UNKNOWN) {
    v2::SplitBlobRequest request;
    to_wire(blob, request.mutable_blob_digest());
    request.set_digest_function(static_cast<v2::DigestFunction::Value>(blob.function));
    request.set_chunking_function(by);
    return request;
  }
  static v2::SpliceBlobRequest splice_of(const digest& blob, const std::vector<digest>& chunks) {
    v2::SpliceBlobRequest request;
    to_wire(blob, request.mutable_blob_digest());
    request.set_digest_function(static_cast<v2::DigestFunction::Value>(blob.function));
    for (const auto& chunk : chunks) to_wire(chunk, request.add_chunk_digests());
    return request;
  }
  v2::SplitBlobResponse split(const digest& blob,
                              v2::ChunkingFunction::Value by = v2::ChunkingFunction::UNKNOWN) {
    return answer_of<v2::SplitBlobResponse>(split_method, split_of(blob, by));
  }
  errc splice(const digest& blob, const std::vector<digest>& chunks) {
    return code_of(splice_method, splice_of(blob, chunks));
  }
  /// Five requests of one client, then one of another, the sixth: as they were answered.
  template <class Request>
  std::vector<std::size_t> in_order_of_end(const std::string& method, Request request) {
    auto order = std::make_shared<std::vector<std::size_t>>();
    std::vector<std::shared_ptr<direct_call>> calls;
    std::vector<byte_chain> words;
    for (std::size_t i = 0; i < 6; ++i) words.push_back(request(i));
    for (std::size_t i = 0; i < 6; ++i) {
      calls.push_back(start(method, words[i], i < 5 ? "ipv4:10.0.0.1:40000" : "ipv4:10.0.0.2:40000"));
      calls.back()->watch([order, i] { order->push_back(i); });
    }
    run();
    for (const auto& call : calls) BOOST_TEST(call->finished_well());
    return *order;
  }
  static std::vector<digest> chunks_in(const v2::SplitBlobResponse& answer, digest_function function) {
    std::vector<digest> chunks;
    for (const auto& name : answer.chunk_digests()) chunks.push_back(from_wire(name, function).value());
    return chunks;
  }
  std::string text_of(const digest& blob) {
    auto content = ask<blob_content>(blobs, read_blob{blob});
    BOOST_TEST_REQUIRE(content.has_value());
    std::optional<expected<bytes>> rest = expected<bytes>(bytes());
    if (content->rest) {
      rest.reset();
      collect(content->rest, 64 << 20, [&](expected<bytes> all) { rest = std::move(all); });
      run();
    }
    BOOST_TEST_REQUIRE(rest.has_value());
    BOOST_TEST_REQUIRE(rest->has_value());
    return std::string(content->head.flatten().view()) + std::string((*rest)->view());
  }
  std::string joined(const std::vector<digest>& chunks) {
    std::string all;
    for (const auto& chunk : chunks) all += text_of(chunk);
    return all;
  }
  std::uint64_t stored() { return ask<store_stats>(blobs, measure_store{}).value().bytes; }
  std::vector<digest> put_all(const std::vector<std::string>& texts) {
    std::vector<digest> names;
    for (const auto& text : texts) names.push_back(put(text));
    return names;
  }
};

}  // namespace kiln::test
