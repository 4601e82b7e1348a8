#include "actors/system/outbound.hpp"

namespace kiln {
namespace {

// In single quotes YAML knows one special character.
std::string yaml_text(const std::string& value) {
  std::string text = "'";
  for (char c : value) text += c == '\'' ? std::string("''") : std::string(1, c);
  return text + "'";
}

}  // namespace

expected<std::unique_ptr<transport>> outbound_transport(const plugin_registry& plugins,
                                                        const environment& env,
                                                        const dial_identity& identity) {
  const auto* plugin = plugins.transport("grpc");
  if (plugin == nullptr)
    return fail(errc::not_found, "there is no transport plugin \"grpc\"; is --plugins right?");
  auto text =
      parse_document(fmt::format("{{listen: [], dial_tls: {{ca: {}, cert: {}, key: {}}}}}",
                                 yaml_text(identity.ca), yaml_text(identity.cert), yaml_text(identity.key)),
                     "command line");
  if (!text) return failure(text.error());
  faults found;
  store_refs stores;
  auto options = plugin->schema()->read_any(text->root(), found, stores);
  if (auto good = found.as_result(); !good) return failure(good.error());
  return plugin->make(options, {env, "command"});
}

}  // namespace kiln
