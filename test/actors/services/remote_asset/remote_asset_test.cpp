#include "google/rpc/error_details.pb.h"
#include "test/actors/services/remote_asset/remote_asset_bench.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace remote_asset {

const std::string archive = "https://example.com/archive.tgz";
const std::string mirror = "https://mirror.example.org/archive.tgz";
// Of "content".
const std::string sri = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";

struct kept_tree {
  digest root;
  digest child;
  digest file;
};

struct bench : remote_asset_bench {
  kept_tree put_tree() {
    kept_tree tree;
    tree.file = put("in the child");
    v2::Directory child;
    child.add_files()->set_name("file");
    to_wire(tree.file, child.mutable_files(0)->mutable_digest());
    tree.child = put(child.SerializeAsString());
    v2::Directory root;
    root.add_directories()->set_name("child");
    to_wire(tree.child, root.mutable_directories(0)->mutable_digest());
    tree.root = put(root.SerializeAsString());
    return tree;
  }
  template <class Detail>
  Detail detail_of(const std::string& method, const google::protobuf::MessageLite& request) {
    auto status = ask_service(method, request)->status().value();
    BOOST_TEST_REQUIRE(status.details().size() == 1u);
    const auto& packed = status.details().front();
    BOOST_TEST(packed.type_url == "type.googleapis.com/" + Detail().GetTypeName());
    Detail detail;
    BOOST_TEST_REQUIRE(detail.ParseFromString(packed.value));
    return detail;
  }
};

}  // namespace remote_asset

BOOST_FIXTURE_TEST_SUITE(remote_asset, bench)

BOOST_AUTO_TEST_CASE(what_was_pushed_is_fetched_by_each_of_its_uris) {
  BOOST_TEST(outcome(fetching({archive})) == errc::not_found);
  auto blob = put("content");
  push(pushing(blob, {archive, mirror}));
  for (const auto& uri : {archive, mirror}) {
    auto found = fetch(fetching({"https://nowhere.example", uri}));
    BOOST_TEST(found.status().code() == 0);
    BOOST_TEST(found.uri() == uri);
    BOOST_TEST(from_wire(found.blob_digest(), digest_function::sha256).value().to_string() ==
               blob.to_string());
    BOOST_TEST(found.digest_function() == v2::DigestFunction::SHA256);
    BOOST_TEST(!found.has_expires_at());
  }
}

BOOST_AUTO_TEST_CASE(the_last_push_wins) {
  push(pushing(put("content"), {archive}));
  auto newer = put("newer content");
  push(pushing(newer, {archive}));
  BOOST_TEST(fetch(fetching({archive})).blob_digest().hash() == newer.hex());
}

