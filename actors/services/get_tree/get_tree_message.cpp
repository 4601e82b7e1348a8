#include "actors/services/get_tree/get_tree_message.hpp"

#include "actors/services/get_tree/page_token.hpp"
#include "actors/services/get_tree/tree_walk.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {

expected<get_tree_request> read_get_tree_request(const byte_chain& from, const cache_limits& limits) {
  auto request = parse<build::bazel::remote::execution::v2::GetTreeRequest>(from);
  if (!request) return failure(request.error());
  if (auto fine = check_instance_name(request->instance_name()); !fine) return failure(fine.error());
  if (request->page_size() < 0)
    return fail(errc::invalid_argument, "a page size of {}", request->page_size());
  auto function = resolve_function(request->digest_function(), request->root_digest().hash().size());
  if (!function) return failure(function.error());
  if (auto fine = limits.check_function(*function); !fine) return failure(fine.error());
  auto root = from_wire(request->root_digest(), *function);
  if (!root) return failure(root.error());
  if (auto fine = tree_walk::check_size(*root); !fine) return failure(fine.error());
  get_tree_request asked{*root, 0, request->page_token(), static_cast<std::size_t>(request->page_size())};
  if (asked.token.empty()) return asked;
  auto position = position_in(asked.token);
  if (!position) return failure(position.error());
  asked.position = *position;
  return asked;
}

}  // namespace kiln
