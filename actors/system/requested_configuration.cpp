#include "actors/system/requested_configuration.hpp"

#include "actors/system/flag_values.hpp"
#include "core/config/faults.hpp"

namespace kiln {
namespace {

expected<void> offer(const std::vector<std::string>& properties, node_options& node) {
  if (!properties.empty() && !node.worker)
    return fail(errc::invalid_argument, "--property {}: there is no worker here that could offer it",
                in_quotes(properties.front()));
  for (const auto& property : properties) {
    auto equals = property.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(errc::invalid_argument, "--property {}: NAME=VALUE is wanted", in_quotes(property));
    node.worker->properties[property.substr(0, equals)].push_back(property.substr(equals + 1));
  }
  return {};
}

}  // namespace

expected<configuration> requested_configuration(const serve_request& request,
                                                const plugin_registry& plugins) {
  if (auto good = check_variables(request); !good) return failure(good.error());
  auto wanted = read_configuration({request.config, request.profile, request.variables, {}}, plugins);
  if (!wanted) return wanted;
  if (auto used = check_all_used(request, wanted->unused_variables); !used) return failure(used.error());
  if (auto offered = offer(request.properties, wanted->options); !offered) return failure(offered.error());
  return wanted;
}

}  // namespace kiln
