#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/contract/call.hpp"

namespace kiln {

/// How a method takes its requests: with `one`, the transport has read the message before it calls the
/// handler.
enum class requests : std::uint8_t { one, many };

struct route {
  requests takes = requests::one;
  /// Runs on a thread of the transport and must not block: it parses little and sends one message on. With
  /// `requests::many` the chain is empty and the handler reads from the call itself.
  std::function<void(call_ptr, byte_chain)> handler;
};

/// Method path -> handler. Filled at assembly, then only read, from any thread.
class router {
public:
  void add(std::string method, route where);
  /// For every method that begins so and is not named itself. The longest prefix wins.
  void add_prefix(std::string prefix, route where);
  const route* find(std::string_view method) const noexcept;
  /// Full names of the services served ("google.bytestream.ByteStream"), sorted: for health and reflection.
  /// What is served by prefix has no name.
  std::vector<std::string> services() const;

private:
  struct transparent_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, route, transparent_hash, std::equal_to<>> routes_;
  std::vector<std::pair<std::string, route>> prefixes_;  ///< the longest first
};

}  // namespace kiln
