#include "test/harness/cluster.hpp"

#include <algorithm>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/resource_name.hpp"
#include "google/bytestream/bytestream.pb.h"

namespace kiln::test {
namespace {

namespace v2 = build::bazel::remote::execution::v2;
namespace bs = google::bytestream;

const std::string cas = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";

template <class T>
T or_throw(expected<T> value) {
  if (!value) throw std::runtime_error(value.error().to_string());
  return std::move(*value);
}

}  // namespace

cluster::cluster(std::uint64_t seed, pick how) : system_(seed, how), plugins_(plugins()) {
  if (auto added = plugins_.add("direct", plugin_); !added)
    throw std::runtime_error(added.error().to_string());
}

cluster::cluster(const std::string& yaml, std::uint64_t seed, pick how) : cluster(seed, how) {
  join(yaml);
}

cluster::~cluster() {
  for (const auto& call : calls_)
    if (auto open = call.lock()) open->cancel();
  run();
  while (!nodes_.empty()) {
    nodes_.pop_back();
    run();
  }
}

void cluster::join(const std::string& yaml) {
  configuration_source source{"cluster.yaml", {}, {{"KILN_DATA", data()}}, yaml};
  auto wanted = or_throw(read_configuration(source, plugins_));
  nodes_.push_back(or_throw(assembly::start(wanted, plugins_, system_.actors(), system_.env())));
  run();
}

void cluster::end(std::size_t node) {
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(node));
  run();
}

std::vector<std::shared_ptr<direct_call>> cluster::open_calls() const {
  std::vector<std::shared_ptr<direct_call>> open;
  for (const auto& each : calls_)
    if (auto call = each.lock(); call && !call->end()) open.push_back(std::move(call));
  return open;
}

std::shared_ptr<direct_call> cluster::begin(const std::string& method) {
  auto addresses = nodes_.front()->addresses();
  if (addresses.empty()) throw std::runtime_error("the node listens nowhere");
  return begin_at(addresses.front(), {method, {}, std::nullopt});
}

std::shared_ptr<direct_call> cluster::begin_at(const std::string& address, outbound_request request) {
  auto call = network_.start(address, std::move(request));
  std::erase_if(calls_, [](const auto& one) { return one.expired(); });
  calls_.push_back(call);
  return call;
}

std::shared_ptr<direct_call> cluster::begin(const std::string& method,
                                            const google::protobuf::MessageLite& request) {
  auto call = begin(method);
  call->send(serialise(request));
  call->close();
  return call;
}

std::shared_ptr<direct_call> cluster::call(const std::string& method,
                                           const google::protobuf::MessageLite& request) {
  auto call = begin(method, request);
  run();
  if (!call->end()) throw std::runtime_error(method + " was not finished");
  return call;
}

expected<digest> cluster::upload(const std::string& content, std::size_t step) {
  auto name = digest_of(content);
  auto call = begin("/google.bytestream.ByteStream/Write");
  bs::WriteRequest request;
  request.set_resource_name(fmt::format("uploads/{}/blobs/{}", system_.env().random->next(), name));
  for (std::size_t at = 0; !request.finish_write(); at += step) {
    request.set_write_offset(static_cast<std::int64_t>(at));
    request.set_data(content.substr(at, step));
    request.set_finish_write(at + step >= content.size());
    call->send(serialise(request));
  }
  call->close();
  run();
  if (!call->end()) throw std::runtime_error("the upload was not finished");
  if (!call->end()->ok()) return failure(*call->end());
  return name;
}

expected<std::string> cluster::download(const digest& blob) {
  bs::ReadRequest request;
  request.set_resource_name(fmt::format("blobs/{}", blob));
  auto done = call("/google.bytestream.ByteStream/Read", request);
  if (!done->end()->ok()) return failure(*done->end());
  std::string all;
  for (const auto& message : done->messages()) all += or_throw(parse<bs::ReadResponse>(message)).data();
  return all;
}

expected<digest> cluster::put(const std::string& content) {
  auto name = digest_of(content);
  v2::BatchUpdateBlobsRequest request;
  auto* one = request.add_requests();
  to_wire(name, one->mutable_digest());
  one->set_data(content);
  auto answer = ask<v2::BatchUpdateBlobsResponse>(cas + "BatchUpdateBlobs", request);
  if (!answer) return failure(answer.error());
  const auto& status = answer->responses(0).status();
  if (status.code() != 0) return failure(error(static_cast<errc>(status.code()), status.message()));
  return name;
}

digest cluster::put(const google::protobuf::MessageLite& message) {
  return or_throw(put(message.SerializeAsString()));
}

bool cluster::has(const digest& blob) {
  v2::FindMissingBlobsRequest request;
  to_wire(blob, request.add_blob_digests());
  return or_throw(ask<v2::FindMissingBlobsResponse>(cas + "FindMissingBlobs", request))
             .missing_blob_digests_size() == 0;
}

std::shared_ptr<std::optional<expected<drained>>> cluster::begin_drain() {
  return system_.begin<drained>(nodes_.front()->drain(), kiln::begin_drain{});
}

}  // namespace kiln::test
