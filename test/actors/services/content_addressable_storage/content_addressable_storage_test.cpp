#include "actors/services/content_addressable_storage/content_addressable_storage.hpp"

#include "actors/services/content_addressable_storage/cas_messages.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/base/random.hpp"
#include "core/compress/zstd.hpp"
#include "core/wire/digests.hpp"
#include "test/actors/services/common/service_bench.hpp"
#include "test/harness/zstd_frames.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace content_addressable_storage {

const std::string service = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";

constexpr std::size_t batch_limit = 100'000;

struct cas_bench : service_bench {
  explicit cas_bench(const char* store = trusting) : service_bench(store) {
    cache_limits limits;
    limits.max_batch_total_size.bytes = batch_limit;
    limits.max_blob_size = byte_size{50'000};
    add_routes(routes, std::vector{own(spawn_content_addressable_storage(
                           actors(), env(), limits, make_compression(env(), {}), blobs))});
  }

  v2::FindMissingBlobsRequest asking_for(const std::vector<digest>& blobs) {
    v2::FindMissingBlobsRequest request;
    for (const auto& blob : blobs) to_wire(blob, request.add_blob_digests());
    return request;
  }
  v2::FindMissingBlobsResponse find_missing_of(const v2::FindMissingBlobsRequest& request) {
    return answer_of<v2::FindMissingBlobsResponse>(service + "FindMissingBlobs", request);
  }
  v2::BatchUpdateBlobsResponse update(const v2::BatchUpdateBlobsRequest& request) {
    return answer_of<v2::BatchUpdateBlobsResponse>(service + "BatchUpdateBlobs", request);
  }
  v2::BatchReadBlobsResponse read(const std::vector<digest>& blobs) {
    v2::BatchReadBlobsRequest request;
    for (const auto& blob : blobs) to_wire(blob, request.add_digests());
    return answer_of<v2::BatchReadBlobsResponse>(service + "BatchReadBlobs", request);
  }
  v2::BatchReadBlobsResponse read_taking(const std::vector<v2::Compressor::Value>& forms,
                                         const std::vector<digest>& blobs) {
    v2::BatchReadBlobsRequest request;
    for (const auto& blob : blobs) to_wire(blob, request.add_digests());
    for (auto form : forms) request.add_acceptable_compressors(form);
    return answer_of<v2::BatchReadBlobsResponse>(service + "BatchReadBlobs", request);
  }
  static void add_packed(v2::BatchUpdateBlobsRequest& request, const digest& blob, std::string data,
                         v2::Compressor::Value form = v2::Compressor::ZSTD) {
    add(request, blob, std::move(data));
    request.mutable_requests(request.requests_size() - 1)->set_compressor(form);
  }
  static void add(v2::BatchUpdateBlobsRequest& request, const digest& blob, std::string data) {
    auto* entry = request.add_requests();
    to_wire(blob, entry->mutable_digest());
    entry->set_data(std::move(data));
  }
};

struct little_room_bench : cas_bench {
  little_room_bench() : cas_bench("{type: memory, capacity: 100KB}") {}
};

struct checking_bench : cas_bench {
  checking_bench() : cas_bench(checking) {}
};

std::string frame(const std::string& text) {
  return std::string(zstd_encode(text, 1, text.size() + 1000).value().view());
}

errc code(const google::rpc::Status& status) {
  return static_cast<errc>(status.code());
}

}  // namespace content_addressable_storage

BOOST_FIXTURE_TEST_SUITE(content_addressable_storage, cas_bench)

BOOST_AUTO_TEST_CASE(exactly_the_absent_blobs_are_missing) {
  auto present = put("present");
  auto absent = digest_of("absent");
  auto wrong_size = present;
  wrong_size.size += 1;
  auto answer = find_missing_of(asking_for({present, absent, digest_of(""), wrong_size}));
  BOOST_TEST_REQUIRE(answer.missing_blob_digests_size() == 2);
  BOOST_TEST(answer.missing_blob_digests(0).hash() == absent.hex());
  BOOST_TEST(answer.missing_blob_digests(0).size_bytes() == 6);
  BOOST_TEST(answer.missing_blob_digests(1).size_bytes() == 8);
  BOOST_TEST(find_missing_of({}).missing_blob_digests_size() == 0);
}

