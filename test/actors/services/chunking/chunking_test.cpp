#include "test/actors/services/chunking/chunking_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace chunking {

struct plain_bench : chunking_bench {
  plain_bench() : chunking_bench(trusting) {}
};
struct little_room_bench : chunking_bench {
  little_room_bench() : chunking_bench(composing_in_little_room) {}
};
struct plain_little_room_bench : chunking_bench {
  plain_little_room_bench() : chunking_bench("{type: memory, capacity: 150KB}") {}
};

}  // namespace chunking

BOOST_FIXTURE_TEST_SUITE(chunking, chunking_bench)

// Rules 64, 65 and 75.
BOOST_AUTO_TEST_CASE(a_split_blob_is_its_chunks_under_every_digest_function) {
  for (const auto& info : digest_functions()) {
    auto text = noise(100'000 + static_cast<std::size_t>(info.function));
    auto blob = put(text, info.function);
    auto answer = split(blob, v2::ChunkingFunction::FAST_CDC_2020);
    BOOST_TEST((answer.chunking_function() == v2::ChunkingFunction::FAST_CDC_2020));
    auto chunks = chunks_in(answer, info.function);
    BOOST_TEST(chunks.size() > 10u);
    BOOST_TEST((joined(chunks) == text));
    BOOST_TEST((text_of(blob) == text));
    for (const auto& chunk : chunks) {
      BOOST_TEST(has(chunk));
      BOOST_TEST((digest_of(text_of(chunk), info.function) == chunk));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_split_blob_takes_no_more_room_than_before) {
  auto blob = put(noise(300'000));
  auto before = stored();
  split(blob);
  BOOST_TEST(stored() < before + before / 10);
  BOOST_TEST(has(blob));
}

BOOST_AUTO_TEST_CASE(a_blob_like_an_older_one_costs_what_is_new_in_it) {
  auto text = noise(1'000'000);
  split(put(text));
  auto before = stored();
  text.replace(500'000, 10, "other words");
  auto blob = put(text);
  split(blob);
  BOOST_TEST(stored() < before + 60'000);
  BOOST_TEST((text_of(blob) == text));
}

// Rule 63.
BOOST_AUTO_TEST_CASE(what_is_absent_is_not_split) {
  BOOST_TEST(code_of(split_method, split_of(digest_of(noise(5000)))) == errc::not_found);
  BOOST_TEST(code_of(split_method, split_of(digest_of("small"))) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(small_blobs_are_one_chunk_and_the_empty_one_is_there) {
  auto blob = put("small");
  BOOST_TEST((chunks_in(split(blob), blob.function) == std::vector{blob}));
  auto empty = digest_of("");
  BOOST_TEST((chunks_in(split(empty), empty.function) == std::vector{empty}));
}

// Rule 74.
BOOST_AUTO_TEST_CASE(a_function_that_is_not_offered_is_replaced) {
  auto answer = split(put(noise(50'000)), v2::ChunkingFunction::REP_MAX_CDC);
  BOOST_TEST((answer.chunking_function() == v2::ChunkingFunction::FAST_CDC_2020));
}

BOOST_AUTO_TEST_CASE(whoever_asks_for_the_same_blob_waits_for_the_same_split) {
  auto blob = put(noise(200'000));
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(start(split_method, serialise(split_of(blob))));
  run();
  for (const auto& call : calls)
    BOOST_TEST(only_answer<v2::SplitBlobResponse>(*call).chunk_digests_size() ==
               split(blob).chunk_digests_size());
}

// A layout of which a chunk is gone is made again as soon as the blob is back.
BOOST_AUTO_TEST_CASE(a_blob_is_split_again_when_its_layout_is_of_no_use) {
  auto text = noise(100'000);
  auto blob = put(text);
  auto chunks = chunks_in(split(blob), blob.function);
  ask<forgotten>(blobs, forget_blob{chunks[3]});
  BOOST_TEST(code_of(split_method, split_of(blob)) == errc::not_found);
  put(text);
  BOOST_TEST((chunks_in(split(blob), blob.function) == chunks));
  BOOST_TEST(has(chunks[3]));
}

BOOST_AUTO_TEST_CASE(a_spliced_blob_is_there_and_costs_nothing_more) {
  std::vector<std::string> texts = {noise(3000), noise(50'000), noise(3000), noise(7)};
  auto chunks = put_all(texts);
  auto text = texts[0] + texts[1] + texts[2] + texts[3];
  auto before = stored();
  auto answer = answer_of<v2::SpliceBlobResponse>(splice_method, splice_of(digest_of(text), chunks));
  BOOST_TEST(answer.blob_digest().hash() == digest_of(text).hex());
  BOOST_TEST(stored() == before);
  BOOST_TEST((text_of(digest_of(text)) == text));
  // Rule 73: how it was cut is not known, and that is what a split says.
  auto told = split(digest_of(text), v2::ChunkingFunction::FAST_CDC_2020);
  BOOST_TEST((told.chunking_function() == v2::ChunkingFunction::UNKNOWN));
  BOOST_TEST((chunks_in(told, digest_function::sha256) == chunks));
}

BOOST_AUTO_TEST_CASE(a_small_blob_is_spliced_too) {
  auto chunks = put_all({"some ", "words"});
  BOOST_TEST(splice(digest_of("some words"), chunks) == errc::ok);
  BOOST_TEST(text_of(digest_of("some words")) == "some words");
  BOOST_TEST(splice(digest_of(""), {}) == errc::ok);
}

// Rule 68.
BOOST_AUTO_TEST_CASE(a_splice_with_a_chunk_missing_is_not_found) {
  auto chunks = put_all({noise(3000), noise(4000)});
  chunks.push_back(digest_of(noise(5000)));
  auto whole = digest_of(noise(3000) + noise(4000) + noise(5000));
  BOOST_TEST(splice(whole, chunks) == errc::not_found);
  BOOST_TEST(!has(whole));
}

// Rule 69.
BOOST_AUTO_TEST_CASE(a_splice_of_other_bytes_is_refused_and_stores_nothing) {
  auto chunks = put_all({noise(3000), noise(4000)});
  auto claimed = digest_of(noise(7000));
  BOOST_TEST(splice(claimed, chunks) == errc::invalid_argument);
  BOOST_TEST(!has(claimed));
}

// Rule 71.
BOOST_AUTO_TEST_CASE(a_splice_of_what_is_there_changes_nothing) {
  auto chunks = put_all({noise(3000), noise(4000)});
  auto blob = put(noise(3000) + noise(4000));
  BOOST_TEST(splice(blob, chunks) == errc::ok);
  ask<forgotten>(blobs, forget_blob{chunks[0]});
  BOOST_TEST(splice(blob, chunks) == errc::already_exists);
  BOOST_TEST(has(blob));
}

// Rules 72 and 77, and the limit on chunks: all of it before anything is looked for.
BOOST_AUTO_TEST_CASE(a_splice_that_cannot_be_right_is_refused_at_once) {
  auto chunks = put_all({noise(3000), noise(4000)});
  auto blob = digest_of(noise(3000) + noise(4000));
  auto nameless = splice_of(blob, chunks);
  nameless.clear_blob_digest();
  BOOST_TEST(code_of(splice_method, nameless) == errc::invalid_argument);
  auto absent = digest_of(noise(10));
  BOOST_TEST(splice(blob, {chunks[0], absent}) == errc::invalid_argument);
  BOOST_TEST(splice(blob, {chunks[0], chunks[1], absent}) == errc::invalid_argument);
  auto one = digest_of("1");
  auto long_one = digest_of(std::string(201, '1'));
  BOOST_TEST(splice(long_one, std::vector<digest>(201, one)) == errc::invalid_argument);
  auto huge = one;
  huge.size = std::numeric_limits<std::int64_t>::max();
  BOOST_TEST(splice(huge, {huge, huge}) == errc::invalid_argument);
  auto request = splice_of(blob, chunks);
  request.mutable_chunk_digests(0)->set_hash("abc");
  BOOST_TEST(code_of(splice_method, request) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_spliced_blob_may_be_a_chunk_itself) {
  auto inner = noise(3000) + noise(4000);
  BOOST_TEST(splice(digest_of(inner), put_all({noise(3000), noise(4000)})) == errc::ok);
  auto outer = inner + noise(2000);
  BOOST_TEST(splice(digest_of(outer), {digest_of(inner), put(noise(2000))}) == errc::ok);
  BOOST_TEST((text_of(digest_of(outer)) == outer));
}

// Rule 66.
BOOST_FIXTURE_TEST_CASE(chunks_without_room_are_resource_exhausted, little_room_bench) {
  auto blob = put(noise(100'000));
  auto kept = lease({blob, put(noise(40'000))});
  BOOST_TEST(code_of(split_method, split_of(blob)) == errc::resource_exhausted);
  BOOST_TEST(has(blob));
}

// Rule 70.
BOOST_FIXTURE_TEST_CASE(a_splice_without_room_is_resource_exhausted, plain_little_room_bench) {
  auto chunks = put_all({noise(40'000), noise(41'000)});
  auto kept = lease(chunks);
  auto whole = digest_of(noise(40'000) + noise(41'000));
  BOOST_TEST(splice(whole, chunks) == errc::resource_exhausted);
  BOOST_TEST(!has(whole));
  for (const auto& chunk : chunks) BOOST_TEST(has(chunk));
}

BOOST_FIXTURE_TEST_CASE(over_a_plain_store_a_spliced_blob_is_whole, plain_bench) {
  auto chunks = put_all({noise(3000), noise(4000)});
  auto text = noise(3000) + noise(4000);
  BOOST_TEST(splice(digest_of(text), chunks) == errc::ok);
  ask<forgotten>(blobs, forget_blob{chunks[0]});
  BOOST_TEST((text_of(digest_of(text)) == text));
  BOOST_TEST((joined(chunks_in(split(digest_of(text)), digest_function::sha256)) == text));
  BOOST_TEST(splice(digest_of(noise(4001)), {chunks[1], put("1")}) == errc::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
