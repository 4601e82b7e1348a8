#include <charconv>

#include "google/bytestream/bytestream.pb.h"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {
namespace {

namespace bs = google::bytestream;
using asked = bs::ReadRequest;

bool names(const asked& request, std::string_view part) {
  return request.resource_name().find(part) != std::string::npos;
}

bool compressed(const asked& request) {
  return names(request, "compressed-blobs/zstd/");
}

// The size at the end of a blob's name; -1 if there is none.
std::int64_t size_in(const std::string& name) {
  std::int64_t size = -1;
  auto at = name.rfind('/') + 1;
  std::from_chars(name.data() + at, name.data() + name.size(), size);
  return size;
}

}  // namespace

std::vector<lie> reading_lies() {
  return {
      refusing<asked>(
          20, "Read", [](const asked& request) { return request.resource_name().ends_with("/many"); },
          errc::internal),
      misjudging<asked>(79, "Read",
                        [](const asked& request, error& status, std::vector<byte_chain>&) {
                          if (request.read_offset() > 0 && status.code() == errc::out_of_range) status = {};
                        }),
      refusing<asked>(
          80, "Read",
          [](const asked& request) {
            return request.read_offset() > 0 && request.read_offset() == size_in(request.resource_name()) &&
                   !compressed(request);
          },
          errc::out_of_range),
      mishearing<asked>(81, "Read",
                        [](asked& request) {
                          if (request.read_limit() < 0) request.set_read_limit(0);
                        }),
      mishearing<asked>(82, "Read",
                        [](asked& request) {
                          if (request.read_limit() > 0 && !compressed(request)) request.set_read_limit(0);
                        }),
      mishearing<asked>(83, "Read",
                        [](asked& request) {
                          if (compressed(request)) request.set_read_limit(0);
                        }),
      mishearing<asked>(84, "Read",
                        [](asked& request) {
                          if (compressed(request)) request.set_read_offset(0);
                        }),
      refusing<asked>(
          86, "Read",
          [](const asked& request) {
            return names(request, "compressed-blobs/brotli/") || names(request, "compressed-blobs/deflate/");
          },
          errc::internal),
      refusing<asked>(
          89, "Read",
          [](const asked& request) { return names(request, "uploads/") && !names(request, "//"); },
          errc::not_found),
  };
}

}  // namespace kiln::conformance
