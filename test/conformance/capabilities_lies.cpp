#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

lie announcing(int rule, std::function<void(v2::ServerCapabilities&)> change) {
  return misquoting<v2::GetCapabilitiesRequest, v2::ServerCapabilities>(
      rule, "GetCapabilities",
      [change](const v2::GetCapabilitiesRequest&, v2::ServerCapabilities& all) { change(all); });
}

}  // namespace

std::vector<lie> capabilities_lies() {
  return {
      announcing(149,
                 [](v2::ServerCapabilities& all) {
                   all.mutable_cache_capabilities()->add_digest_functions(v2::DigestFunction::UNKNOWN);
                 }),
      announcing(150, [](v2::ServerCapabilities& all) { all.mutable_low_api_version()->set_major(3); }),
      announcing(151,
                 [](v2::ServerCapabilities& all) {
                   all.mutable_cache_capabilities()->add_supported_compressors(v2::Compressor::BROTLI);
                 }),
      announcing(154,
                 [](v2::ServerCapabilities& all) {
                   all.mutable_cache_capabilities()->set_symlink_absolute_path_strategy(
                       v2::SymlinkAbsolutePathStrategy::UNKNOWN);
                 }),
  };
}

}  // namespace kiln::conformance
