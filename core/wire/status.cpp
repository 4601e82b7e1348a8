#include "core/wire/status.hpp"

#include <algorithm>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace kiln {
namespace {

constexpr std::size_t max_missing_named = 1000;

error_detail pack(const google::protobuf::Message& message) {
  return {"type.googleapis.com/" + message.GetTypeName(), message.SerializeAsString()};
}

errc code_of(int number) noexcept {
  bool known = number >= 0 && number <= static_cast<int>(errc::unauthenticated);
  return known ? static_cast<errc>(number) : errc::unknown;
}

}  // namespace

std::string pack_status(const error& fault) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(fault.code()));
  status.set_message(fault.message());
  for (const auto& detail : fault.details()) {
    auto* any = status.add_details();
    any->set_type_url(detail.type_url);
    any->set_value(detail.value);
  }
  return status.SerializeAsString();
}

error unpack_status(int code, std::string message, std::string_view packed) {
  error fault(code_of(code), std::move(message));
  google::rpc::Status status;
  if (packed.empty() || !status.ParseFromArray(packed.data(), static_cast<int>(packed.size()))) return fault;
  if (status.code() != code) return fault;
  for (auto& any : *status.mutable_details())
    fault.add_detail({std::move(*any.mutable_type_url()), std::move(*any.mutable_value())});
  return fault;
}

error_detail retry_info(duration after) {
  google::rpc::RetryInfo info;
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(after);
  info.mutable_retry_delay()->set_seconds(seconds.count());
  info.mutable_retry_delay()->set_nanos(static_cast<int>((after - seconds).count()));
  return pack(info);
}

error try_again(errc code, std::string message, duration after) {
  return error(code, std::move(message)).add_detail(retry_info(after));
}

error_detail missing_blobs_detail(std::span<const digest> missing) {
  google::rpc::PreconditionFailure failure;
  for (const auto& blob : missing.first(std::min(missing.size(), max_missing_named))) {
    auto* violation = failure.add_violations();
    violation->set_type("MISSING");
    violation->set_subject("blobs/" + blob.to_string());
  }
  return pack(failure);
}

error_detail bad_request_detail(std::span<const field_violation> violations) {
  google::rpc::BadRequest bad;
  for (const auto& one : violations) {
    auto* violation = bad.add_field_violations();
    violation->set_field(one.field);
    violation->set_description(one.description);
  }
  return pack(bad);
}

error_detail violation_detail(std::string type, std::string subject, std::string description) {
  google::rpc::PreconditionFailure failure;
  auto* violation = failure.add_violations();
  violation->set_type(std::move(type));
  violation->set_subject(std::move(subject));
  violation->set_description(std::move(description));
  return pack(failure);
}

}  // namespace kiln
