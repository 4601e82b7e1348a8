#include "test/end_to_end/remote.hpp"

#include <google/bytestream/bytestream.pb.h>

#include <cstring>
#include <map>

#include "core/digest/hasher.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln::end_to_end {
namespace {

error status_of(const google::rpc::Status& status) {
  return {static_cast<errc>(status.code()), status.message()};
}

error compare(const digest& wanted, const digest& found) {
  if (wanted == found) return {};
  return {errc::data_loss, fmt::format("what came for {} is {}", wanted, found)};
}

// As a number of the protocol.
template <class Request>
void name_function(Request& request, const digest& of) {
  request.set_digest_function(static_cast<v2::DigestFunction::Value>(of.function));
}

}  // namespace

std::string reapi(std::string_view method) {
  return fmt::format("/build.bazel.remote.execution.v2.{}", method);
}

expected<std::vector<error>> remote::update_blobs(const std::vector<blob>& blobs) const {
  v2::BatchUpdateBlobsRequest request;
  if (!blobs.empty()) name_function(request, blobs.front().first);
  for (const auto& [name, content] : blobs) {
    auto* one = request.add_requests();
    to_wire(name, one->mutable_digest());
    one->set_data(content);
  }
  auto answer =
      ask<v2::BatchUpdateBlobsResponse>(reapi("ContentAddressableStorage/BatchUpdateBlobs"), request);
  if (!answer) return failure(answer.error());
  if (answer->responses_size() != request.requests_size())
    return fail(errc::internal, "{} blobs were sent and {} answered", blobs.size(), answer->responses_size());
  std::vector<error> results;
  for (const auto& one : answer->responses()) results.push_back(status_of(one.status()));
  return results;
}

expected<void> remote::write(const digest& name, byte_chain content) const {
  auto committed =
      wait_for<std::int64_t>([&](auto then) { client_.upload(name, std::move(content), std::move(then)); });
  if (!committed) return failure(committed.error());
  if (*committed != name.size)
    return fail(errc::data_loss, "{} bytes of {} were committed", *committed, name);
  return {};
}

expected<std::vector<digest>> remote::find_missing(const std::vector<digest>& blobs) const {
  std::map<digest_function, v2::FindMissingBlobsRequest> requests;
  for (const auto& blob : blobs) {
    auto& request = requests[blob.function];
    name_function(request, blob);
    to_wire(blob, request.add_blob_digests());
  }
  std::vector<digest> missing;
  for (const auto& [function, request] : requests) {
    auto answer =
        ask<v2::FindMissingBlobsResponse>(reapi("ContentAddressableStorage/FindMissingBlobs"), request);
    if (!answer) return failure(answer.error());
    for (const auto& one : answer->missing_blob_digests()) {
      auto read = from_wire(one, function);
      if (!read) return failure(read.error());
      missing.push_back(*read);
    }
  }
  return missing;
}

expected<void> remote::splice(const digest& whole, const std::vector<digest>& chunks) const {
  v2::SpliceBlobRequest request;
  name_function(request, whole);
  to_wire(whole, request.mutable_blob_digest());
  for (const auto& chunk : chunks) to_wire(chunk, request.add_chunk_digests());
  auto answer = ask<v2::SpliceBlobResponse>(reapi("ContentAddressableStorage/SpliceBlob"), request);
  if (!answer) return failure(answer.error());
  return {};
}

expected<std::vector<error>> remote::check_blobs(const std::vector<digest>& blobs) const {
  v2::BatchReadBlobsRequest request;
  if (!blobs.empty()) name_function(request, blobs.front());
  for (const auto& blob : blobs) to_wire(blob, request.add_digests());
  auto answer = ask<v2::BatchReadBlobsResponse>(reapi("ContentAddressableStorage/BatchReadBlobs"), request);
  if (!answer) return failure(answer.error());
  if (answer->responses_size() != request.digests_size())
    return fail(errc::internal, "{} blobs were asked and {} answered", blobs.size(),
                answer->responses_size());
  std::vector<error> results;
  for (int i = 0; i < answer->responses_size(); ++i) {
    const auto& one = answer->responses(i);
    auto status = status_of(one.status());
    const auto& blob = blobs[static_cast<std::size_t>(i)];
    results.push_back(status.ok() ? compare(blob, digest_of(one.data(), blob.function)) : status);
  }
  return results;
}

expected<void> remote::check_blob(const digest& blob) const {
  google::bytestream::ReadRequest request;
  request.set_resource_name(make_read_name({"", blob, compressor::identity, {}}));
  auto seen = std::make_shared<hasher>(blob.function);
  auto ended = wait_for<void>([&](auto then) {
    client_.follow(
        "/google.bytestream.ByteStream/Read", request,
        [seen](byte_chain message) {
          if (auto piece = parse<google::bytestream::ReadResponse>(message)) seen->update(piece->data());
        },
        std::move(then));
  });
  if (!ended) return ended;
  if (auto fault = compare(blob, seen->finish()); !fault.ok()) return failure(fault);
  return {};
}

expected<void> remote::update_result(const digest& action, const v2::ActionResult& result) const {
  v2::UpdateActionResultRequest request;
  name_function(request, action);
  to_wire(action, request.mutable_action_digest());
  *request.mutable_action_result() = result;
  auto answer = ask<v2::ActionResult>(reapi("ActionCache/UpdateActionResult"), request);
  if (!answer) return failure(answer.error());
  return {};
}

expected<v2::ActionResult> remote::get_result(const digest& action) const {
  v2::GetActionResultRequest request;
  name_function(request, action);
  to_wire(action, request.mutable_action_digest());
  return ask<v2::ActionResult>(reapi("ActionCache/GetActionResult"), request);
}

std::string made_bytes(std::uint64_t key, std::size_t size) {
  std::string text(size, '\0');
  // splitmix64: neighbouring keys have nothing in common.
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t word = (key += 0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::memcpy(text.data() + at, &word, std::min<std::size_t>(8, size - at));
  }
  return text;
}

}  // namespace kiln::end_to_end
