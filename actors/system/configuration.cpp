#include "actors/system/configuration.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>

#include "actors/system/configuration_checks.hpp"
#include "actors/system/process_folders.hpp"
#include "actors/system/profiles.hpp"
#include "core/config/describe.hpp"

namespace kiln {
namespace {

expected<std::string> text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(system_error(errno, fmt::format("configuration {}", path)));
  // One byte more than may be, so that the parser sees that it is too much.
  std::string text(document::max_size + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad())
    return fail(errc::invalid_argument, "configuration {}: it cannot be read, is it a file?", path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

expected<std::string> text_of_profile(const std::string& name) {
  auto all = profiles();
  auto found = std::find_if(all.begin(), all.end(), [&](const profile& one) { return one.name == name; });
  if (found != all.end()) return std::string(found->text);
  std::string known;
  for (const auto& one : all) known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
  return fail(errc::invalid_argument, "no profile {}; there are {}", in_quotes(name), known);
}

expected<std::string> text_of(const configuration_source& source) {
  if (source.text) return *source.text;
  return source.file.empty() ? text_of_profile(source.profile) : text_of_file(source.file);
}

/// What the variables of a text mean, and which of them it mentions.
class known_variables {
public:
  explicit known_variables(const configuration_source& source) : given_(source.variables) {}

  std::optional<std::string> value_of(std::string_view name) {
    mentioned_.emplace(name);
    for (const auto& [key, value] : given_)
      if (key == name) return value;
    if (auto value = process_variables(name); value && !value->empty()) return value;
    if (name == "KILN_DATA") return user_cache_folder();
    // A scheduler and a worker that share their data's folder share this, too.
    if (name == "KILN_WORKER_TOKEN") return *value_of("KILN_DATA") + "/worker-token";
    return std::nullopt;
  }
  std::vector<std::string> unused() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : given_)
      if (!mentioned_.contains(name)) names.push_back(name);
    return names;
  }

private:
  const std::vector<std::pair<std::string, std::string>>& given_;
  std::set<std::string, std::less<>> mentioned_;
};

// What the node's own sections ask of the stores they name. What stores ask of one another follows from it.
store_tree::demands demands_of(const std::vector<store_refs::use>& uses, faults& found) {
  store_tree::demands wanted;
  for (const auto& use : uses) {
    if (use.at.path().starts_with("stores.")) continue;
    auto what = use.at.path() == "serve.results" ? store_role::results : store_role::content;
    auto [named, fresh] = wanted.emplace(use.name, what);
    if (!fresh && named->second != what) complain_of_both(use, found);
  }
  return wanted;
}

/// In one process, how long an action may run is said once: for the service, unless the worker says less.
void share_time_limit(const node& root, node_options& options) {
  auto worker = root.find("worker");
  if (!worker || !options.worker || !options.serve || !options.serve->execution) return;
  if (!worker->find("max_timeout")) options.worker->max_timeout = options.serve->execution->max_timeout;
}

}  // namespace

expected<configuration> read_configuration(const configuration_source& source,
                                           const plugin_registry& plugins) {
  auto text = text_of(source);
  if (!text) return failure(text.error());
  auto name = source.file.empty() ? "profile " + source.profile : source.file;
  known_variables variables(source);
  auto parsed = parse_document(std::move(*text), std::move(name),
                               [&](std::string_view wanted) { return variables.value_of(wanted); });
  if (!parsed) return failure(parsed.error());
  auto store_kinds = plugins.store_schemas();
  auto transport_kinds = plugins.transport_schemas();
  faults found = parsed->diagnostics();
  store_refs references;
  configuration result;
  node_schema(store_kinds, transport_kinds).read(parsed->root(), result.options, found, references);
  share_time_limit(parsed->root(), result.options);
  auto demands = demands_of(references.used, found);
  result.stores = resolve_stores(result.options.stores, references, store_kinds, found);
  result.roles = store_tree::spread(result.stores, std::move(demands), found);
  check_client_listener(parsed->root(), result.options, found);
  check_worker_listener(parsed->root(), result.options, found);
  check_guests(result.options.transports, found);
  check_listen_addresses(result.options.transports, found);
  check_own_folders(parsed->root(), result.stores, found);
  if (auto good = found.as_result(); !good) return failure(good.error());
  result.promises = store_tree::promises(result.stores, plugins, found);
  if (auto good = found.as_result(); !good) return failure(good.error());
  result.unused_variables = variables.unused();
  return result;
}

std::string print_configuration(const configuration& known, const plugin_registry& plugins) {
  auto store_kinds = plugins.store_schemas();
  auto transport_kinds = plugins.transport_schemas();
  auto everything = node_schema(store_kinds, transport_kinds).show(known.options);
  return to_yaml(with_inline_stores(std::move(everything), known.stores));
}

}  // namespace kiln
