#include "actors/services/remote_asset/web_rules.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// A block of addresses: its first octets, and how many bits of them count.
struct block {
  std::array<std::uint8_t, 8> start;
  unsigned bits;
};

// IANA's registries of special-purpose addresses.
constexpr std::array<block, 5> nowhere_v4{{
    {{0}, 8},          // "this network"
    {{169, 254}, 16},  // link-local
    {{192, 88, 99}, 24},
    {{224}, 4},  // multicast
    {{240}, 4},  // reserved, and broadcast
}};
constexpr std::array<block, 10> inside_v4{{
    {{10}, 8},
    {{100, 64}, 10},  // carriers' own
    {{127}, 8},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},  // the last three of these: examples in documents
    {{192, 168}, 16},
    {{198, 18}, 15},  // benchmarks
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
}};
constexpr std::array<block, 5> nowhere_v6{{
    {{0xfe, 0x80}, 10},  // link-local
    {{0xff}, 8},         // multicast
    {{0x20, 0x02}, 16},  // 6to4 and Teredo hide an address of the fourth version
    {{0x20, 0x01, 0, 0}, 32},
    {{0x01, 0x00}, 64},  // discarded
}};
constexpr std::array<block, 4> inside_v6{{
    {{0xfc}, 7},         // private networks
    {{0xfe, 0xc0}, 10},  // the same, of old
    {{0x20, 0x01, 0x0d, 0xb8}, 32},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48},  // translators' own
}};

