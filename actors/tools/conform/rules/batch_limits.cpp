#include "actors/tools/conform/rules/streams.hpp"

// 2. FindMissingBlobs, BatchUpdateBlobs, BatchReadBlobs: large requests, and a cache that is full.
namespace kiln::conform {
namespace {

constexpr std::size_t taken_by_default = 4 << 20;  // by gRPC's clients and servers, in one message

std::size_t batch_limit(probe& ask) {
  auto limit = ask.server().cache().max_batch_total_size_bytes();
  if (limit <= 0) ask.skip("no limit of batches is announced");
  // gRPC's server side may take messages up to its own limit only.
  if (limit > 64 << 20) ask.skip("batches of more than 64 MiB are announced");
  return static_cast<std::size_t>(limit);
}

std::vector<blob> blobs_of(probe& ask, std::size_t total, std::size_t count) {
  std::vector<blob> made;
  for (std::size_t i = 0; i < count; ++i)
    made.push_back(ask.fresh(total / count + (i < total % count ? 1 : 0)));
  return made;
}

std::vector<v2::Digest> names_of(const std::vector<blob>& blobs) {
  std::vector<v2::Digest> names;
  for (const auto& one : blobs) names.push_back(one.digest);
  return names;
}

void a_hundred_thousand_digests(probe& ask) {
  auto request = ask.request<v2::FindMissingBlobsRequest>();
  auto length = hash_length(ask.server().main_function());
  auto salt = ask.fresh_number();
  const auto first = fmt::format("{:016x}{:0{}x}", salt, 0, length - 16);
  const int count = ask.scaled(100'000, 65'000);  // either is more than 4 MiB
  for (int i = 0; i < count; ++i) {
    auto* one = request.add_blob_digests();
    one->set_hash(first);
    fmt::format_to(one->mutable_hash()->end() - 5, "{:05}", i);
    one->set_size_bytes(10);
  }
  auto got = ask.ask<v2::FindMissingBlobsResponse>(probe::reapi("ContentAddressableStorage/FindMissingBlobs"),
                                                   request);
  ask.expect(got, {errc::ok, errc::invalid_argument, errc::resource_exhausted});
  if (got.ok()) ask.equal("listed as missing", got.message().missing_blob_digests_size(), count);
  ask.is_missing(ask.fresh());
}

void too_large_an_update(probe& ask) {
  auto blobs = blobs_of(ask, batch_limit(ask) + 1, 4);
  auto got = ask.batch_update(blobs);
  // A server whose limit leaves no room for what a message needs around it never sees this one.
  if (batch_limit(ask) + 1024 > taken_by_default && got.status.code() == errc::resource_exhausted) return;
  ask.expect(got, errc::invalid_argument);
}

void too_large_a_read(probe& ask) {
  auto blobs = blobs_of(ask, batch_limit(ask) + 1, 4);
  for (const auto& one : blobs) ask.ok(ask.write(ask.write_name(one), one.data));
  ask.expect(ask.batch_read(names_of(blobs)), errc::invalid_argument);
}

void answers_fit(probe& ask) {
  auto limit = std::min(batch_limit(ask), taken_by_default);
  for (std::size_t count : {4, 1000}) {
    auto blobs = blobs_of(ask, limit, count);
    for (std::size_t at = 0; at < count; at += count / 4)
      ask.store(std::vector<blob>(blobs.begin() + static_cast<std::ptrdiff_t>(at),
                                  blobs.begin() + static_cast<std::ptrdiff_t>(at + count / 4)));
    auto read = ask.ok(ask.batch_read(names_of(blobs)));
    ask.check(read.ByteSizeLong() <= taken_by_default, "an answer of at most 4 MiB");
    for (const auto& one : read.responses())
      ask.check(one.status().code() == 0 &&
                    static_cast<std::int64_t>(one.data().size()) == one.digest().size_bytes(),
                "every blob, whole");
  }
}

void finding_extends_life(probe& ask) {
  auto kept = ask.fresh();
  ask.store(kept);
  flood(ask, 10 * ask.server().fill, [&](const blob&) {
    ask.check(!ask.is_missing(kept), "a blob that is asked for now and then is not evicted");
  });
  ask.check(data_of(ask.read(ask.read_name(kept))) == kept.data, "the blob's bytes");
}

void evicted_is_never_short(probe& ask) {
  std::vector<blob> written;
  flood(ask, 3 * ask.server().fill, [&](const blob& one) {
    written.push_back(one);
    for (const auto& old : written) {
      auto read = ask.read(ask.read_name(old));
      ask.expect(read, {errc::ok, errc::not_found});
      if (read.ok()) ask.check(data_of(read) == old.data, "the whole blob, or NOT_FOUND");
    }
    if (written.size() > 24) written.erase(written.begin());
  });
}

}  // namespace

std::vector<rule> batch_limit_rules() {
  return {
      {26, tag::should, "FindMissingBlobs extends the life of what it finds",
       needs::cache | needs::filling | needs::alone | needs::slow, finding_extends_life},
      {29, tag::choice, "100,000 digests in one request are answered, or refused in good order", needs::cache,
       a_hundred_thousand_digests},
      {32, tag::stated, "an update of more than the announced limit is INVALID_ARGUMENT", needs::cache,
       too_large_an_update},
      {42, tag::stated, "a read of more than the announced limit is INVALID_ARGUMENT", needs::cache,
       too_large_a_read},
      {45, tag::choice, "the answer to a read within the limit fits into 4 MiB", needs::cache, answers_fit},
      {47, tag::choice, "a blob that is evicted meanwhile is NOT_FOUND, never short",
       needs::cache | needs::filling | needs::alone | needs::slow, evicted_is_never_short},
  };
}

}  // namespace kiln::conform
