#include <numeric>

#include "actors/tools/conform/probe.hpp"

// 2. FindMissingBlobs, BatchUpdateBlobs, BatchReadBlobs: what they answer. How much they take is in
// batch_limits.cpp.
namespace kiln::conform {
namespace {

const std::string update_method = probe::reapi("ContentAddressableStorage/BatchUpdateBlobs");
const std::string read_method = probe::reapi("ContentAddressableStorage/BatchReadBlobs");

v2::BatchUpdateBlobsRequest::Request& add(v2::BatchUpdateBlobsRequest& to, const blob& one) {
  auto* added = to.add_requests();
  *added->mutable_digest() = one.digest;
  added->set_data(one.data);
  return *added;
}

answer<v2::BatchUpdateBlobsResponse> update(probe& ask, const v2::BatchUpdateBlobsRequest& request) {
  return ask.ask<v2::BatchUpdateBlobsResponse>(update_method, request);
}

errc code_for(const v2::BatchUpdateBlobsResponse& from, const blob& one) {
  for (const auto& response : from.responses())
    if (response.digest().hash() == one.digest.hash()) return code_of(response.status());
  return errc::unknown;
}

// One blob in a batch beside a good one: it gets this code, and the good one is kept.
void expect_entry(probe& ask, const blob& one, const std::string& data, compressor_kind form, errc code) {
  auto request = ask.request<v2::BatchUpdateBlobsRequest>();
  auto good = ask.fresh();
  auto& added = add(request, one);
  added.set_data(data);
  added.set_compressor(form);
  add(request, good);
  auto done = ask.ok(update(ask, request));
  ask.equal("the blob's code", name_of(code_for(done, one)), name_of(code));
  ask.check(code_for(done, good) == errc::ok, "the blob beside it is kept");
  ask.equal("listed as missing", ask.is_missing(one), code != errc::ok);
}

void exactly_what_is_absent(probe& ask) {
  std::vector<v2::Digest> asked;
  std::vector<blob> stored;
  std::vector<std::string> absent;
  for (int i = 0; i < 20; ++i) {
    auto one = ask.fresh();
    asked.push_back(one.digest);
    i % 3 == 0 ? absent.push_back(one.digest.hash()) : stored.push_back(one);
  }
  ask.store(stored);
  auto missing = ask.ok(ask.find_missing(asked));
  std::vector<std::string> listed;
  for (const auto& one : missing.missing_blob_digests()) listed.push_back(one.hash());
  std::sort(listed.begin(), listed.end());
  std::sort(absent.begin(), absent.end());
  ask.check(listed == absent, fmt::format("exactly the {} absent ones of {}", absent.size(), asked.size()));
}

void duplicates_are_no_error(probe& ask) {
  auto absent = ask.fresh(), stored = ask.fresh();
  ask.store(stored);
  auto missing =
      ask.ok(ask.find_missing({absent.digest, stored.digest, absent.digest, stored.digest, absent.digest}));
  for (const auto& one : missing.missing_blob_digests())
    ask.check(one.hash() == absent.digest.hash(), "only the absent one is listed");
  auto times = missing.missing_blob_digests_size();
  ask.check(times == 1 || times == 3, "it is listed once, or as often as it was asked for");
}

void mixed_functions_are_refused(probe& ask) {
  auto one = ask.fresh();
  auto functions = ask.server().functions();
  auto length = hash_length(ask.server().main_function());
  auto other =
      std::find_if(functions.begin(), functions.end(), [&](auto f) { return hash_length(f) != length; });
  auto odd = other != functions.end() ? ask.fresh(100, *other) : one;
  if (other == functions.end()) odd.digest.set_hash(std::string(length == 40 ? 64 : 40, 'a'));
  auto request = ask.request<v2::FindMissingBlobsRequest>();
  *request.add_blob_digests() = one.digest;
  *request.add_blob_digests() = odd.digest;
  const auto method = probe::reapi("ContentAddressableStorage/FindMissingBlobs");
  ask.expect(ask.ask<v2::FindMissingBlobsResponse>(method, request), errc::invalid_argument);
  request.clear_digest_function();
  ask.expect(ask.ask<v2::FindMissingBlobsResponse>(method, request), errc::invalid_argument);
}

void read_your_writes(probe& ask) {
  constexpr int in_a_batch = 50;
  for (int round = 0; round < ask.scaled(200, 10); ++round) {
    std::vector<blob> some;
    std::vector<v2::Digest> names;
    for (int i = 0; i < in_a_batch; ++i) {
      some.push_back(ask.fresh(32));
      names.push_back(some.back().digest);
    }
    ask.store(some);
    if (round % 20 == 0) ask.reconnect();
    auto missing = ask.ok(ask.find_missing(names));
    ask.check(missing.missing_blob_digests_size() == 0, "nothing is missing that was just stored");
  }
}

void present_is_readable(probe& ask) {
  std::vector<v2::Digest> asked;
  std::vector<blob> stored;
  for (int i = 0; i < 40; ++i) {
    auto one = ask.fresh();
    asked.push_back(one.digest);
    if (i % 2 == 0) stored.push_back(std::move(one));
  }
  ask.store(stored);
  auto missing = ask.ok(ask.find_missing(asked));
  for (const auto& one : missing.missing_blob_digests())
    std::erase_if(asked, [&](const v2::Digest& d) { return d.hash() == one.hash(); });
  auto read = ask.ok(ask.batch_read(asked));
  ask.equal("responses", read.responses_size(), static_cast<int>(asked.size()));
  for (const auto& one : read.responses())
    ask.check(
        one.status().code() == 0 && hash_of(one.data(), ask.server().main_function()) == one.digest().hash(),
        "what was not listed as missing is read");
}

void one_failure_beside_others(probe& ask) {
  auto good = ask.fresh(), bad = ask.fresh(), also_good = ask.fresh();
  bad.data[0] = static_cast<char>(bad.data[0] ^ 1);
  auto done = ask.ok(ask.batch_update({good, bad, also_good}));
  ask.check(code_for(done, good) == errc::ok && code_for(done, also_good) == errc::ok,
            "the good ones are kept");
  ask.check(code_for(done, bad) != errc::ok, "the bad one is not");
  ask.check(!ask.is_missing(good) && !ask.is_missing(also_good), "the good ones are there");
}

void one_response_each(probe& ask) {
  std::vector<blob> some;
  for (int i = 0; i < 10; ++i) some.push_back(ask.fresh());
  auto done = ask.ok(ask.batch_update(some));
  ask.equal("responses", done.responses_size(), 10);
  for (const auto& one : some) ask.check(code_for(done, one) == errc::ok, "each digest is echoed, with OK");
}

void same_blob_twice(probe& ask) {
  auto one = ask.fresh();
  auto done = ask.ok(ask.batch_update({one, one}));
  for (const auto& response : done.responses()) ask.check(response.status().code() == 0, "OK for both");
  ask.check(!ask.is_missing(one), "the blob is there");
}

void absent_digest(probe& ask) {
  auto request = ask.request<v2::BatchUpdateBlobsRequest>();
  request.add_requests()->set_data("without a digest");
  auto done = update(ask, request);
  if (!done.ok()) return ask.expect(done, errc::invalid_argument);
  ask.check(done.message().responses_size() == 1 &&
                code_of(done.message().responses(0).status()) == errc::invalid_argument,
            "INVALID_ARGUMENT for the blob");
}

v2::BatchReadBlobsResponse read_with(probe& ask, const blob& one, std::vector<compressor_kind> acceptable) {
  auto request = ask.request<v2::BatchReadBlobsRequest>();
  *request.add_digests() = one.digest;
  for (auto form : acceptable) request.add_acceptable_compressors(form);
  auto read = ask.ok(ask.ask<v2::BatchReadBlobsResponse>(read_method, request));
  ask.check(read.responses_size() == 1 && read.responses(0).status().code() == 0, "the blob is read");
  return read;
}

void acceptable_compressors(probe& ask) {
  auto one = blob_of(std::string(20'000, 'a') + ask.fresh_bytes(16), ask.server().main_function());
  ask.store(one);
  auto plain = read_with(ask, one, {});
  ask.check(
      plain.responses(0).compressor() == v2::Compressor::IDENTITY && plain.responses(0).data() == one.data,
      "the plain bytes");
  auto either = read_with(ask, one, {v2::Compressor::ZSTD});
  const auto& got = either.responses(0);
  if (got.compressor() == v2::Compressor::IDENTITY)
    return ask.check(got.data() == one.data, "the plain bytes");
  ask.check(got.compressor() == v2::Compressor::ZSTD, "IDENTITY or ZSTD");
  ask.check(unzstd(got.data(), one.data.size()) == one.data, "zstd of the blob's bytes");
}

void read_bytes_match(probe& ask) {
  for (std::size_t size : {1, 100, 5000, 200'000}) {
    auto one = ask.fresh(size);
    ask.store(one);
    auto read = read_with(ask, one, {v2::Compressor::ZSTD, v2::Compressor::IDENTITY});
    const auto& got = read.responses(0);
    auto data = got.compressor() == v2::Compressor::ZSTD ? unzstd(got.data(), size) : got.data();
    ask.check(data && hash_of(*data, one.function) == one.digest.hash(), "bytes that hash to the digest");
  }
}

void odd_zstd_is_refused(probe& ask) {
  auto one = blob_of("some text " + ask.fresh_bytes(3000), ask.server().main_function());
  auto frame = zstd_frame(one.data);
  auto corrupt = frame;
  for (std::size_t i = corrupt.size() / 2; i < corrupt.size() / 2 + 8; ++i) corrupt[i] = '\x55';
  expect_entry(ask, one, "no zstd at all", v2::Compressor::ZSTD, errc::invalid_argument);
  expect_entry(ask, one, corrupt, v2::Compressor::ZSTD, errc::invalid_argument);
  expect_entry(ask, one, frame.substr(0, frame.size() - 5), v2::Compressor::ZSTD, errc::invalid_argument);
  expect_entry(ask, one, frame + "garbage", v2::Compressor::ZSTD, errc::invalid_argument);
  expect_entry(ask, one, zstd_frame(one.data + "more"), v2::Compressor::ZSTD, errc::invalid_argument);
  expect_entry(ask, one, frame + zstd_frame("more"), v2::Compressor::ZSTD, errc::invalid_argument);
  expect_entry(ask, one, zstd_frame(one.data.substr(0, 1000)) + zstd_frame(one.data.substr(1000)),
               v2::Compressor::ZSTD, errc::ok);
}

}  // namespace

std::vector<rule> batch_rules() {
  return {
      {22, tag::stated, "FindMissingBlobs lists exactly what is absent", needs::cache,
       exactly_what_is_absent},
      {23, tag::stated, "FindMissingBlobs of nothing is OK and empty", needs::cache,
       [](probe& ask) {
         auto missing = ask.ok(ask.find_missing(std::vector<v2::Digest>()));
         ask.check(missing.missing_blob_digests_size() == 0, "no digests");
       }},
      {24, tag::choice, "a digest may be asked for twice", needs::cache, duplicates_are_no_error},
      {25, tag::must, "digests of two functions in one request are INVALID_ARGUMENT", needs::cache,
       mixed_functions_are_refused},
      {27, tag::de_facto, "what was just stored is not missing, on any connection",
       needs::cache | needs::slow, read_your_writes},
      {28, tag::de_facto, "what is not listed as missing can be read", needs::cache, present_is_readable},
      {30, tag::stated, "one blob that fails does not fail the others of its batch", needs::cache,
       one_failure_beside_others},
      {31, tag::stated, "one response for each blob, its digest echoed", needs::cache, one_response_each},
      {33, tag::stated, "bytes that do not match their digest are INVALID_ARGUMENT and not kept",
       needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         auto other = ask.fresh_bytes(one.data.size());
         expect_entry(ask, one, other, v2::Compressor::IDENTITY, errc::invalid_argument);
       }},
      {35, tag::choice, "fewer or more bytes than the digest's size are INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         expect_entry(ask, one, one.data + "x", v2::Compressor::IDENTITY, errc::invalid_argument);
         expect_entry(ask, one, one.data.substr(1), v2::Compressor::IDENTITY, errc::invalid_argument);
       }},
      {36, tag::stated, "a compressor that is not announced for batches is INVALID_ARGUMENT for that blob",
       needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         for (auto form : {v2::Compressor::BROTLI, v2::Compressor::DEFLATE, v2::Compressor::ZSTD})
           if (!ask.server().announces_batch(form))
             expect_entry(ask, one, one.data, form, errc::invalid_argument);
       }},
      {37, tag::choice,
       "zstd that is corrupt, too long or too short is INVALID_ARGUMENT; two frames are one blob",
       needs::cache | needs::batch_zstd, odd_zstd_is_refused},
      {38, tag::choice, "one blob twice in a batch is OK", needs::cache, same_blob_twice},
      {39, tag::choice, "an update without a digest is INVALID_ARGUMENT", needs::cache, absent_digest},
      {40, tag::stated, "a blob that is there already is OK", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         ask.store(one);
         ask.store(one);
       }},
      {41, tag::stated, "BatchReadBlobs says NOT_FOUND for the one that is absent", needs::cache,
       [](probe& ask) {
         auto stored = ask.fresh(), absent = ask.fresh();
         ask.store(stored);
         auto read = ask.ok(ask.batch_read({absent.digest, stored.digest}));
         ask.equal("responses", read.responses_size(), 2);
         for (const auto& one : read.responses()) {
           bool there = one.digest().hash() == stored.digest.hash();
           ask.equal("the blob's code", name_of(code_of(one.status())),
                     name_of(there ? errc::ok : errc::not_found));
         }
       }},
      {43, tag::must, "blobs are read in a form that the client accepts; plain if it names none",
       needs::cache, acceptable_compressors},
      {44, tag::must, "what is read hashes to the digest", needs::cache, read_bytes_match},
      {46, tag::choice, "a digest read twice in a batch is answered once or twice, rightly", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         ask.store(one);
         auto read = ask.ok(ask.batch_read({one.digest, one.digest}));
         ask.check(read.responses_size() == 1 || read.responses_size() == 2, "one response or two");
         for (const auto& response : read.responses())
           ask.check(response.status().code() == 0 && response.data() == one.data, "the blob's bytes");
       }},
  };
}

}  // namespace kiln::conform
