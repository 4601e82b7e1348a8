#include "actors/services/remote_asset/asset_answer.hpp"

#include "build/bazel/remote/asset/v1/remote_asset.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/status.hpp"
#include "core/wire/times.hpp"

namespace kiln {
namespace {

namespace asset_v1 = build::bazel::remote::asset::v1;
using function_on_wire = build::bazel::remote::execution::v2::DigestFunction;

template <class Response>
Response describe(const asset_record& found) {
  Response response;
  response.set_uri(found.uri);
  for (const auto& one : found.qualifiers) {
    auto* added = response.add_qualifiers();
    added->set_name(one.name);
    added->set_value(one.value);
  }
  if (found.expire_at) to_wire(*found.expire_at, response.mutable_expires_at());
  response.set_digest_function(static_cast<function_on_wire::Value>(found.content.function));
  return response;
}

}  // namespace

bytes answer_with(const asset_record& found) {
  if (found.kind == asset_kind::blob) {
    auto response = describe<asset_v1::FetchBlobResponse>(found);
    to_wire(found.content, response.mutable_blob_digest());
    return serialise(response);
  }
  auto response = describe<asset_v1::FetchDirectoryResponse>(found);
  to_wire(found.content, response.mutable_root_directory_digest());
  return serialise(response);
}

bytes answer_without(const error& why) {
  asset_v1::FetchBlobResponse response;  // the status stands in the same place in both
  response.mutable_status()->ParseFromString(pack_status(why));
  return serialise(response);
}

}  // namespace kiln