bool lies_in(const std::uint8_t* address, const block& where) noexcept {
  for (unsigned bit = 0; bit < where.bits; bit += 8) {
    auto left = std::min(8U, where.bits - bit);
    auto mask = static_cast<std::uint8_t>(0xff << (8 - left));
    if (((address[bit / 8] ^ where.start[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

template <class Blocks>
bool lies_in_any(const std::uint8_t* address, const Blocks& all) noexcept {
  return std::any_of(all.begin(), all.end(), [&](const block& one) { return lies_in(address, one); });
}

address_reach reach_of_v4(const std::uint8_t* address) noexcept {
  if (lies_in_any(address, nowhere_v4)) return address_reach::nowhere;
  return lies_in_any(address, inside_v4) ? address_reach::inside : address_reach::everywhere;
}

bool is_host_name(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

std::string plain_host(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);  // an absolute name is the same name
  return ascii_lower(host);
}

std::uint16_t own_port(std::string_view scheme) noexcept {
  return scheme == "https" ? 443 : 80;
}

std::string text_of(const internet_address& address) {
  bool v4 = std::equal(mapped.begin(), mapped.end(), address.octets.begin());
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v4 ? AF_INET : AF_INET6, address.octets.data() + (v4 ? mapped.size() : 0), text, sizeof text);
  return text;
}

}  // namespace

std::optional<internet_address> parse_address(std::string_view text) {
  std::string copy(text);
  internet_address result;
  if (::inet_pton(AF_INET6, copy.c_str(), result.octets.data()) == 1) return result;
  std::copy(mapped.begin(), mapped.end(), result.octets.begin());
  if (::inet_pton(AF_INET, copy.c_str(), result.octets.data() + mapped.size()) == 1) return result;
  return std::nullopt;
}

std::optional<internet_address> address_of(const sockaddr* from) noexcept {
  internet_address result;
  if (from->sa_family == AF_INET6) {
    std::memcpy(result.octets.data(), &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr, 16);
    return result;
  }
  if (from->sa_family != AF_INET) return std::nullopt;
  std::copy(mapped.begin(), mapped.end(), result.octets.begin());
  std::memcpy(result.octets.data() + mapped.size(), &reinterpret_cast<const sockaddr_in*>(from)->sin_addr, 4);
  return result;
}

address_reach reach_of(const internet_address& address) noexcept {
  const auto* octets = address.octets.data();
  constexpr block translated{{0x00, 0x64, 0xff, 0x9b}, 64};
  if (std::equal(mapped.begin(), mapped.end(), octets) || lies_in(octets, translated))
    return reach_of_v4(octets + 12);
  bool low = std::all_of(octets, octets + 12, [](std::uint8_t octet) { return octet == 0; });
  if (low) {
    bool is_loopback = octets[12] == 0 && octets[13] == 0 && octets[14] == 0 && octets[15] == 1;
    return is_loopback ? address_reach::inside : address_reach::nowhere;
  }
  if (lies_in_any(octets, nowhere_v6)) return address_reach::nowhere;
  return lies_in_any(octets, inside_v6) ? address_reach::inside : address_reach::everywhere;
}

expected<web_rules::entry> web_rules::parse_entry(std::string_view text) {
  auto bad = [&](std::string_view why) {
    return fail(errc::invalid_argument, "host \"{}\" {}", escaped(text), why);
  };
  entry rule;
  auto host = text;
  bool bracketed = host.starts_with('[');
  auto colon = bracketed ? host.find("]:") : host.find(':');
  if (bracketed && colon != host.npos) ++colon;
  if (colon != host.npos && !(!bracketed && host.find(':', colon + 1) != host.npos)) {
    auto digits = host.substr(colon + 1);
    std::uint16_t port = 0;
    auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (fault != std::errc() || end != digits.data() + digits.size() || port == 0)
      return bad("has a port that is none");
    rule.port = port;
    host = host.substr(0, colon);
  }
  if (bracketed) {
    if (!host.ends_with(']')) return bad("has no closing bracket");
    host = host.substr(1, host.size() - 2);
  }
  rule.address = parse_address(host);
  if (rule.address && reach_of(*rule.address) == address_reach::nowhere)
    return bad("is an address that nothing is ever fetched from");
  rule.below = !rule.address && host.starts_with("*.");
  if (rule.below) host.remove_prefix(1);
  rule.host = plain_host(host);
  std::string_view name = rule.host;
  if (rule.below && !name.empty()) name.remove_prefix(1);
  if (!rule.address && (bracketed || !is_host_name(name) || name.front() == '.'))
    return bad("is neither a name, nor \"*.\" and a name, nor an address");
  return rule;
}

expected<web_rules> web_rules::parse(const std::vector<std::string>& hosts,
                                     const std::vector<std::string>& schemes) {
  web_rules rules;
  rules.schemes_ = schemes;
  for (const auto& host : hosts) {
    auto rule = parse_entry(host);
    if (!rule) return failure(rule.error());
    rules.entries_.push_back(std::move(*rule));
  }
  return rules;
}

bool web_rules::fits_port(const entry& rule, const web_target& target) noexcept {
  return target.port == rule.port.value_or(own_port(target.scheme));
}

expected<void> web_rules::check(const web_target& target) const {
  if (std::find(schemes_.begin(), schemes_.end(), target.scheme) == schemes_.end())
    return fail(errc::permission_denied, "nothing is fetched over {} here", escaped(target.scheme));
  auto host = plain_host(target.host);
  auto address = parse_address(host);
  for (const auto& rule : entries_) {
    bool same =
        address ? rule.address == address
                : !rule.address && (rule.below ? host.size() > rule.host.size() && host.ends_with(rule.host)
                                               : host == rule.host);
    if (same && fits_port(rule, target)) return {};
  }
  return fail(errc::permission_denied, "host {} and port {} are not among those that are fetched from here",
              escaped(host), target.port);
}

expected<void> web_rules::check(const internet_address& address, const web_target& on_the_way_to) const {
  auto reach = reach_of(address);
  if (reach == address_reach::everywhere) return {};
  bool listed =
      reach == address_reach::inside && std::any_of(entries_.begin(), entries_.end(), [&](const entry& rule) {
        return rule.address == address && fits_port(rule, on_the_way_to);
      });
  if (listed) return {};
  return fail(errc::permission_denied, "{} leads to {}, an address inside that is not listed",
              escaped(on_the_way_to.host), text_of(address));
}

}  // namespace kiln
