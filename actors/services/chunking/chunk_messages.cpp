#include "actors/services/chunking/chunk_messages.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

template <class Request>
expected<digest> named_blob(const Request& request, const cache_limits& limits) {
  if (auto good = check_instance_name(request.instance_name()); !good) return failure(good.error());
  if (!request.has_blob_digest()) return fail(errc::invalid_argument, "the request names no blob");
  auto function = resolve_function(request.digest_function(), request.blob_digest().hash().size());
  if (!function) return failure(function.error());
  if (auto served = limits.check_function(*function); !served) return failure(served.error());
  return from_wire(request.blob_digest(), *function);
}

// The chunks of a splice, which have to come to the blob's size: what they hold is looked at later.
expected<composition> named_chunks(const v2::SpliceBlobRequest& request, const digest& blob,
                                   std::size_t max_chunks) {
  const auto count = static_cast<std::size_t>(request.chunk_digests_size());
  if (count > max_chunks)
    return fail(errc::invalid_argument, "{} chunks; the limit is {}", count, max_chunks);
  composition whole;
  if (request.chunking_function() == v2::ChunkingFunction::FAST_CDC_2020)
    whole.cut_by = chunking_function::fast_cdc_2020;
  std::int64_t left = blob.size;
  for (const auto& name : request.chunk_digests()) {
    auto chunk = from_wire(name, blob.function);
    if (!chunk) return failure(chunk.error());
    if (chunk->size > left) return fail(errc::invalid_argument, "the chunks are longer than blob {}", blob);
    left -= chunk->size;
    if (!is_empty_blob(*chunk)) whole.parts.push_back(*chunk);
  }
  if (left > 0)
    return fail(errc::invalid_argument, "the chunks are {} bytes shorter than blob {}", left, blob);
  return whole;
}

}  // namespace

expected<digest> read_split_request(const byte_chain& from, const cache_limits& limits) {
  auto request = parse<v2::SplitBlobRequest>(from);
  if (!request) return failure(request.error());
  return named_blob(*request, limits);
}

expected<splice_request> read_splice_request(const byte_chain& from, const cache_limits& limits,
                                             std::size_t max_chunks) {
  auto request = parse<v2::SpliceBlobRequest>(from);
  if (!request) return failure(request.error());
  auto blob = named_blob(*request, limits);
  if (!blob) return failure(blob.error());
  if (limits.too_large(blob->size))
    return fail(errc::invalid_argument, "blob {} is larger than is taken", *blob);
  auto whole = named_chunks(*request, *blob, max_chunks);
  if (!whole) return failure(whole.error());
  return splice_request{*blob, std::move(*whole)};
}

bytes write_split_response(const composition& whole) {
  v2::SplitBlobResponse answer;
  for (const auto& part : whole.parts) to_wire(part, answer.add_chunk_digests());
  answer.set_chunking_function(static_cast<v2::ChunkingFunction::Value>(whole.cut_by));
  return serialise(answer);
}

bytes write_splice_response(const digest& blob) {
  v2::SpliceBlobResponse answer;
  to_wire(blob, answer.mutable_blob_digest());
  return serialise(answer);
}

}  // namespace kiln
