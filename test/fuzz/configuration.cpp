#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "actors/system/node_options.hpp"
#include "core/config/describe.hpp"
#include "core/config/document.hpp"
#include "core/plugin/store_tree.hpp"
#include "plugins/stores/chunked/chunked_options.hpp"
#include "plugins/stores/compression/compression_store_options.hpp"
#include "plugins/stores/filesystem/store/filesystem_options.hpp"
#include "plugins/stores/grpc/grpc_store_options.hpp"
#include "plugins/stores/memory/memory_options.hpp"
#include "plugins/stores/size_partitioning/size_partitioning_options.hpp"
#include "plugins/stores/verify/verify_options.hpp"
#include "plugins/transports/grpc/grpc_options.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

template <class Options>
std::shared_ptr<const section_schema> shared(schema<Options> from) {
  return std::make_shared<const schema<Options>>(std::move(from));
}

const kind_table& store_kinds() {
  static const kind_table all = {{"chunked", shared(chunked_schema())},
                                 {"compression", shared(compression_store_schema())},
                                 {"filesystem", shared(filesystem::filesystem_schema())},
                                 {"grpc", shared(grpc_store_schema())},
                                 {"memory", shared(memory_schema())},
                                 {"size_partitioning", shared(size_partitioning_schema())},
                                 {"verify", shared(verify_schema())}};
  return all;
}

const schema<node_options>& whole_schema() {
  static const kind_table transports = {{"grpc", shared(grpc_plugin::grpc_schema())}};
  static const auto whole = node_schema(store_kinds(), transports);
  return whole;
}

// As a node reads its configuration: printed when all is well, nothing when there are faults.
std::optional<std::string> configure(const document& from) {
  faults found = from.diagnostics();
  store_refs references;
  node_options node;
  whole_schema().read(from.root(), node, found, references);
  store_tree::demands wanted;
  for (const auto& use : references.used) wanted.emplace(use.name, store_role::content);
  const auto stores = resolve_stores(node.stores, references, store_kinds(), found);
  (void)store_tree::spread(stores, std::move(wanted), found);
  for (const auto& each : found.sorted())
    must(each.to_string().find('\n') == std::string::npos, "a fault is one line");
  if (!found.as_result()) return std::nullopt;
  return to_yaml(with_inline_stores(whole_schema().show(node), stores));
}

void check_configuration(const document& from) {
  const auto printed = configure(from);
  if (!printed) return;
  auto read = parse_document(*printed, "printed.yaml");
  must(read.has_value(), "a configuration that is printed is a document");
  const auto again = configure(*read);
  must(again == printed, "a configuration that is printed is the same configuration");
}

std::optional<std::string> variable(std::string_view name) {
  if (name.starts_with("KILN_")) return "host:1";
  return std::nullopt;
}

}  // namespace

// Any text is a configuration, which says the same when it is printed and read again, or has faults.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto read = parse_document(std::string(text_of(data, size)), "node.yaml", variable);
  if (read) check_configuration(*read);
  return 0;
}
