#include "core/wire/too_large.hpp"

#include <charconv>
#include <string>

#include "google/rpc/error_details.pb.h"

namespace kiln {
namespace {

constexpr std::string_view type_of_detail = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr const char* reason = "BLOB_TOO_LARGE";
constexpr const char* domain = "kiln";
constexpr const char* limit = "max_bytes";

}  // namespace

error too_large_for_store(const digest& blob, std::string_view store, std::uint64_t most) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(domain);
  (*info.mutable_metadata())[limit] = std::to_string(most);
  return error(errc::resource_exhausted,
               fmt::format("blob {} is too large for store {}, which takes {} bytes at most", blob, store,
                           most))
      .add_detail({std::string(type_of_detail), info.SerializeAsString()});
}

std::optional<std::uint64_t> max_taken(const error& fault) {
  for (const auto& detail : fault.details()) {
    google::rpc::ErrorInfo info;
    if (detail.type_url != type_of_detail || !info.ParseFromString(detail.value)) continue;
    if (info.reason() != reason || info.domain() != domain) continue;
    auto found = info.metadata().find(limit);
    if (found == info.metadata().end()) continue;
    const auto& text = found->second;
    std::uint64_t most = 0;
    auto read = std::from_chars(text.data(), text.data() + text.size(), most);
    if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return most;
  }
  return std::nullopt;
}

}  // namespace kiln
