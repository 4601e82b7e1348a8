#include <google/protobuf/struct.pb.h>

#include <boost/test/unit_test.hpp>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/status.hpp"
#include "core/wire/utf8.hpp"
#include "google/rpc/error_details.pb.h"

using namespace kiln;
namespace v2 = build::bazel::remote::execution::v2;

BOOST_AUTO_TEST_SUITE(wire_message)

namespace {

bytes nested_to(int depth) {
  google::protobuf::ListValue root;
  auto* at = &root;
  for (int i = 0; i < depth; i += 2) at = at->add_values()->mutable_list_value();
  return bytes::adopt(root.SerializeAsString());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_in_pieces_is_read_whole) {
  v2::Action action;
  action.set_salt(std::string(1000, 's'));
  action.mutable_command_digest()->set_hash("abc");
  auto whole = serialise(action);
  byte_chain pieces;
  for (std::size_t at = 0; at < whole.size(); at += 7) pieces.append(whole.slice(at, 7));
  auto read = parse<v2::Action>(pieces);
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST(serialise(*read).view() == whole.view());
}

BOOST_AUTO_TEST_CASE(what_is_no_message_is_refused) {
  for (std::string_view wrong : {"\x0a\x7f", "\xff", "\x07"})
    BOOST_TEST((parse<v2::Action>(bytes::of_static(wrong)).error().code() == errc::invalid_argument));
  BOOST_TEST((parse<v2::Digest>(bytes::of_static("\x0a\x01\xff")).error().code() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(nesting_is_bounded) {
  BOOST_TEST(parse<google::protobuf::ListValue>(nested_to(90)).has_value());
  BOOST_TEST(!parse<google::protobuf::ListValue>(nested_to(120)).has_value());
}

BOOST_AUTO_TEST_CASE(digests_travel_there_and_back) {
  for (const auto& info : digest_functions()) {
    auto blob = digest_of("some bytes", info.function);
    v2::Digest wire;
    to_wire(blob, &wire);
    BOOST_TEST((from_wire(wire, info.function).value() == blob));
    wire_digest words;
    BOOST_TEST_REQUIRE(read_digest(wire.SerializeAsString(), words));
    BOOST_TEST(words.size == 10);
  }
}

BOOST_AUTO_TEST_CASE(the_digest_function_is_named_or_follows_from_the_length) {
  BOOST_TEST((resolve_function(0, 64).value() == digest_function::sha256));
  BOOST_TEST((resolve_function(9, 64).value() == digest_function::blake3));
  BOOST_TEST((resolve_function(0, 40).value() == digest_function::sha1));
  BOOST_TEST((resolve_function(0, 96).value() == digest_function::sha384));
  BOOST_TEST((resolve_function(0, 128).value() == digest_function::sha512));
  BOOST_TEST((resolve_function(8, 64).value() == digest_function::sha256tree));
  BOOST_TEST((resolve_function(0, 42).error().code() == errc::invalid_argument));
  BOOST_TEST((resolve_function(1, 40).error().code() == errc::invalid_argument));
  BOOST_TEST((resolve_function(3, 32).error().code() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_status_keeps_its_details) {
  error fault(errc::failed_precondition, "inputs are missing");
  auto missing = digest_of("gone");
  fault.add_detail(missing_blobs_detail({&missing, 1}));
  fault.add_detail(retry_info(std::chrono::milliseconds(1500)));
  auto back = unpack_status(9, "inputs are missing", pack_status(fault));
  BOOST_TEST_REQUIRE(back.details().size() == 2u);

  google::rpc::PreconditionFailure failure;
  BOOST_TEST_REQUIRE(failure.ParseFromString(back.details()[0].value));
  BOOST_TEST(back.details()[0].type_url == "type.googleapis.com/google.rpc.PreconditionFailure");
  BOOST_TEST(failure.violations(0).type() == "MISSING");
  BOOST_TEST(failure.violations(0).subject() == "blobs/" + missing.to_string());
  google::rpc::RetryInfo retry;
  BOOST_TEST_REQUIRE(retry.ParseFromString(back.details()[1].value));
  BOOST_TEST(retry.retry_delay().seconds() == 1);
  BOOST_TEST(retry.retry_delay().nanos() == 500'000'000);
}

BOOST_AUTO_TEST_CASE(garbage_in_a_status_loses_only_the_details) {
  auto fault = unpack_status(5, "not there", "\xff\xff garbage");
  BOOST_TEST((fault.code() == errc::not_found));
  BOOST_TEST(fault.message() == "not there");
  BOOST_TEST((unpack_status(99, "", "").code() == errc::unknown));
}

BOOST_AUTO_TEST_CASE(at_most_a_thousand_missing_blobs_are_named) {
  std::vector<digest> missing(1500, digest_of("x"));
  google::rpc::PreconditionFailure failure;
  BOOST_TEST_REQUIRE(failure.ParseFromString(missing_blobs_detail(missing).value));
  BOOST_TEST(failure.violations_size() == 1000);
}

BOOST_AUTO_TEST_CASE(a_torn_action_record_is_found_out) {
  auto record = wrap_result(bytes::of_static("a result"));
  BOOST_TEST(unwrap_result(record).value().view() == "a result");
  BOOST_TEST(unwrap_result(wrap_result({})).value().empty());
  BOOST_TEST((unwrap_result({}).error().code() == errc::data_loss));
  BOOST_TEST((unwrap_result(record.slice(0, record.size() - 1)).error().code() == errc::data_loss));
  std::string changed(record.view());
  changed.back() ^= 1;
  BOOST_TEST((unwrap_result(bytes::adopt(changed)).error().code() == errc::data_loss));
}

BOOST_AUTO_TEST_CASE(text_is_checked_as_utf8) {
  for (std::string_view good : {"", "plain", "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x94\xa5", "\xef\xbf\xbf"})
    BOOST_TEST(is_utf8(good));
  for (std::string_view bad :
       {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80", "\xe2\x82"})
    BOOST_TEST(!is_utf8(bad));
  BOOST_TEST(escaped("a\n\xff\x62", 10) == "a\\x0a\\xffb");
  BOOST_TEST(escaped("abcdef", 3) == "abc...");
}

BOOST_AUTO_TEST_SUITE_END()
