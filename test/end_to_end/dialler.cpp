#include "test/end_to_end/dialler.hpp"

#include "core/config/document.hpp"

namespace kiln::end_to_end {

expected<dialler> dialler::load(const std::string& plugin_folder) {
  dialler result;
  result.plugins_ = std::make_unique<plugin_registry>();
  result.random_ = make_system_random();
  if (auto loaded = result.plugins_->load(plugin_folder + "/kiln_transport_grpc.so"); !loaded)
    return failure(loaded.error());
  const auto* plugin = result.plugins_->transport("grpc");
  auto text = parse_document("listen: []", "dialler");
  if (!text) return failure(text.error());
  faults found;
  store_refs stores;
  auto options = plugin->schema()->read_any(text->root(), found, stores);
  if (auto good = found.as_result(); !good) return failure(good.error());
  environment env{&system_clock(), result.random_.get(), nullptr, nullptr};
  auto made = plugin->make(options, {env, "dialler"});
  if (!made) return failure(made.error());
  result.out_ = std::move(*made);
  return result;
}

}  // namespace kiln::end_to_end
