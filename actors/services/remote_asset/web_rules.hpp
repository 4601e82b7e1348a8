#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

/// Where we may go when a client asks us to fetch something. A server that fetches on behalf of others stands
/// inside a network that they may not see, so nothing is allowed but what is listed, and a name that is
/// listed does not lead inside.
namespace kiln {

/// An address of the internet; those of the fourth version as the sixth maps them.
struct internet_address {
  std::array<std::uint8_t, 16> octets{};
  bool operator==(const internet_address&) const noexcept = default;
};
std::optional<internet_address> parse_address(std::string_view text);
/// Nothing for an address of another family.
std::optional<internet_address> address_of(const sockaddr* from) noexcept;

enum class address_reach : std::uint8_t {
  everywhere,  ///< the internet
  inside,      ///< this machine or a private network: only where the list has this very address
  nowhere,     ///< link-local (where clouds keep their secrets), multicast, not an address of a host: never
};
address_reach reach_of(const internet_address& address) noexcept;

/// Where a URL leads, as far as we decide by it.
struct web_target {
  std::string scheme;  ///< "https"
  std::string host;    ///< a name, or an address without brackets
  std::uint16_t port = 0;
};

/// The hosts of a configuration: "example.com", "*.example.com" for all names below it, "192.0.2.7",
/// "[2001:db8::7]", each with ":PORT" behind it where it is not the scheme's own. Immutable; any thread.
class web_rules {
public:
  /// INVALID_ARGUMENT naming an entry that is none of these, or that can never be reached.
  static expected<web_rules> parse(const std::vector<std::string>& hosts,
                                   const std::vector<std::string>& schemes);

  /// PERMISSION_DENIED that says what is not listed.
  expected<void> check(const web_target& target) const;
  /// The same for the address that is about to be connected to, whatever name led to it.
  expected<void> check(const internet_address& address, const web_target& on_the_way_to) const;

private:
  struct entry {
    std::string host;  ///< lower case; behind the star, with its dot, where there is one
    bool below = false;
    std::optional<std::uint16_t> port;
    std::optional<internet_address> address;
  };
  static expected<entry> parse_entry(std::string_view text);
  static bool fits_port(const entry& rule, const web_target& target) noexcept;

  std::vector<entry> entries_;
  std::vector<std::string> schemes_;
};

}  // namespace kiln
