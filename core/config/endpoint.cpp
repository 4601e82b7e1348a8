#include "core/config/endpoint.hpp"

#include <sys/un.h>

#include <algorithm>
#include <charconv>

#include "core/config/faults.hpp"

namespace kiln {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view between_scheme_and_target = "://";
constexpr std::size_t longest_host = 253;  // of DNS
constexpr std::size_t longest_socket_path = sizeof(sockaddr_un::sun_path) - 1;

failure no_endpoint(std::string_view text, std::string_view why) {
  return fail(errc::invalid_argument,
              "{} is no endpoint: {}; expected grpc://host:port, grpcs://host:port or unix:/path",
              in_quotes(text), why);
}

failure no_address(std::string_view text, std::string_view why) {
  return fail(errc::invalid_argument, "{} is no address: {}; expected host:port, [::1]:port or unix:/path",
              in_quotes(text), why);
}

expected<int> port_of(std::string_view text) {
  int port = -1;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  bool digits = !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (!digits || port < 0) return fail(errc::invalid_argument, "{} is no port", in_quotes(text));
  if (port > 65535)
    return fail(errc::invalid_argument, "port {} is beyond 65535, the last one that there is", port);
  return port;
}

/// The error says only what is wrong.
expected<void> check_socket_path(std::string_view path) {
  if (path.empty()) return fail(errc::invalid_argument, "it names no path");
  if (path.size() > longest_socket_path)
    return fail(errc::invalid_argument, "the path of a socket has at most {} bytes, this one {}",
                longest_socket_path, path.size());
  return {};
}

bool has_no_place_in_a_host(char c) {
  auto code = static_cast<unsigned char>(c);
  return code <= 0x20 || code == 0x7f || std::string_view("/[]@").find(c) != std::string_view::npos;
}

/// The error says only what is wrong.
expected<host_and_port> split_host_and_port(std::string_view text) {
  auto colon = text.rfind(':');
  auto bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket))
    return fail(errc::invalid_argument, "it names no port");
  auto host = text.substr(0, colon);
  bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) return fail(errc::invalid_argument, "it names no host");
  if (!bracketed && host.find(':') != std::string_view::npos)
    return fail(errc::invalid_argument, "an address of IPv6 stands in brackets before its port");
  if (host.size() > longest_host)
    return fail(errc::invalid_argument, "a host has at most {} bytes, this one {}", longest_host,
                host.size());
  if (std::any_of(host.begin(), host.end(), has_no_place_in_a_host))
    return fail(errc::invalid_argument, "{} is no host", in_quotes(host));
  if (auto port = port_of(text.substr(colon + 1)); !port) return failure(port.error());
  return host_and_port{std::string(host), std::string(text.substr(colon + 1))};
}

}  // namespace

expected<endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with(unix_prefix)) {
    if (auto good = check_socket_path(text.substr(unix_prefix.size())); !good)
      return no_endpoint(text, good.error().message());
    return endpoint{"unix", std::string(text.substr(unix_prefix.size()))};
  }
  endpoint found{"grpc", std::string(text)};
  if (auto mark = text.find(between_scheme_and_target); mark != std::string_view::npos)
    found = {std::string(text.substr(0, mark)),
             std::string(text.substr(mark + between_scheme_and_target.size()))};
  if (found.scheme == "http" || found.scheme == "https")
    return no_endpoint(text, "Kiln's parts and other caches are dialled with gRPC");
  if (found.scheme != "grpc" && found.scheme != "grpcs") return found;
  auto parts = split_host_and_port(found.target);
  if (!parts) return no_endpoint(text, parts.error().message());
  if (parts->port.find_first_not_of('0') == std::string::npos)
    return no_endpoint(text, "nobody listens at port 0");
  return found;
}

expected<void> is_endpoint(const std::string& text) {
  auto parsed = parse_endpoint(text);
  if (!parsed) return failure(parsed.error());
  return {};
}

expected<host_and_port> parse_host_and_port(std::string_view text) {
  auto parts = split_host_and_port(text);
  if (!parts) return no_address(text, parts.error().message());
  return parts;
}

expected<void> is_listen_address(const std::string& text) {
  if (text.starts_with(unix_prefix)) {
    if (auto good = check_socket_path(std::string_view(text).substr(unix_prefix.size())); !good)
      return no_address(text, good.error().message());
    return {};
  }
  auto parts = parse_host_and_port(text);
  if (!parts) return failure(parts.error());
  return {};
}

bool is_open_to_the_network(std::string_view address) {
  if (address.starts_with(unix_prefix)) return false;
  auto parts = split_host_and_port(address);
  if (!parts) return true;
  return parts->host != "localhost" && parts->host != "::1" && !parts->host.starts_with("127.");
}

}  // namespace kiln
