#include <algorithm>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {

namespace v2 = build::bazel::remote::execution::v2;
using asked = v2::GetTreeRequest;
using told = v2::GetTreeResponse;

std::vector<lie> tree_lies() {
  return {
      misjudging<asked>(49, "GetTree",
                        [](const asked& request, error& status, std::vector<byte_chain>&) {
                          bool whole =
                              request.page_token().empty() && request.root_digest().size_bytes() == 100;
                          if (whole && status.code() == errc::not_found) status = {};
                        }),
      mishearing<asked>(51, "GetTree",
                        [](asked& request) { request.set_page_size(std::min(0, request.page_size())); }),
      misquoting<asked, told>(53, "GetTree",
                              [](const asked& request, told& page) {
                                if (request.page_size() == 1000 && page.next_page_token().empty())
                                  page.set_next_page_token("the end");
                              }),
      misjudging<asked>(54, "GetTree",
                        [](const asked& request, error& status, std::vector<byte_chain>&) {
                          if (!request.page_token().empty() && status.code() == errc::invalid_argument)
                            status = {};
                        }),
      mishearing<asked>(55, "GetTree",
                        [](asked& request) { request.set_page_size(std::max(0, request.page_size())); }),
      misjudging<asked>(56, "GetTree",
                        [](const asked&, error& status, std::vector<byte_chain>&) {
                          if (status.message().find("no Directory") != std::string::npos)
                            status = {errc::internal, status.message()};
                        }),
  };
}

}  // namespace kiln::conformance
