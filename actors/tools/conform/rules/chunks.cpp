#include <algorithm>
#include <numeric>
#include <set>

#include "actors/tools/conform/rules/streams.hpp"

// 4. SplitBlob, SpliceBlob.
namespace kiln::conform {
namespace {

constexpr std::size_t large = 3 << 20;

answer<v2::SplitBlobResponse> split(probe& ask, const blob& one,
                                    v2::ChunkingFunction::Value by = v2::ChunkingFunction::UNKNOWN) {
  auto request = ask.request<v2::SplitBlobRequest>();
  request.set_digest_function(one.function);
  *request.mutable_blob_digest() = one.digest;
  request.set_chunking_function(by);
  return ask.ask<v2::SplitBlobResponse>(probe::reapi("ContentAddressableStorage/SplitBlob"), request);
}

v2::SpliceBlobRequest splice_request(probe& ask, const blob& whole, const std::vector<blob>& chunks) {
  auto request = ask.request<v2::SpliceBlobRequest>();
  request.set_digest_function(whole.function);
  *request.mutable_blob_digest() = whole.digest;
  for (const auto& one : chunks) *request.add_chunk_digests() = one.digest;
  return request;
}

answer<v2::SpliceBlobResponse> splice(probe& ask, const v2::SpliceBlobRequest& request) {
  return ask.ask<v2::SpliceBlobResponse>(probe::reapi("ContentAddressableStorage/SpliceBlob"), request);
}

// A blob in so many pieces, each of them in the cache, the whole not.
struct in_pieces {
  blob whole;
  std::vector<blob> chunks;
};
in_pieces pieces(probe& ask, std::size_t count, std::size_t size) {
  in_pieces made;
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    made.chunks.push_back(ask.fresh(size));
    ask.store(made.chunks.back());
    all += made.chunks.back().data;
  }
  made.whole = blob_of(std::move(all), ask.server().main_function());
  return made;
}

std::string read_chunk(probe& ask, const v2::Digest& chunk, digest_kind function) {
  auto read = ask.read(ask.read_name(blob{{}, chunk, function}));
  ask.ok(read);
  return data_of(read);
}

// Splits and puts together again: bytes, digests and presence of every chunk.
v2::SplitBlobResponse checked_split(probe& ask, const blob& one,
                                    v2::ChunkingFunction::Value by = v2::ChunkingFunction::UNKNOWN) {
  auto told = ask.ok(split(ask, one, by));
  std::string all;
  for (const auto& chunk : told.chunk_digests()) {
    auto data = read_chunk(ask, chunk, one.function);
    ask.check(hash_of(data, one.function) == chunk.hash(), "a chunk named by the request's digest function");
    all += data;
  }
  if (all != one.data)
    ask.fail("chunks that make up the blob", fmt::format("{} bytes that do not", all.size()));
  return told;
}

// All but the last chunk, which is as long as what is left.
void expect_sizes(probe& ask, const v2::SplitBlobResponse& told, std::uint64_t least, std::uint64_t most) {
  for (int i = 0; i < told.chunk_digests_size(); ++i) {
    auto size = static_cast<std::uint64_t>(told.chunk_digests(i).size_bytes());
    bool last = i + 1 == told.chunk_digests_size();
    ask.check(size <= most && (last || size >= least), fmt::format("chunks of {} to {} bytes", least, most));
  }
}

void announced_iff_there(probe& ask) {
  auto one = ask.fresh();
  ask.store(one);
  auto splitting = split(ask, one);
  ask.check((splitting.status.code() != errc::unimplemented) == ask.server().cache().split_blob_support(),
            "SplitBlob is there as announced");
  auto splicing = splice(ask, splice_request(ask, one, {one}));
  ask.check((splicing.status.code() != errc::unimplemented) == ask.server().cache().splice_blob_support(),
            "SpliceBlob is there as announced");
}

void every_function_names_chunks(probe& ask) {
  for (auto function : ask.server().functions()) {
    if (function == v2::DigestFunction::SHA256TREE) continue;  // we compute it for small blobs only
    auto one = ask.fresh(ask.scaled<std::size_t>(large, 2 << 20), function);
    ask.store(one);
    checked_split(ask, one);
  }
}

void splitting_extends_life(probe& ask) {
  auto kept = ask.fresh(std::min<std::size_t>(large, ask.server().fill / 8));
  ask.store(kept);
  flood(ask, 10 * ask.server().fill, [&](const blob&) { ask.ok(split(ask, kept)); });
  checked_split(ask, kept);
}

void wrong_splice_stores_nothing(probe& ask) {
  auto made = pieces(ask, 3, 1000);
  auto other = ask.fresh(3000);
  ask.expect(splice(ask, splice_request(ask, other, made.chunks)), errc::invalid_argument);
  ask.check(ask.is_missing(other), "the blob that was claimed is missing");
  std::swap(made.chunks[0], made.chunks[1]);
  ask.expect(splice(ask, splice_request(ask, made.whole, made.chunks)), errc::invalid_argument);
  ask.check(ask.is_missing(made.whole), "the blob is missing");
}

void unadvertised_function_falls_back(probe& ask) {
  const auto& cache = ask.server().cache();
  auto wanted = !cache.has_rep_max_cdc_params()     ? v2::ChunkingFunction::REP_MAX_CDC
                : !cache.has_fast_cdc_2020_params() ? v2::ChunkingFunction::FAST_CDC_2020
                                                    : v2::ChunkingFunction::UNKNOWN;
  if (wanted == v2::ChunkingFunction::UNKNOWN) ask.skip("all chunking functions are announced");
  auto one = ask.fresh(large);
  ask.store(one);
  auto told = checked_split(ask, one, wanted);
  ask.check(told.chunking_function() != wanted, "another function, named in the response");
}

void fast_cdc_chunks(probe& ask) {
  if (!ask.server().cache().has_fast_cdc_2020_params()) ask.skip("FastCDC 2020 is not announced");
  auto average = ask.server().cache().fast_cdc_2020_params().avg_chunk_size_bytes();
  ask.check(average >= 1 << 10 && average <= 1 << 20, "an average of 1 KiB to 1 MiB");
  auto one = ask.fresh(std::max<std::size_t>(large, 8 * average));
  ask.store(one);
  auto told = checked_split(ask, one, v2::ChunkingFunction::FAST_CDC_2020);
  ask.check(told.chunking_function() == v2::ChunkingFunction::FAST_CDC_2020, "FAST_CDC_2020 in the response");
  expect_sizes(ask, told, average / 4, average * 4);
  // What makes it content-defined: an edit in front leaves the chunks behind it as they were.
  auto edited = blob_of("edit" + one.data, one.function);
  ask.store(edited);
  std::set<std::string> before;
  for (const auto& chunk : told.chunk_digests()) before.insert(chunk.hash());
  auto after = checked_split(ask, edited, v2::ChunkingFunction::FAST_CDC_2020);
  auto shared = std::count_if(after.chunk_digests().begin(), after.chunk_digests().end(),
                              [&](const v2::Digest& chunk) { return before.count(chunk.hash()) > 0; });
  ask.check(2 * shared >= after.chunk_digests_size(), "most chunks are the same after an edit in front");
}

void rep_max_cdc_chunks(probe& ask) {
  if (!ask.server().cache().has_rep_max_cdc_params()) ask.skip("RepMaxCDC is not announced");
  auto least = ask.server().cache().rep_max_cdc_params().min_chunk_size_bytes();
  ask.check(least >= 64, "a minimum of at least 64 bytes");
  auto one = ask.fresh(std::max<std::size_t>(large, 16 * least));
  ask.store(one);
  auto told = checked_split(ask, one, v2::ChunkingFunction::REP_MAX_CDC);
  ask.check(told.chunking_function() == v2::ChunkingFunction::REP_MAX_CDC, "REP_MAX_CDC in the response");
  expect_sizes(ask, told, least, 2 * least - 1);
}

void absurd_splice_is_refused(probe& ask) {
  auto made = pieces(ask, 2, 1000);
  made.chunks.push_back(ask.fresh(1000));  // would be NOT_FOUND if anybody looked
  ask.expect(splice(ask, splice_request(ask, made.whole, made.chunks)), errc::invalid_argument);
  auto request = splice_request(ask, ask.fresh(40'000), {});
  auto chunk = ask.fresh(1);
  for (int i = 0; i < 40'000; ++i) *request.add_chunk_digests() = chunk.digest;
  request.mutable_blob_digest()->set_size_bytes(50'000);
  ask.expect(splice(ask, request), {errc::invalid_argument, errc::resource_exhausted});
}

}  // namespace

std::vector<rule> chunk_rules() {
  constexpr auto split_needs = needs::cache | needs::split;
  constexpr auto splice_needs = needs::cache | needs::splice;
  return {
      {62, tag::must, "SplitBlob and SpliceBlob are announced if they are there, UNIMPLEMENTED otherwise",
       needs::cache, announced_iff_there},
      {63, tag::stated, "a blob that is absent is not split, but NOT_FOUND", split_needs,
       [](probe& ask) { ask.expect(split(ask, ask.fresh(large)), errc::not_found); }},
      {64, tag::stated, "the chunks make up the blob, and are all there", split_needs,
       [](probe& ask) {
         for (std::size_t size : {std::size_t{1}, std::size_t{1000}, large}) {
           auto one = ask.fresh(size);
           ask.store(one);
           checked_split(ask, one);
         }
       }},
      {65, tag::must, "chunks are named by the request's digest function", split_needs,
       every_function_names_chunks},
      {67, tag::stated, "SplitBlob extends the life of the blob and of its chunks",
       split_needs | needs::filling | needs::alone | needs::slow, splitting_extends_life},
      {68, tag::stated, "a splice with a chunk that is absent is NOT_FOUND", splice_needs,
       [](probe& ask) {
         auto made = pieces(ask, 2, 1000);
         auto absent = ask.fresh(1000);
         made.chunks.push_back(absent);
         auto whole = blob_of(made.whole.data + absent.data, made.whole.function);
         ask.expect(splice(ask, splice_request(ask, whole, made.chunks)), errc::not_found);
         ask.check(ask.is_missing(whole), "the blob is missing");
       }},
      {69, tag::must, "a splice whose bytes are another blob is INVALID_ARGUMENT and stores nothing",
       splice_needs, wrong_splice_stores_nothing},
      {71, tag::stated, "a splice of a blob that is there is OK or ALREADY_EXISTS", splice_needs,
       [](probe& ask) {
         auto made = pieces(ask, 3, 1000);
         auto done = ask.ok(splice(ask, splice_request(ask, made.whole, made.chunks)));
         ask.check(done.blob_digest().hash() == made.whole.digest.hash(), "the blob's digest");
         ask.check(data_of(ask.read(ask.read_name(made.whole))) == made.whole.data, "the blob's bytes");
         ask.expect(splice(ask, splice_request(ask, made.whole, made.chunks)),
                    {errc::ok, errc::already_exists});
       }},
      {72, tag::must, "a splice without the blob's digest is INVALID_ARGUMENT", splice_needs,
       [](probe& ask) {
         auto request = splice_request(ask, ask.fresh(), pieces(ask, 2, 1000).chunks);
         request.clear_blob_digest();
         ask.expect(splice(ask, request), errc::invalid_argument);
       }},
      {73, tag::must, "the chunking function may be left out", split_needs | splice_needs,
       [](probe& ask) {
         auto made = pieces(ask, 3, 1000);
         ask.ok(splice(ask, splice_request(ask, made.whole, made.chunks)));
         checked_split(ask, made.whole, v2::ChunkingFunction::UNKNOWN);
       }},
      {74, tag::stated,
       "a chunking function that is not announced is replaced, and the response says by which", split_needs,
       unadvertised_function_falls_back},
      {75, tag::must, "FastCDC 2020 keeps to the announced sizes, and to the content", split_needs,
       fast_cdc_chunks},
      {76, tag::must, "RepMaxCDC keeps to the announced sizes", split_needs, rep_max_cdc_chunks},
      {77, tag::choice,
       "chunks that do not add up to the blob's size are INVALID_ARGUMENT before any is looked for",
       splice_needs, absurd_splice_is_refused},
  };
}

}  // namespace kiln::conform
