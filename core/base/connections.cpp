#include "core/base/connections.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>
#include <vector>

namespace kiln {
namespace {

constexpr std::string_view established = "01";

/// Brackets may come as in a URI.
std::string without_brackets(std::string_view host) {
  for (std::string_view open : {"[", "%5B", "%5b"})
    if (host.starts_with(open)) host.remove_prefix(open.size());
  for (std::string_view close : {"]", "%5D", "%5d"})
    if (host.ends_with(close)) host.remove_suffix(close.size());
  return std::string(host);
}

template <std::size_t Words>
std::string in_words(const void* address) {
  std::array<std::uint32_t, Words> words;
  std::memcpy(words.data(), address, sizeof words);
  std::string text;
  for (auto word : words) text += fmt::format("{:08X}", word);
  return text;
}

/// The addresses under which /proc/net/tcp and tcp6 would show this peer.
std::vector<std::string> as_shown(std::string_view peer) {
  auto colon = peer.rfind(':');
  if (colon == std::string_view::npos || colon < 5) return {};
  std::uint16_t port = 0;
  auto digits = peer.substr(colon + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), port).ec != std::errc()) return {};
  auto host = without_brackets(peer.substr(5, colon - 5));
  std::vector<std::string> shown;
  if (in_addr four; peer.starts_with("ipv4:") && ::inet_pton(AF_INET, host.c_str(), &four) == 1) {
    in6_addr mapped;
    if (::inet_pton(AF_INET6, ("::ffff:" + host).c_str(), &mapped) == 1)
      shown.push_back(in_words<4>(&mapped));
    shown.push_back(in_words<1>(&four));
  } else if (in6_addr six; peer.starts_with("ipv6:") && ::inet_pton(AF_INET6, host.c_str(), &six) == 1) {
    shown.push_back(in_words<4>(&six));
  }
  for (auto& each : shown) each += fmt::format(":{:04X}", port);
  return shown;
}

}  // namespace

std::set<std::string> standing_connections(const std::set<std::string>& peers) {
  std::map<std::string, std::string> wanted;
  for (const auto& peer : peers)
    for (auto& shown : as_shown(peer)) wanted.emplace(std::move(shown), peer);
  std::set<std::string> standing;
  if (wanted.empty()) return standing;
  for (const auto* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream fields(line);
      std::string number;
      std::string local;
      std::string remote;
      std::string state;
      fields >> number >> local >> remote >> state;
      if (state != established) continue;
      if (auto found = wanted.find(remote); found != wanted.end()) standing.insert(found->second);
    }
  }
  return standing;
}

}  // namespace kiln