BOOST_AUTO_TEST_CASE(equal_hex_under_two_functions_is_two_blobs) {
  auto blob = put("text", digest_function::blake3);
  auto request = asking_for({blob});
  BOOST_TEST(find_missing_of(request).missing_blob_digests_size() == 1);
  request.set_digest_function(v2::DigestFunction::BLAKE3);
  BOOST_TEST(find_missing_of(request).missing_blob_digests_size() == 0);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_digests_are_answered) {
  std::vector<digest> blobs;
  for (int i = 0; i < 100'000; ++i) blobs.push_back(digest_of(std::to_string(i)));
  BOOST_TEST(find_missing_of(asking_for(blobs)).missing_blob_digests_size() == 100'000);
}

BOOST_AUTO_TEST_CASE(malformed_digests_are_refused) {
  auto good = digest_of("good");
  auto code_for = [&](const std::string& hash, std::int64_t size, int function = 0) {
    auto request = asking_for({good});
    auto* wire = request.add_blob_digests();
    wire->set_hash(hash);
    wire->set_size_bytes(size);
    request.set_digest_function(static_cast<v2::DigestFunction::Value>(function));
    return code_of(service + "FindMissingBlobs", request);
  };
  auto upper = good.hex();
  upper[0] = 'F';
  BOOST_TEST(code_for(good.hex(), 4) == errc::ok);
  for (const auto& hash : std::vector<std::string>{upper, "", "../../etc/passwd", good.hex().substr(1),
                                                   good.hex().substr(0, 40)})
    BOOST_TEST(code_for(hash, 4) == errc::invalid_argument, hash);
  BOOST_TEST(code_for(good.hex(), -1) == errc::invalid_argument);
  BOOST_TEST(code_for(good.hex(), 4, 3) == errc::invalid_argument);
  BOOST_TEST(code_for(good.hex(), 4, 77) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(garbage_is_refused) {
  for (std::string method : {"FindMissingBlobs", "BatchUpdateBlobs", "BatchReadBlobs"}) {
    for (std::string_view garbage : {"\xff\xff\xff", "\x12\x04\x0a\x7f\x00\x00",
                                     "\x0a\x05"
                                     "blobs"}) {
      auto call = start(service + method, bytes::copy_of(garbage));
      run();
      BOOST_TEST_REQUIRE(call->status().has_value());
      BOOST_TEST(call->status()->code() == errc::invalid_argument, method);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_uploaded_in_a_batch_is_there_at_once) {
  v2::BatchUpdateBlobsRequest request;
  std::vector<digest> blobs;
  for (int i = 0; i < 20; ++i) {
    std::string content(1 + i * 100, static_cast<char>('a' + i));
    blobs.push_back(digest_of(content));
    add(request, blobs.back(), content);
  }
  add(request, digest_of(""), "");
  add(request, blobs.front(), "a");
  auto answer = update(request);
  BOOST_TEST_REQUIRE(answer.responses_size() == 22);
  for (int i = 0; i < 22; ++i) {
    BOOST_TEST(code(answer.responses(i).status()) == errc::ok);
    BOOST_TEST(answer.responses(i).digest().hash() == request.requests(i).digest().hash());
  }
  for (const auto& blob : blobs) BOOST_TEST(has(blob));
}

BOOST_FIXTURE_TEST_CASE(one_bad_blob_does_not_hurt_the_others, checking_bench) {
  v2::BatchUpdateBlobsRequest request;
  auto good = digest_of("good");
  add(request, digest_of("claimed"), "sneaked");
  add(request, good, "good");
  add(request, digest_of("short"), "sho");
  add_packed(request, digest_of("zipped"), "zipped");
  add(request, digest_of(std::string(50'001, 'x')), std::string(50'001, 'x'));
  auto answer = update(request);
  BOOST_TEST_REQUIRE(answer.responses_size() == 5);
  for (int i : {0, 2, 3, 4}) BOOST_TEST(code(answer.responses(i).status()) == errc::invalid_argument, i);
  BOOST_TEST(code(answer.responses(1).status()) == errc::ok);
  BOOST_TEST(has(good));
  for (std::string_view refused : {"claimed", "short", "zipped"}) BOOST_TEST(!has(digest_of(refused)));
}

// Rule 34.
BOOST_FIXTURE_TEST_CASE(a_blob_without_room_is_resource_exhausted_and_the_others_are_kept,
                        little_room_bench) {
  auto kept = lease({put(std::string(40'000, 'a')), put(std::string(40'000, 'b'))});
  v2::BatchUpdateBlobsRequest request;
  std::string large(40'000, 'c');
  add(request, digest_of("small"), "small");
  add(request, digest_of(large), large);
  auto answer = update(request);
  BOOST_TEST_REQUIRE(answer.responses_size() == 2);
  BOOST_TEST(code(answer.responses(0).status()) == errc::ok);
  BOOST_TEST(code(answer.responses(1).status()) == errc::resource_exhausted);
  BOOST_TEST(has(digest_of("small")));
  BOOST_TEST(!has(digest_of(large)));
  kept.reset();
  run();
  BOOST_TEST(code(update(request).responses(1).status()) == errc::ok);
}

BOOST_AUTO_TEST_CASE(a_batch_over_the_limit_is_refused_as_a_whole) {
  v2::BatchUpdateBlobsRequest request;
  std::string half(batch_limit / 2, 'x');
  add(request, digest_of(half), half);
  add(request, digest_of(half), half);
  BOOST_TEST(code_of(service + "BatchUpdateBlobs", request) == errc::ok);
  add(request, digest_of("y"), "y");
  BOOST_TEST(code_of(service + "BatchUpdateBlobs", request) == errc::invalid_argument);

  v2::BatchReadBlobsRequest reading;
  for (int i = 0; i < 3; ++i) to_wire(digest_of(half), reading.add_digests());
  BOOST_TEST(code_of(service + "BatchReadBlobs", reading) == errc::invalid_argument);
  reading.clear_digests();
  for (int i = 0; i < 3; ++i) {
    to_wire(digest_of(half), reading.add_digests());
    reading.mutable_digests(i)->set_size_bytes(std::numeric_limits<std::int64_t>::max());
  }
  BOOST_TEST(code_of(service + "BatchReadBlobs", reading) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(an_update_without_a_digest_is_refused) {
  v2::BatchUpdateBlobsRequest request;
  request.add_requests()->set_data("data");
  BOOST_TEST(code_of(service + "BatchUpdateBlobs", request) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(blobs_are_read_each_with_its_own_status) {
  std::string large(40'000, 'l');
  auto first = put("first");
  auto second = put(large);
  auto answer = read({first, digest_of("absent"), digest_of(""), second, first});
  BOOST_TEST_REQUIRE(answer.responses_size() == 5);
  BOOST_TEST(answer.responses(0).data() == "first");
  BOOST_TEST(answer.responses(0).digest().hash() == first.hex());
  BOOST_TEST(code(answer.responses(1).status()) == errc::not_found);
  BOOST_TEST(code(answer.responses(2).status()) == errc::ok);
  BOOST_TEST(answer.responses(2).data().empty());
  BOOST_TEST(answer.responses(3).data() == large);
  BOOST_TEST(answer.responses(4).data() == "first");
}

BOOST_AUTO_TEST_CASE(an_answer_never_grows_beyond_its_limit) {
  std::vector<digest> asked(30, digest_of("x"));
  std::vector<expected<bytes>> results(30, expected<bytes>(bytes::of_static("0123456789")));
  auto encoded = write_batch_read_response(asked, results, 2000);
  BOOST_TEST(encoded.size() <= 4000u);
  auto answer = parse<v2::BatchReadBlobsResponse>(encoded).value();
  BOOST_TEST_REQUIRE(answer.responses_size() == 30);
  BOOST_TEST(answer.responses(0).data() == "0123456789");
  const auto& last = answer.responses(29).status();
  BOOST_TEST(code(last) == errc::resource_exhausted);
  BOOST_TEST_REQUIRE(last.details_size() == 1);
  BOOST_TEST(last.details(0).type_url() == "type.googleapis.com/google.rpc.RetryInfo");
}

BOOST_AUTO_TEST_CASE(blobs_may_come_compressed_beside_others) {
  const std::string large(40'000, 'l');
  v2::BatchUpdateBlobsRequest request;
  add_packed(request, digest_of("first"), frame("first"));
  add(request, digest_of("second"), "second");
  add_packed(request, digest_of(large), frame(large.substr(7)) + frame(large.substr(0, 7)));
  add_packed(request, digest_of(""), frame(""));
  auto answer = update(request);
  BOOST_TEST_REQUIRE(answer.responses_size() == 4);
  for (const auto& one : answer.responses())
    BOOST_TEST(code(one.status()) == errc::ok, one.status().message());
  auto kept = read({digest_of("first"), digest_of("second"), digest_of(large)});
  BOOST_TEST(kept.responses(0).data() == "first");
  BOOST_TEST(kept.responses(1).data() == "second");
  BOOST_TEST(kept.responses(2).data() == large);
}

// Rules 36 and 37.
BOOST_FIXTURE_TEST_CASE(data_that_is_not_the_blob_compressed_is_refused_for_that_blob, checking_bench) {
  const std::string text(10'000, 't');
  const auto blob = digest_of(text);
  const std::vector<std::string> faulty = {"",
                                           text,
                                           frame(text).substr(1),
                                           frame(text) + "!",
                                           frame(text) + frame("!"),
                                           frame(text.substr(1)),
                                           zstd_bomb(10),
                                           skippable("note") + frame(text),
                                           frame_declaring(9'999, block_of(text)),
                                           frame(std::string(10'000, 'u'))};
  v2::BatchUpdateBlobsRequest request;
  for (const auto& data : faulty) {
    request.clear_requests();
    add_packed(request, blob, data);
    add_packed(request, digest_of("good"), frame("good"));
    auto answer = update(request);
    BOOST_TEST(code(answer.responses(0).status()) == errc::invalid_argument);
    BOOST_TEST(code(answer.responses(1).status()) == errc::ok);
    BOOST_TEST(!has(blob));
  }
  for (auto form :
       {v2::Compressor::DEFLATE, v2::Compressor::BROTLI, static_cast<v2::Compressor::Value>(257)}) {
    request.clear_requests();
    add_packed(request, blob, text, form);
    BOOST_TEST(code(update(request).responses(0).status()) == errc::invalid_argument);
  }
}

BOOST_AUTO_TEST_CASE(a_batch_counts_as_what_it_decodes_to) {
  const std::string half(batch_limit / 2, 'x');
  v2::BatchUpdateBlobsRequest request;
  for (int i = 0; i < 2; ++i) add_packed(request, digest_of(half), frame(half));
  BOOST_TEST(code_of(service + "BatchUpdateBlobs", request) == errc::ok);
  add_packed(request, digest_of("y"), frame("y"));
  BOOST_TEST(code_of(service + "BatchUpdateBlobs", request) == errc::invalid_argument);
  request.clear_requests();
  for (int i = 0; i < 3; ++i) {
    add_packed(request, digest_of(half), "");
    request.mutable_requests(i)->mutable_digest()->set_size_bytes(std::numeric_limits<std::int64_t>::max());
  }
  BOOST_TEST(code_of(service + "BatchUpdateBlobs", request) == errc::invalid_argument);
}

// Rules 43 and 44.
BOOST_AUTO_TEST_CASE(blobs_are_read_compressed_only_by_who_takes_that) {
  const std::string text(10'000, 't');
  const auto blob = put(text);
  using forms = std::vector<v2::Compressor::Value>;
  for (const auto& taken : {forms{}, forms{v2::Compressor::IDENTITY}, forms{v2::Compressor::BROTLI}}) {
    auto answer = read_taking(taken, {blob});
    BOOST_TEST((answer.responses(0).compressor() == v2::Compressor::IDENTITY));
    BOOST_TEST(answer.responses(0).data() == text);
  }
  for (const auto& taken :
       {forms{v2::Compressor::ZSTD}, forms{v2::Compressor::BROTLI, v2::Compressor::ZSTD}}) {
    auto answer = read_taking(taken, {digest_of("absent"), blob, digest_of("")});
    BOOST_TEST(code(answer.responses(0).status()) == errc::not_found);
    BOOST_TEST_REQUIRE((answer.responses(1).compressor() == v2::Compressor::ZSTD));
    BOOST_TEST(answer.responses(1).data().size() < 1000u);
    BOOST_TEST((zstd_decode(answer.responses(1).data(), text.size(), 23).value().view() == text));
    BOOST_TEST((answer.responses(2).compressor() == v2::Compressor::IDENTITY));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_become_smaller_is_read_as_it_is) {
  auto random = make_seeded_random(1);
  std::string noise(10'000, '\0');
  for (auto& c : noise) c = static_cast<char>(random->next());
  auto answer = read_taking({v2::Compressor::ZSTD}, {put(noise), put("tiny")});
  for (const auto& one : answer.responses()) BOOST_TEST((one.compressor() == v2::Compressor::IDENTITY));
  BOOST_TEST((answer.responses(0).data() == noise));
  BOOST_TEST(answer.responses(1).data() == "tiny");
}

BOOST_AUTO_TEST_CASE(compressors_are_heard_however_they_are_written) {
  auto takes = [](std::string_view field) {
    return read_batch_read_request(bytes::copy_of(field))->takes_zstd;
  };
  using namespace std::string_view_literals;
  BOOST_TEST(takes("\x18\x01"sv));
  BOOST_TEST(takes("\x18\x02\x18\x01"sv));
  BOOST_TEST(takes("\x1a\x03\x02\x00\x01"sv));
  BOOST_TEST(!takes("\x18\x02"sv));
  BOOST_TEST(!takes("\x1a\x03\x82\x01\x00"sv));
  BOOST_TEST(!read_find_missing_request(bytes::copy_of("\x18\x01"sv))->takes_zstd);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_gone_is_unavailable) {
  end(blobs);
  BOOST_TEST(code_of(service + "FindMissingBlobs", asking_for({digest_of("x")})) == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(a_service_that_is_gone_leaves_no_call_behind) {
  std::weak_ptr<direct_call> call;
  {
    service_bench other;
    const std::vector lanes{other.own(spawn_content_addressable_storage(
        other.actors(), other.env(), {}, make_compression(other.env(), {}), other.blobs))};
    add_routes(other.routes, lanes);
    call = other.start(service + "FindMissingBlobs");
  }
  BOOST_TEST(call.expired());
}

BOOST_AUTO_TEST_SUITE_END()
