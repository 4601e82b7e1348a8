#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "actors/tools/bench/workload.hpp"
#include "core/wire/digests.hpp"

// FindMissingBlobs as a full cache meets it: no question finds in the processor's caches what the one before
// left.
namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr const char* find_missing_blobs =
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs";
constexpr std::uint64_t blobs = 1'000'000;
constexpr std::uint64_t asked_together = 1000;
constexpr std::uint64_t questions = blobs / asked_together;

using requests = std::vector<v2::FindMissingBlobsRequest>;

std::string text_of(std::uint64_t seed, std::uint64_t number) {
  return fmt::format("blob {} of {}, of which there are many", number, seed);
}

expected<v2::FindMissingBlobsResponse> ask(const client& server, const v2::FindMissingBlobsRequest& request) {
  v2::FindMissingBlobsResponse missing;
  auto asked = wait_for([&](finished done) {
    server.ask(find_missing_blobs, request, [&missing, done](expected<byte_chain> answer) {
      if (!answer) return done(failure(std::move(answer).error()));
      auto parsed = parse<v2::FindMissingBlobsResponse>(*answer);
      if (!parsed) return done(failure(parsed.error()));
      missing = std::move(*parsed);
      done({});
    });
  });
  if (!asked) return failure(asked.error());
  return missing;
}

v2::FindMissingBlobsRequest request_of(const client& server) {
  v2::FindMissingBlobsRequest request;
  request.set_instance_name(server.instance());
  return request;
}

// Uploads what the server lacks, so that a second run with the same seed begins at once.
expected<std::vector<digest>> store_million(const client& server, std::uint64_t seed) {
  std::vector<digest> names;
  while (names.size() < blobs) {
    auto request = request_of(server);
    std::vector<std::string> texts;
    for (std::uint64_t i = 0; i < asked_together; ++i) {
      texts.push_back(text_of(seed, names.size()));
      names.push_back(digest_of(texts.back()));
      to_wire(names.back(), request.add_blob_digests());
    }
    auto missing = ask(server, request);
    if (!missing) return failure(missing.error());
    if (missing->missing_blob_digests().empty()) continue;
    if (auto stored = store(server, texts); !stored) return failure(stored.error());
  }
  return names;
}

// What lies side by side in the server is asked for in different questions.
expected<requests> spread_questions(const client& server, std::uint64_t seed) {
  auto names = store_million(server, seed);
  if (!names) return failure(names.error());
  requests all(questions, request_of(server));
  for (std::uint64_t i = 0; i < blobs; ++i) to_wire((*names)[i], all[i % questions].add_blob_digests());
  return all;
}

workload find_missing_of_a_million(std::uint64_t seed) {
  auto all = std::make_shared<requests>();
  return {"find_missing_million",
          "FindMissingBlobs x1000 of 1 M",
          8,
          0,
          false,
          [seed, all](const client& server) -> expected<void> {
            auto spread = spread_questions(server, seed);
            if (!spread) return failure(spread.error());
            *all = std::move(*spread);
            return {};
          },
          [all](const client& server, std::uint64_t n, finished done) {
            server.ask(find_missing_blobs, (*all)[n % questions], [done](expected<byte_chain> answer) {
              if (!answer) return done(failure(std::move(answer).error()));
              if (!answer->empty()) return done(fail(errc::data_loss, "a stored blob is called missing"));
              done({});
            });
          },
          true};
}

}  // namespace

std::vector<workload> million_workloads(std::uint64_t seed) {
  return {find_missing_of_a_million(seed)};
}

}  // namespace kiln::bench
