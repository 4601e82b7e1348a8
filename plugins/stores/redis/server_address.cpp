#include "plugins/stores/redis/server_address.hpp"

#include "core/config/endpoint.hpp"

namespace kiln::redis_store {
namespace {

constexpr std::string_view in_the_clear = "redis://";
constexpr std::string_view encrypted_scheme = "rediss://";
constexpr std::string_view socket_scheme = "unix:";

expected<server_address> read_host_and_port(std::string_view text, std::string_view scheme) {
  auto parts = parse_host_and_port(text.substr(scheme.size()));
  if (!parts) return with_context(parts.error(), "endpoint {}", text);
  if (parts->port.find_first_not_of('0') == std::string::npos)
    return fail(errc::invalid_argument, "endpoint {}: nobody listens at port 0", text);
  return server_address{std::move(parts->host), std::move(parts->port), scheme == encrypted_scheme};
}

}  // namespace

std::string server_address::to_string() const {
  if (is_socket()) return fmt::format("{}{}", socket_scheme, host);
  const bool bracketed = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}{}:{}", encrypted ? encrypted_scheme : in_the_clear, bracketed ? "[" : "", host,
                     bracketed ? "]" : "", port);
}

expected<server_address> parse_server_address(std::string_view text) {
  // Not repeated: it may hold a password.
  if (text.find('@') != std::string_view::npos)
    return fail(errc::invalid_argument,
                "an endpoint holds no credentials: they belong into user and password_file");
  if (text.starts_with(encrypted_scheme)) return read_host_and_port(text, encrypted_scheme);
  if (text.starts_with(in_the_clear)) return read_host_and_port(text, in_the_clear);
  if (text.starts_with(socket_scheme)) {
    if (auto good = is_listen_address(std::string(text)); !good) return failure(good.error());
    return server_address{std::string(text.substr(socket_scheme.size())), {}, false};
  }
  return fail(errc::invalid_argument,
              "\"{}\" is no endpoint of Redis: expected redis://host:port, rediss://host:port or unix:/path",
              text);
}

}  // namespace kiln::redis_store
