#include "test/conformance/right_server.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>

#include "core/config/document.hpp"

namespace kiln::conformance {
namespace {

// The suite waits in many actions that do nothing but sleep, and several lies are told at once.
constexpr auto configuration_text = R"(
stores:
  blobs: {type: verify, inner: {type: memory, capacity: 1GiB}}
  results: {type: memory, capacity: 64MiB}
  content: {type: chunked, inner: blobs, layouts: results}
transports:
  front: {type: grpc, listen: ["unix:${KILN_DATA}/front"]}
serve:
  content: content
  results: results
  chunking: {}
  execution: {}
worker: {cas: content, work_root: "${KILN_DATA}/work", inputs: copy, slots: 32}
)";

template <class T>
T or_throw(expected<T> value) {
  if (!value) throw std::runtime_error(value.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

}  // namespace

right_server::right_server(const std::string& plugin_folder, const std::string& folder)
    : folder_(folder), log_(descriptor_sink(STDERR_FILENO), system_clock(), {.level = log_level::error}) {
  or_throw(plugins_.load_folder(plugin_folder));
  configuration_source source{"right server", {}, {{"KILN_DATA", folder}}, configuration_text};
  auto wanted = or_throw(read_configuration(source, plugins_));
  system_ = std::make_unique<caf::actor_system>(config_);
  running_ = or_throw(assembly::start(wanted, plugins_, *system_, env_));
}

std::unique_ptr<transport> right_server::make_door() {
  auto text = or_throw(parse_document(fmt::format("listen: ['unix:{}/door{}']", folder_, ++doors_), "door"));
  const auto* plugin = plugins_.transport("grpc");
  faults found;
  store_refs stores;
  auto options = plugin->schema()->read_any(text.root(), found, stores);
  or_throw(found.as_result());
  return or_throw(plugin->make(options, {env_, "door"}));
}

}  // namespace kiln::conformance
