#include <boost/test/unit_test.hpp>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/message.hpp"
#include "core/wire/parsed_weight.hpp"

/// Two bytes of a message may become an object of eighty.
namespace kiln::test {
namespace parsed_weights {

namespace v2 = build::bazel::remote::execution::v2;

constexpr std::size_t large = 1 << 20;

byte_chain many(std::string_view part, std::size_t size = large) {
  std::string text;
  while (text.size() < size) text += part;
  return bytes::adopt(std::move(text));
}

/// A field of this number with so much in it.
std::string field(char tag, const std::string& content) {
  std::string text(1, tag);
  for (auto size = content.size();; size >>= 7) {
    text += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    if (size <= 0x7f) return text + content;
  }
}

template <class Message>
bool is_refused_as_too_much(const byte_chain& from) {
  auto parsed = parse<Message>(from);
  return !parsed && parsed.error().code() == errc::invalid_argument &&
         parsed.error().to_string().find("small parts") != std::string::npos;
}

v2::Directory directory(int files, std::size_t hex) {
  v2::Directory all;
  for (int i = 0; i < files; ++i) {
    auto& file = *all.add_files();
    file.set_name(std::to_string(i));
    file.mutable_digest()->set_hash(std::string(hex, 'a'));
    file.mutable_digest()->set_size_bytes(7);
    file.mutable_node_properties()->mutable_mtime()->set_seconds(1'700'000'000);
    file.mutable_node_properties()->mutable_unix_mode()->set_value(0644);
  }
  return all;
}

}  // namespace parsed_weights

using namespace parsed_weights;

BOOST_AUTO_TEST_SUITE(parsed_weights_of_messages)

BOOST_AUTO_TEST_CASE(what_would_take_much_more_memory_than_it_is_long_is_refused) {
  using namespace std::string_literals;
  BOOST_TEST(is_refused_as_too_much<v2::GetActionResultRequest>(many("\x2a\x00"s)));      // empty strings
  BOOST_TEST(is_refused_as_too_much<v2::BatchUpdateBlobsRequest>(many("\x12\x00"s)));     // empty messages
  BOOST_TEST(is_refused_as_too_much<v2::GetActionResultRequest>(many("\xfa\x7f\x00"s)));  // unknown fields
  BOOST_TEST(is_refused_as_too_much<v2::GetActionResultRequest>(many("\xf8\x7f\x01"s)));
  BOOST_TEST(is_refused_as_too_much<v2::GetActionResultRequest>(many("\x13\x14"s)));  // groups
  // A known number, but not as it is written.
  BOOST_TEST(is_refused_as_too_much<v2::GetActionResultRequest>(many("\x08\x01"s)));
  BOOST_TEST(is_refused_as_too_much<v2::GetActionResultRequest>(many("\x28\x01"s)));
}

BOOST_AUTO_TEST_CASE(however_deep_the_small_parts_lie) {
  const auto parts = std::string(many(std::string_view("\x52\x00", 2)).flatten().view());
  BOOST_TEST(
      is_refused_as_too_much<v2::UpdateActionResultRequest>(byte_chain(bytes::adopt(field(0x1a, parts)))));
  // In pieces that end anywhere.
  byte_chain torn;
  const auto whole = bytes::adopt(field(0x1a, parts));
  for (std::size_t at = 0; at < whole.size(); at += 4099)
    torn.append(whole.slice(at, std::min<std::size_t>(4099, whole.size() - at)));
  BOOST_TEST(is_refused_as_too_much<v2::UpdateActionResultRequest>(torn));
}

BOOST_AUTO_TEST_CASE(what_is_small_is_parsed_whatever_it_is) {
  auto parsed = parse<v2::GetActionResultRequest>(many(std::string_view("\x2a\x00", 2), weighed_above));
  BOOST_TEST(parsed.has_value());
}

BOOST_AUTO_TEST_CASE(real_messages_are_not_too_much) {
  v2::FindMissingBlobsRequest digests;
  for (int i = 0; i < 50'000; ++i) digests.add_blob_digests()->set_hash(std::string(40, 'a'));
  BOOST_TEST(parse<v2::FindMissingBlobsRequest>(byte_chain(serialise(digests))).has_value());
  for (std::size_t hex : {40U, 64U, 128U}) {
    auto parsed = parse<v2::Directory>(byte_chain(serialise(directory(100'000, hex))));
    BOOST_TEST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed->files_size() == 100'000);
  }
  v2::Command command;
  for (int i = 0; i < 100'000; ++i) command.add_arguments("-Iexternal/" + std::to_string(i));
  BOOST_TEST(parse<v2::Command>(byte_chain(serialise(command))).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_broken_is_refused_as_that) {
  auto parsed = parse<v2::Directory>(many("\xff"));
  BOOST_TEST_REQUIRE(!parsed);
  BOOST_TEST(parsed.error().to_string().find("small parts") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
