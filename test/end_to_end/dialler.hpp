#pragma once

#include <memory>
#include <string>

#include "core/base/random.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/loader.hpp"

namespace kiln::end_to_end {

/// Our way to servers: Kiln's own gRPC transport, loaded as the plugin that it is.
class dialler {
public:
  static expected<dialler> load(const std::string& plugin_folder);
  /// A connection of its own to HOST:PORT.
  std::shared_ptr<channel> dial(const std::string& address) { return out_->dial(address); }

private:
  dialler() = default;
  std::unique_ptr<plugin_registry> plugins_;
  std::unique_ptr<random_source> random_;
  std::unique_ptr<transport> out_;
};

}  // namespace kiln::end_to_end
