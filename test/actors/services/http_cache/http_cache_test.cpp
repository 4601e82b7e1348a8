#include "actors/services/http_cache/http_cache.hpp"

#include "actors/services/http_cache/http_path.hpp"
#include "actors/services/http_cache/http_range.hpp"
#include "actors/services/http_cache/size_index.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/compress/zstd.hpp"
#include "core/wire/digests.hpp"
#include "test/actors/services/http_cache/http_bench.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace http_cache {

std::string cas(std::string_view content) {
  return "/cas/" + digest_of(content).hex();
}

std::string result_with(const std::vector<std::string>& files) {
  v2::ActionResult result;
  for (const auto& content : files) {
    auto* file = result.add_output_files();
    file->set_path("out/" + content.substr(0, 10));
    to_wire(digest_of(content), file->mutable_digest());
  }
  return result.SerializeAsString();
}

}  // namespace http_cache

BOOST_FIXTURE_TEST_SUITE(http_cache, http_bench)

BOOST_AUTO_TEST_CASE(a_blob_is_put_and_got_by_its_hash_alone) {
  BOOST_TEST(get(cas("hello")).status == refused(errc::not_found));
  BOOST_TEST(put(cas("hello"), "hello").status == 200);
  auto got = get(cas("hello"));
  BOOST_TEST(got.status == 200);
  BOOST_TEST(got.body == "hello");
  BOOST_TEST(got.head("content-length") == "5");
  BOOST_TEST(get("/an/instance" + cas("hello")).body == "hello");
  BOOST_TEST(has(digest_of("hello")));
  auto head = ask_http("HEAD", cas("hello"));
  BOOST_TEST(head.status == 200);
  BOOST_TEST(head.head("content-length") == "5");
  BOOST_TEST(ask_http("HEAD", cas("other")).status == refused(errc::not_found));
  BOOST_TEST(ask_http("DELETE", cas("hello")).status == 405);
}

BOOST_AUTO_TEST_CASE(a_large_blob_comes_as_it_went) {
  std::string large;
  for (int i = 0; large.size() < 5'000'000; ++i) large += std::to_string(i);
  BOOST_TEST(put(cas(large), large).status == 200);
  BOOST_TEST((get(cas(large)).body == large));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_the_blob_are_refused_whatever_the_store_believes) {
  BOOST_TEST(put(cas("hello"), "hellO").status == refused(errc::invalid_argument));
  BOOST_TEST(put(cas("hello"), "hello!").status == refused(errc::invalid_argument));
  BOOST_TEST(put(cas("hello"), "").status == refused(errc::invalid_argument));
  BOOST_TEST(get(cas("hello")).status == refused(errc::not_found));
  BOOST_TEST(!has(digest_of("hello")));
}

BOOST_AUTO_TEST_CASE(the_empty_blob_is_always_there) {
  BOOST_TEST(get(cas("")).status == 200);
  BOOST_TEST(get(cas("")).body == "");
  BOOST_TEST(ask_http("HEAD", cas("")).head("content-length") == "0");
  BOOST_TEST(put(cas(""), "").status == 200);
}

BOOST_AUTO_TEST_CASE(a_body_without_a_length_cannot_be_a_blob) {
  BOOST_TEST(ask_http("POST", cas("hello")).status == 405);
  auto call = std::make_shared<direct_call>("/kiln.http/PUT" + cas("hello"));
  hand_over(call);
  run();
  BOOST_TEST(call->head_of(":status") == "411");
}

BOOST_AUTO_TEST_CASE(sizes_outlive_the_service) {
  BOOST_TEST(put(cas("hello"), "hello").status == 200);
  end(service);
  serve({});
  BOOST_TEST(get(cas("hello")).body == "hello");
}