BOOST_AUTO_TEST_CASE(instances_and_digest_functions_do_not_see_each_others_assets) {
  auto request = pushing(put("content", digest_function::blake3), {archive});
  request.set_instance_name("one");
  push(request);
  auto question = fetching({archive});
  question.set_instance_name("one");
  BOOST_TEST(outcome(question) == errc::not_found);
  question.set_digest_function(v2::DigestFunction::BLAKE3);
  BOOST_TEST(outcome(question) == errc::ok);
  question.set_instance_name("other");
  BOOST_TEST(outcome(question) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(blobs_and_directories_are_different_assets) {
  auto tree = put_tree();
  push(pushing(tree.root, {archive}));
  BOOST_TEST(outcome(fetching_directory({archive})) == errc::not_found);
  push(pushing_directory(tree.root, {mirror}));
  BOOST_TEST(outcome(fetching({mirror})) == errc::not_found);
  auto found = fetch(fetching_directory({mirror}));
  BOOST_TEST(found.status().code() == 0);
  BOOST_TEST(found.root_directory_digest().hash() == tree.root.hex());
}

BOOST_AUTO_TEST_CASE(an_asset_is_found_only_while_its_blob_is_there) {
  auto blob = put("content");
  push(pushing(blob, {archive}));
  forget(blob);
  BOOST_TEST(outcome(fetching({archive})) == errc::not_found);
  put("content");
  BOOST_TEST(outcome(fetching({archive})) == errc::ok);
}

BOOST_AUTO_TEST_CASE(a_directory_is_found_only_while_its_whole_tree_is_there) {
  auto tree = put_tree();
  push(pushing_directory(tree.root, {archive}));
  BOOST_TEST(outcome(fetching_directory({archive})) == errc::ok);
  forget(tree.file);
  BOOST_TEST(outcome(fetching_directory({archive})) == errc::not_found);
  put_tree();
  BOOST_TEST(outcome(fetching_directory({archive})) == errc::ok);
  forget(tree.child);
  BOOST_TEST(outcome(fetching_directory({archive})) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(what_an_asset_refers_to_counts_too) {
  auto tree = put_tree();
  auto extra = put("extra");
  auto request = pushing(put("content"), {archive});
  to_wire(extra, request.add_references_blobs());
  to_wire(tree.root, request.add_references_directories());
  push(request);
  BOOST_TEST(outcome(fetching({archive})) == errc::ok);
  forget(extra);
  BOOST_TEST(outcome(fetching({archive})) == errc::not_found);
  put("extra");
  forget(tree.file);
  BOOST_TEST(outcome(fetching({archive})) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(a_fetch_keeps_the_asset_from_being_evicted) {
  auto small = spawn_store("{type: memory, capacity: 4MiB}");
  lookup = own(spawn_action_cache(actors(), {env(), results, small, {}}));
  blobs = small;
  serve({});
  auto blob = put(std::string(1 << 20, 'a'));
  push(pushing(blob, {archive}));
  for (char filler = 'b'; filler < 'l'; ++filler) {
    BOOST_TEST_REQUIRE(outcome(fetching({archive})) == errc::ok);
    put(std::string(1 << 20, filler));
  }
  BOOST_TEST(has(blob));
}

BOOST_AUTO_TEST_CASE(a_push_of_what_is_not_there_names_all_that_is_missing) {
  auto request = pushing(digest_of("absent"), {archive});
  to_wire(digest_of("absent too"), request.add_references_blobs());
  to_wire(put("present"), request.add_references_blobs());
  to_wire(digest_of("an absent directory"), request.add_references_directories());
  BOOST_TEST(code_of(push_blob_method, request) == errc::failed_precondition);
  auto detail = detail_of<google::rpc::PreconditionFailure>(push_blob_method, request);
  BOOST_TEST(detail.violations_size() == 3);
  BOOST_TEST(detail.violations(0).type() == "MISSING");
  BOOST_TEST(detail.violations(0).subject() == "blobs/" + digest_of("absent").to_string());
  BOOST_TEST(code_of(push_directory_method, pushing_directory(digest_of("absent"), {archive})) ==
             errc::failed_precondition);
  BOOST_TEST(outcome(fetching({archive})) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(an_asset_expires_when_it_was_told_to) {
  auto request = pushing(put("content"), {archive});
  auto end = env().time->wall() + 10s;
  to_wire(end, request.mutable_expire_at());
  push(request);
  BOOST_TEST((from_wire(fetch(fetching({archive})).expires_at()).value() == end));
  pass(9s);
  BOOST_TEST(outcome(fetching({archive})) == errc::ok);
  pass(1s);
  BOOST_TEST(outcome(fetching({archive})) == errc::not_found);
  BOOST_TEST(ask<store_stats>(results, measure_store{}).value().blobs == 0u);
  request.clear_expire_at();
  push(request);
  BOOST_TEST(outcome(fetching({archive})) == errc::ok);
}

BOOST_AUTO_TEST_CASE(older_assets_are_not_for_who_wants_newer_ones) {
  push(pushing(put("content"), {archive}));
  auto question = fetching({archive});
  to_wire(env().time->wall(), question.mutable_oldest_content_accepted());
  BOOST_TEST(outcome(question) == errc::ok);
  pass(5s);
  to_wire(env().time->wall(), question.mutable_oldest_content_accepted());
  BOOST_TEST(outcome(question) == errc::not_found);
  BOOST_TEST(outcome(fetching({archive})) == errc::ok);
}

BOOST_AUTO_TEST_CASE(qualifiers_must_be_equal_whatever_their_order) {
  named_values both{{"vcs.commit", "c0ffee"}, {"directory", "src"}};
  push(pushing(put("content"), {archive}, both));
  auto found = fetch(fetching({archive}, {both[1], both[0]}));
  BOOST_TEST(found.status().code() == 0);
  BOOST_TEST(found.qualifiers_size() == 2);
  BOOST_TEST(outcome(fetching({archive}, {both[0]})) == errc::not_found);
  BOOST_TEST(outcome(fetching({archive})) == errc::not_found);
  BOOST_TEST(outcome(fetching({archive}, {both[0], {"directory", "lib"}})) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(a_checksum_is_held_against_the_blob_even_if_it_was_not_pushed) {
  push(pushing(put("content"), {archive}));
  BOOST_TEST(outcome(fetching({archive}, {{"checksum.sri", sri}})) == errc::ok);
  push(pushing(put("other content"), {archive}));
  BOOST_TEST(outcome(fetching({archive}, {{"checksum.sri", sri}})) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(a_checksum_that_was_pushed_is_believed_but_not_against_the_digest) {
  auto blob = put("content", digest_function::blake3);
  push(pushing(blob, {archive}, {{"checksum.sri", sri}}));
  auto question = fetching({archive}, {{"checksum.sri", sri}});
  question.set_digest_function(v2::DigestFunction::BLAKE3);
  auto found = fetch(question);
  BOOST_TEST(found.status().code() == 0);
  BOOST_TEST(found.qualifiers(0).value() == sri);
  question.clear_qualifiers();
  BOOST_TEST(outcome(question) == errc::ok);

  auto lie = pushing(put("other content"), {archive}, {{"checksum.sri", sri}});
  BOOST_TEST(code_of(push_blob_method, lie) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(assets_of_one_uri_with_different_checksums_live_side_by_side) {
  auto blob = put("content");
  push(pushing(blob, {archive}, {{"checksum.sri", sri}}));
  push(pushing(put("newer content"), {archive}));
  auto found = fetch(fetching({archive}, {{"checksum.sri", sri}}));
  BOOST_TEST(found.blob_digest().hash() == blob.hex());
}

BOOST_AUTO_TEST_CASE(headers_say_how_to_get_an_asset_and_not_which) {
  push(pushing(put("content"), {archive}));
  BOOST_TEST(outcome(fetching(
                 {archive}, {{"http_header:Authorization", "Bearer secret"},
                             {"http_header_url:0:X-Token", "secret"},
                             {"bazel.auth_headers", R"({")" + archive + R"(": {"A": "b"}})"}})) == errc::ok);
  for (const auto& [name, value] : named_values{{"http_header:Host", "internal"},
                                                {"http_header:bad name", "x"},
                                                {"http_header_url:1:X-Token", "x"},
                                                {"http_header_url:0", "x"},
                                                {"http_header_url:x:y", "x"},
                                                {"bazel.auth_headers", "no json"}})
    BOOST_TEST(code_of(fetch_blob_method, fetching({archive}, {{name, value}})) == errc::invalid_argument,
               name);
}

BOOST_AUTO_TEST_CASE(every_qualifier_that_is_not_supported_is_named) {
  named_values strange{{"vcs.branch", "main"}, {"x.one", "1"}, {"x.two", "2"}};
  BOOST_TEST(code_of(fetch_blob_method, fetching({archive}, strange)) == errc::invalid_argument);
  auto detail = detail_of<google::rpc::BadRequest>(fetch_blob_method, fetching({archive}, strange));
  BOOST_TEST(detail.field_violations_size() == 2);
  BOOST_TEST(detail.field_violations(0).field() == "qualifiers.name");
  BOOST_TEST(detail.field_violations(0).description() == "\"x.one\" not supported");
  BOOST_TEST(detail.field_violations(1).description() == "\"x.two\" not supported");
  BOOST_TEST(code_of(push_blob_method, pushing(put("content"), {archive}, strange)) ==
             errc::invalid_argument);
  auto header = pushing(put("content"), {archive}, {{"http_header:A", "b"}});
  BOOST_TEST(code_of(push_blob_method, header) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(further_qualifiers_may_be_allowed) {
  serve({.qualifiers = {"x.one"}});
  push(pushing(put("content"), {archive}, {{"x.one", "1"}}));
  BOOST_TEST(outcome(fetching({archive}, {{"x.one", "1"}})) == errc::ok);
  BOOST_TEST(outcome(fetching({archive}, {{"x.one", "2"}})) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
  auto refused = [&](const v1::FetchBlobRequest& request) {
    return code_of(fetch_blob_method, request) == errc::invalid_argument;
  };
  BOOST_TEST(refused(fetching({})));
  BOOST_TEST(refused(fetching({""})));
  BOOST_TEST(refused(fetching({"https://example.com/\r\nX: y"})));
  BOOST_TEST(refused(fetching({std::string(9000, 'x')})));
  BOOST_TEST(refused(fetching(std::vector<std::string>(101, archive))));
  BOOST_TEST(refused(fetching({archive}, {{"directory", "a"}, {"directory", "b"}})));
  BOOST_TEST(refused(fetching({archive}, {{"checksum.sri", "sha256-short"}})));
  auto request = fetching({archive});
  request.set_digest_function(v2::DigestFunction::MD5);
  BOOST_TEST(refused(request));
  request = fetching({archive});
  request.set_instance_name("one/blobs");
  BOOST_TEST(refused(request));
  request = fetching({archive});
  request.mutable_timeout()->set_seconds(-1);
  BOOST_TEST(refused(request));
  request = fetching({archive});
  request.mutable_oldest_content_accepted()->set_nanos(-1);
  BOOST_TEST(refused(request));

  auto push_refused = [&](const v1::PushBlobRequest& request) {
    return code_of(push_blob_method, request) == errc::invalid_argument;
  };
  auto blob = put("content");
  BOOST_TEST(push_refused(pushing(blob, {})));
  BOOST_TEST(push_refused(about<v1::PushBlobRequest>({archive})));
  auto statement = pushing(blob, {archive});
  statement.add_references_blobs()->set_hash("abc");
  BOOST_TEST(push_refused(statement));
  statement = pushing(blob, {archive});
  statement.mutable_expire_at()->set_nanos(-1);
  BOOST_TEST(push_refused(statement));
}

BOOST_AUTO_TEST_CASE(a_push_cannot_take_more_than_its_share) {
  auto blob = put("content");
  auto request = pushing(blob, std::vector<std::string>(60, archive));
  for (int i = 0; i < 5000; ++i) to_wire(blob, request.add_references_blobs());
  BOOST_TEST(code_of(push_blob_method, request) == errc::invalid_argument);
  for (int i = 0; i < 50'000; ++i) to_wire(blob, request.add_references_blobs());
  BOOST_TEST(code_of(push_blob_method, request) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(who_may_not_push_is_told_so_and_may_fetch) {
  auto blob = put("content");
  push(pushing(blob, {archive}));
  serve({.push = false});
  BOOST_TEST(code_of(push_blob_method, pushing(blob, {mirror})) == errc::permission_denied);
  BOOST_TEST(code_of(push_directory_method, pushing_directory(blob, {mirror})) == errc::permission_denied);
  BOOST_TEST(outcome(fetching({archive})) == errc::ok);
}

BOOST_AUTO_TEST_SUITE_END()
