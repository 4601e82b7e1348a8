#include "actors/services/content_addressable_storage/cas_messages.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

namespace v2 = build::bazel::remote::execution::v2;

expected<digest> digest_in(const v2::Digest& from, expected<digest_function>& function, int named) {
  if (!function) function = resolve_function(named, from.hash().size());
  if (!function) return failure(function.error());
  return from_wire(from, *function);
}

expected<digest_function> unknown_yet() {
  return fail(errc::invalid_argument, "there is no digest");
}

// The same request, understood by protobuf.
template <class Message, class Digests>
expected<digests_request> oracle(const byte_chain& from, Digests digests) {
  auto request = parse<Message>(from);
  if (!request) return failure(request.error());
  if (auto fine = check_instance_name(request->instance_name()); !fine) return failure(fine.error());
  digests_request result;
  result.instance = request->instance_name();
  auto function = unknown_yet();
  for (const auto& each : digests(*request)) {
    auto blob = digest_in(each, function, request->digest_function());
    if (!blob) return failure(blob.error());
    result.blobs.push_back(*blob);
  }
  if constexpr (requires { request->acceptable_compressors(); })
    for (int each : request->acceptable_compressors()) result.takes_zstd |= each == v2::Compressor::ZSTD;
  return result;
}

void compare(const expected<digests_request>& ours, const expected<digests_request>& theirs) {
  must(ours.has_value() == theirs.has_value(), "digests: taken by both or by neither");
  if (!ours) return;
  must(ours->instance == theirs->instance, "digests: the instance");
  must(ours->blobs == theirs->blobs, "digests: the blobs");
  must(ours->takes_zstd == theirs->takes_zstd, "digests: whether zstd is taken");
}

expected<update_request> update_oracle(const byte_chain& from) {
  auto request = parse<v2::BatchUpdateBlobsRequest>(from);
  if (!request) return failure(request.error());
  if (auto fine = check_instance_name(request->instance_name()); !fine) return failure(fine.error());
  update_request result;
  result.instance = request->instance_name();
  auto function = unknown_yet();
  for (const auto& each : request->requests()) {
    auto blob = digest_in(each.digest(), function, request->digest_function());
    if (!blob) return failure(blob.error());
    const auto form = each.compressor() < 0 || each.compressor() > 0xff ? 0xff : each.compressor();
    result.entries.push_back({*blob, bytes::copy_of(each.data()), static_cast<compressor>(form)});
  }
  return result;
}

void compare_update(const byte_chain& message) {
  auto ours = read_batch_update_request(message);
  auto theirs = update_oracle(message);
  must(ours.has_value() == theirs.has_value(), "BatchUpdateBlobs: taken by both or by neither");
  if (!ours) return;
  must(ours->instance == theirs->instance, "BatchUpdateBlobs: the instance");
  must(ours->entries.size() == theirs->entries.size(), "BatchUpdateBlobs: the number of blobs");
  for (std::size_t i = 0; i < ours->entries.size(); ++i) {
    const auto& left = ours->entries[i];
    const auto& right = theirs->entries[i];
    must(left.blob == right.blob, "BatchUpdateBlobs: a digest");
    must(left.data.view() == right.data.view(), "BatchUpdateBlobs: data");
    must(left.form == right.form, "BatchUpdateBlobs: a compressor");
  }
}

}  // namespace

// What we read by hand is what protobuf reads, wherever the pieces of the message end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const auto choice = take_choice(text);
  const auto message = in_pieces(text, choice / 4);
  switch (choice % 4) {
    case 0:
      compare(read_find_missing_request(message),
              oracle<v2::FindMissingBlobsRequest>(message, [](auto& from) { return from.blob_digests(); }));
      break;
    case 1:
      compare(read_batch_read_request(message),
              oracle<v2::BatchReadBlobsRequest>(message, [](auto& from) { return from.digests(); }));
      break;
    default:
      compare_update(message);
  }
  return 0;
}
