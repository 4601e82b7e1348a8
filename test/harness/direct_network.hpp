#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/contract/transport.hpp"
#include "core/plugin/plugin.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/direct_call.hpp"

namespace kiln::test {

/// Where nodes in one process find each other: addresses of any name, and behind each the handlers of the
/// node that listens there. A message arrives when it is sent.
class direct_network {
public:
  explicit direct_network(deterministic_system& system) : system_(system) {}

  /// A call without any message so far. It has ended already if nobody listens there.
  std::shared_ptr<direct_call> start(const std::string& endpoint, outbound_request request);

  class listener {
  public:
    virtual ~listener() = default;
    virtual void admit(const std::shared_ptr<direct_call>& incoming) = 0;
  };
  /// False if somebody listens there already.
  bool open(const std::string& address, listener& who) { return listeners_.emplace(address, &who).second; }
  void close(const std::string& address, const listener& who) {
    if (auto found = listeners_.find(address); found != listeners_.end() && found->second == &who)
      listeners_.erase(found);
  }

  deterministic_system& system() noexcept { return system_; }

private:
  deterministic_system& system_;
  std::map<std::string, listener*, std::less<>> listeners_;
};

struct direct_options {
  std::vector<std::string> listen;
  std::uint32_t max_calls = 32768;
  std::uint32_t max_calls_per_client = 16384;
};

/// `type: direct` of a test's configuration: the transport of such a network. All who call are one client.
class direct_plugin final : public transport_plugin {
public:
  explicit direct_plugin(direct_network& network);
  std::shared_ptr<const section_schema> schema() const override { return schema_; }
  expected<std::unique_ptr<transport>> make(const std::any& options,
                                            const transport_context& context) const override;

private:
  direct_network& network_;
  const std::shared_ptr<const section_schema> schema_;
};

}  // namespace kiln::test