BOOST_AUTO_TEST_CASE(a_blob_that_came_by_another_way_is_found_by_who_knows_its_size) {
  service_bench::put("by gRPC");
  BOOST_TEST(get(cas("by gRPC")).status == refused(errc::not_found));
  BOOST_TEST(get(cas("by gRPC"), {{"x-digest-sizebytes", "7"}}).body == "by gRPC");
  BOOST_TEST(get(cas("by gRPC"), {{"x-digest-sizebytes", "x"}}).status == refused(errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(what_a_result_refers_to_is_found_by_its_hash) {
  service_bench::put("one");
  service_bench::put("two");
  const auto ac = "/ac/" + digest_of("action").hex();
  BOOST_TEST(put(ac, result_with({"one", "two"})).status == 200);
  BOOST_TEST(get(cas("one")).status == refused(errc::not_found));
  BOOST_TEST(get(ac).body == result_with({"one", "two"}));
  BOOST_TEST(get(cas("one")).body == "one");
  end(service);
  serve({});
  BOOST_TEST(get(cas("two")).body == "two");
}

// Where results are not checked, one may name a blob with a size that it does not have.
BOOST_AUTO_TEST_CASE(a_size_that_nobody_has_proved_hides_no_blob) {
  end(service);
  serve({}, true, false);
  BOOST_TEST(put(cas("content"), "content").status == 200);
  v2::ActionResult lie;
  auto* file = lie.add_output_files();
  file->set_path("out");
  to_wire(digest_of("content"), file->mutable_digest());
  file->mutable_digest()->set_size_bytes(8);
  const auto ac = "/ac/" + digest_of("action").hex();
  BOOST_TEST(put(ac, lie.SerializeAsString()).status == 200);
  BOOST_TEST(get(ac).status == 200);
  BOOST_TEST(get(cas("content")).body == "content");
}

BOOST_AUTO_TEST_CASE(results_are_whole_or_not_there) {
  const auto ac = "/ac/" + digest_of("action").hex();
  BOOST_TEST(get(ac).status == refused(errc::not_found));
  BOOST_TEST(put(ac, result_with({"gone"})).status == 200);
  BOOST_TEST(get(ac).status == refused(errc::not_found));
  BOOST_TEST(put(cas("gone"), "gone").status == 200);
  BOOST_TEST(get(ac).status == 200);
  BOOST_TEST(ask_http("HEAD", ac).head("content-length") == std::to_string(result_with({"gone"}).size()));
  BOOST_TEST(get("/other" + ac).status == refused(errc::not_found));
}

BOOST_AUTO_TEST_CASE(what_is_no_result_is_refused_at_ac_and_kept_where_that_is_off) {
  const auto ac = "/ac/" + digest_of("action").hex();
  const std::string opaque = "\xff\xfe opaque";
  BOOST_TEST(put(ac, opaque).status == refused(errc::invalid_argument));
  v2::ActionResult bad;
  bad.add_output_files()->set_path("../x");
  BOOST_TEST(put(ac, bad.SerializeAsString()).status == refused(errc::invalid_argument));
  BOOST_TEST(put(ac, std::string(5 << 20, 'x')).status == 413);
  end(service);
  http_cache_settings settings;
  settings.validate_results = false;
  serve(settings);
  BOOST_TEST(put(ac, opaque).status == 201);
  BOOST_TEST(get(ac).body == opaque);
}

BOOST_AUTO_TEST_CASE(values_lie_under_any_path_and_never_among_results) {
  for (const std::string path :
       {"/ccache/ab/cdef", "/a/b/c/abcdef", "/.sccache_check", "/a%20b?x=y", "/cas"}) {
    BOOST_TEST(get(path).status == refused(errc::not_found));
    BOOST_TEST(put(path, "value of " + path).status == 201);
    BOOST_TEST(get(path).body == "value of " + path);
    BOOST_TEST(put(path, "another").status == 201);
    BOOST_TEST(get(path).body == "another");
    BOOST_TEST(ask_http("HEAD", path).head("content-length") == "7");
  }
  BOOST_TEST(ask_http("DELETE", "/ccache/ab/cdef").status == 204);
  BOOST_TEST(ask_http("DELETE", "/ccache/ab/cdef").status == refused(errc::not_found));
  BOOST_TEST(get("/ccache/ab/cdef").status == refused(errc::not_found));
  BOOST_TEST(put("/empty", "").status == 201);
  BOOST_TEST(get("/empty").status == 200);
}

BOOST_AUTO_TEST_CASE(a_value_whose_bytes_were_evicted_is_not_there) {
  BOOST_TEST(put("/v", "value").status == 201);
  BOOST_TEST_REQUIRE(ask<forgotten>(blobs, forget_blob{digest_of("value")}).value().was_present);
  BOOST_TEST(get("/v").status == refused(errc::not_found));
}

BOOST_AUTO_TEST_CASE(who_may_not_write_results_may_not_write_values) {
  end(service);
  serve({}, false);
  BOOST_TEST(put("/v", "value").status == refused(errc::permission_denied));
  BOOST_TEST(put("/ac/" + digest_of("action").hex(), result_with({})).status ==
             refused(errc::permission_denied));
  BOOST_TEST(ask_http("DELETE", "/v").status == refused(errc::permission_denied));
  BOOST_TEST(ask_http("MKCOL", "/a/").status == refused(errc::permission_denied));
  BOOST_TEST(put(cas("hello"), "hello").status == 200);
}

BOOST_AUTO_TEST_CASE(limits_hold_here_as_for_everybody) {
  end(service);
  limits.max_blob_size = byte_size{100};
  http_cache_settings settings;
  settings.max_value_size = byte_size{10};
  serve(settings);
  const std::string large(101, 'x');
  BOOST_TEST(put(cas(large), large).status == 413);
  BOOST_TEST(put("/v", "01234567890").status == 413);
  BOOST_TEST(put("/v", "0123456789").status == 201);
  BOOST_TEST(get("/cas/" + digest_of("x", digest_function::sha1).hex()).status ==
             refused(errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(parts_of_a_blob_are_sent_as_asked) {
  BOOST_TEST(put(cas("0123456789"), "0123456789").status == 200);
  auto part = [&](const std::string& range) { return get(cas("0123456789"), {{"range", range}}); };
  auto middle = part("bytes=2-4");
  BOOST_TEST(middle.status == 206);
  BOOST_TEST(middle.body == "234");
  BOOST_TEST(middle.head("content-range") == "bytes 2-4/10");
  BOOST_TEST(part("bytes=7-").body == "789");
  BOOST_TEST(part("bytes=-2").body == "89");
  BOOST_TEST(part("bytes=5-100").body == "56789");
  BOOST_TEST(part("bytes=10-").status == 416);
  BOOST_TEST(part("bytes=10-").head("content-range") == "bytes */10");
  for (const char* whole : {"bytes=4-2", "bytes=1-2,4-5", "lines=1-2", "bytes=", "bytes=a-b", "bytes=--1"})
    BOOST_TEST(part(whole).status == 200, whole);
}

BOOST_AUTO_TEST_CASE(blobs_travel_compressed_where_both_want_it) {
  const std::string text(100'000, 't');
  auto packed = zstd_encode(text, 1, 1 << 20).value();
  const std::string body(packed.view());
  BOOST_TEST(put(cas(text), body, {{"content-encoding", "zstd"}}).status == 415);
  BOOST_TEST(put(cas(text), body, {{"content-encoding", "br"}}).status == 415);
  const call_metadata fields{{"content-encoding", "zstd"}, {"x-digest-sizebytes", "100000"}};
  BOOST_TEST(put(cas(text), "no zstd", fields).status == refused(errc::invalid_argument));
  BOOST_TEST(put(cas("other"), body, fields).status == refused(errc::invalid_argument));
  BOOST_TEST(put(cas(text), body, fields).status == 200);
  BOOST_TEST((get(cas(text)).body == text));
  auto got = get(cas(text), {{"accept-encoding", "gzip, zstd"}});
  BOOST_TEST(got.head("content-encoding") == "zstd");
  BOOST_TEST(got.head("content-length") == "");
  BOOST_TEST((zstd_decode(got.body, text.size(), 23).value().view() == text));
}

// Nobody encodes, so it needs no place among those who do.
BOOST_AUTO_TEST_CASE(a_blob_that_lies_compressed_leaves_as_it_lies) {
  http_bench bench;
  bench.blobs = bench.spawn_store(
      "{type: compression, min_size: 1KiB, inner: {type: memory, capacity: 64MiB},"
      " index: {type: memory, capacity: 1MiB}}");
  bench.encoders = 0;
  bench.routes = router();
  bench.serve({});
  std::string text;
  while (text.size() < 3'000'000) text += "line " + std::to_string(text.size()) + '\n';
  BOOST_TEST(bench.put(cas(text), text).status == 200);
  auto got = bench.get(cas(text), {{"accept-encoding", "zstd"}});
  BOOST_TEST(got.head("content-encoding") == "zstd");
  BOOST_TEST((zstd_decode(got.body, text.size(), 23).value().view() == text));
  BOOST_TEST((bench.get(cas(text)).body == text));
}

BOOST_AUTO_TEST_CASE(who_accepts_zstd_gets_plain_bytes_where_too_much_is_compressed) {
  const std::string text(100'000, 't');
  for (unsigned most : {0U, 1U}) {
    encoders = most;
    end(service);
    serve({});
    BOOST_TEST(put(cas(text), text).status == 200);
    for (int again = 0; again < 3; ++again) {
      auto got = get(cas(text), {{"accept-encoding", "zstd"}});
      BOOST_TEST(got.head("content-encoding") == (most == 0 ? "" : "zstd"));
      BOOST_TEST((got.body == text) == (most == 0));
    }
  }
}

BOOST_AUTO_TEST_CASE(parts_and_packed_bytes_replace_no_value) {
  BOOST_TEST(put("/v", "whole").status == 201);
  BOOST_TEST(put("/v", "wh", {{"content-range", "bytes 0-1/5"}}).status == refused(errc::invalid_argument));
  BOOST_TEST(put("/v", "packed", {{"content-encoding", "gzip"}}).status == 415);
  BOOST_TEST(put("/v", "whole", {{"content-encoding", "identity"}}).status == 201);
  BOOST_TEST(get("/v").body == "whole");
  const auto ac = "/ac/" + digest_of("action").hex();
  BOOST_TEST(put(ac, result_with({}), {{"content-encoding", "zstd"}}).status == 415);
}

BOOST_AUTO_TEST_CASE(conditions_are_looked_at_before_anything_is_done) {
  const call_metadata if_new{{"if-none-match", "*"}};
  const call_metadata if_there{{"if-match", "*"}};
  const auto ac = "/ac/" + digest_of("action").hex();
  for (const auto& [path, body, stored] :
       {std::tuple(std::string("/v"), std::string("value"), 201),
        std::tuple(cas("hello"), std::string("hello"), 200), std::tuple(ac, result_with({}), 200)}) {
    BOOST_TEST(put(path, body, if_there).status == 412, path);
    BOOST_TEST(get(path).status == refused(errc::not_found), path);
    BOOST_TEST(put(path, body, if_new).status == stored, path);
    BOOST_TEST(put(path, body, if_new).status == 412, path);
    BOOST_TEST(put(path, body, if_there).status == stored, path);
    BOOST_TEST(get(path, if_new).status == 304, path);
    BOOST_TEST(get(path, if_there).body == body, path);
    BOOST_TEST(ask_http("HEAD", path, "", if_new).status == 304, path);
  }
  BOOST_TEST(get("/none", if_new).status == refused(errc::not_found));
  BOOST_TEST(put("/v", "another", {{"if-match", "\"x\""}}).status == 412);
  const auto tag = get("/v").head("etag");
  BOOST_TEST(tag == '"' + digest_of("value").hex() + '"');
  BOOST_TEST(get("/v", {{"if-none-match", "\"x\", W/" + tag}}).status == 304);
  BOOST_TEST(get("/v", {{"if-none-match", "\"x\""}}).body == "value");
  BOOST_TEST(put("/v", "another", {{"if-match", tag}}).status == 201);
  BOOST_TEST(ask_http("DELETE", "/v", "", {{"if-match", tag}}).status == 412);
  BOOST_TEST(ask_http("DELETE", "/none", "", if_there).status == refused(errc::not_found));
  BOOST_TEST(ask_http("DELETE", "/v", "", {{"if-match", get("/v").head("etag")}}).status == 204);
}

BOOST_AUTO_TEST_CASE(of_two_who_want_nothing_to_be_there_one_is_refused) {
  auto slow = std::make_shared<direct_call>("/kiln.http/PUT/v",
                                            call_metadata{{"if-none-match", "*"}, {"content-length", "4"}});
  hand_over(slow);
  run();
  BOOST_TEST(put("/v", "fast", {{"if-none-match", "*"}}).status == 412);
  slow->send(bytes::of_static("slow"));
  slow->close();
  run();
  BOOST_TEST(slow->head_of(":status") == "201");
  BOOST_TEST(get("/v").body == "slow");
  BOOST_TEST(put("/v", "again", {{"if-match", "*"}}).status == 201);
}

BOOST_AUTO_TEST_CASE(a_part_is_sent_if_it_is_one_of_the_same_bytes) {
  BOOST_TEST(put("/v", "0123456789").status == 201);
  const auto tag = get("/v").head("etag");
  BOOST_TEST(get("/v", {{"range", "bytes=2-4"}, {"if-range", tag}}).body == "234");
  BOOST_TEST(get("/v", {{"range", "bytes=2-4"}, {"if-range", "\"x\""}}).status == 200);
  BOOST_TEST(get("/v", {{"range", "bytes=2-4"}, {"if-range", "Sat, 29 Oct 2022 19:43:31 GMT"}}).status ==
             200);
}

BOOST_AUTO_TEST_CASE(what_a_store_will_never_take_is_too_large) {
  const auto name = digest_of("too large");
  auto call = std::make_shared<direct_call>("/kiln.http/PUT/cas/" + name.hex(),
                                            call_metadata{{"content-length", "9223372036854775807"}});
  hand_over(call);
  run();
  BOOST_TEST(call->head_of(":status") == "413");
}

// Each of a hundred thousand sizes would else be noted before anybody else has a turn.
BOOST_AUTO_TEST_CASE(a_long_list_of_sizes_is_noted_in_parts_before_it_is_answered) {
  v2::ActionResult result;
  for (int i = 0; i < 1500; ++i) {
    auto* file = result.add_output_files();
    file->set_path("out/" + std::to_string(i));
    to_wire(digest_of(std::to_string(i)), file->mutable_digest());
    service_bench::put(std::to_string(i));
  }
  const auto ac = "/ac/" + digest_of("action").hex();
  BOOST_TEST(put(ac, result.SerializeAsString()).status == 200);
  BOOST_TEST((get(ac).body == result.SerializeAsString()));
  for (int i : {0, 999, 1000, 1499}) BOOST_TEST(get(cas(std::to_string(i))).body == std::to_string(i));
}

BOOST_AUTO_TEST_CASE(webdav_is_answered_as_far_as_sccache_asks) {
  auto folder = ask_http("PROPFIND", "/a/b/", "", {{"depth", "0"}});
  BOOST_TEST(folder.status == 207);
  BOOST_TEST(folder.body.find("<D:collection/>") != std::string::npos);
  BOOST_TEST(ask_http("MKCOL", "/a/b/").status == 201);
  BOOST_TEST(ask_http("PROPFIND", "/a/b/c").status == refused(errc::not_found));
  BOOST_TEST(put("/a/b/c&d", "value").status == 201);
  auto file = ask_http("PROPFIND", "/a/b/c&d");
  BOOST_TEST(file.status == 207);
  BOOST_TEST(file.body.find("<D:href>/a/b/c&amp;d</D:href>") != std::string::npos, file.body);
  BOOST_TEST(file.body.find("<D:getcontentlength>5</D:getcontentlength>") != std::string::npos);
  BOOST_TEST(ask_http("OPTIONS", "*").head("dav") == "1");
}

BOOST_AUTO_TEST_CASE(people_and_their_tools_find_health_and_metrics) {
  BOOST_TEST(get("/healthz").body == "ok\n");
  BOOST_TEST(get("/readyz").status == refused(errc::unavailable));
  caf::anon_send(health, set_serving{true});
  BOOST_TEST(get("/readyz").body == "ready\n");
  metrics().counters("kiln_test_total", "A test.").with().add();
  auto scraped = get("/metrics");
  BOOST_TEST(scraped.body.find("kiln_test_total 1\n") != std::string::npos);
  BOOST_TEST(scraped.head("content-type").starts_with("text/plain; version=0.0.4"));
  BOOST_TEST(put("/metrics", "x").status == 405);
}

BOOST_AUTO_TEST_CASE(a_path_that_names_a_blob_badly_is_told_so) {
  const std::string hash = digest_of("x").hex();
  for (const std::string& path : {std::string("/cas/abc"), "/cas/" + std::string(64, 'X'),
                                  "/blobs/cas/" + hash, "/%zz/cas/" + hash, "/ac/" + hash + "0"})
    BOOST_TEST(get(path).status == refused(errc::invalid_argument), path);
  BOOST_TEST(get("/cas/").status == refused(errc::not_found));
  // As whoever puts a slash at the end of a URL asks.
  BOOST_TEST(put("/" + cas("hello"), "hello").status == 200);
}

BOOST_AUTO_TEST_CASE(a_hash_may_come_with_its_function) {
  const auto name = digest_of("hello", digest_function::blake3);
  BOOST_TEST(put("/cas/blake3/" + name.hex(), "hello").status == 200);
  BOOST_TEST(get("/in/cas/blake3/" + name.hex()).body == "hello");
  BOOST_TEST(get("/cas/" + name.hex()).status == refused(errc::not_found));
}

BOOST_AUTO_TEST_CASE(an_index_of_sizes_forgets_what_nobody_asks_for) {
  size_index index(4);
  auto blob = [](int i) { return digest_of(std::to_string(i)); };
  BOOST_TEST(index.note(blob(0)));
  BOOST_TEST(!index.note(blob(0)));
  for (int i = 1; i < 100; ++i) {
    index.note(blob(i));
    BOOST_TEST(index.find(hash_alone(blob(0))).has_value());
  }
  BOOST_TEST(!index.find(hash_alone(blob(50))));
  BOOST_TEST(index.find(hash_alone(blob(99))).value() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
