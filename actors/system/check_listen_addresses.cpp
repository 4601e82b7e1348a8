#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "actors/system/configuration_checks.hpp"
#include "core/config/endpoint.hpp"

namespace kiln {
namespace {

constexpr std::string_view unix_prefix = "unix:";

std::string in_lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// One name for all the ways to write an address. gRPC takes both families where either wildcard is given,
// and an address of IPv4 is the same one within IPv6.
std::string numeric_name_of(const sockaddr& address, socklen_t size) {
  std::string_view within_ipv6 = "::ffff:";
  char text[NI_MAXHOST] = "";
  if (::getnameinfo(&address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  std::string_view name = text;
  if (name.starts_with(within_ipv6) && name.find('.') != name.npos) name.remove_prefix(within_ipv6.size());
  return name == "0.0.0.0" ? "::" : std::string(name);
}

/// The addresses that a host stands for, as far as that is known without asking anybody.
std::vector<std::string> addresses_of(const std::string& host) {
  auto name = in_lower_case(host);
  if (name == "localhost") return {"127.0.0.1", "::1"};
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICHOST;
  addrinfo* answer = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &wanted, &answer) != 0) return {name};
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(answer, ::freeaddrinfo);
  return {numeric_name_of(*found->ai_addr, found->ai_addrlen)};
}

/// Who listens at one port.
class port_claims {
public:
  /// Who is in the way of a listener at this address; nobody: it listens there from now on.
  std::optional<node> claim(const std::string& address, const node& said) {
    bool everywhere = address == "::";
    auto in_the_way = everywhere ? owners_.begin() : owners_.find(address);
    if (in_the_way == owners_.end()) in_the_way = owners_.find("::");
    if (in_the_way != owners_.end()) return in_the_way->second;
    owners_.emplace(address, said);
    return std::nullopt;
  }

private:
  std::map<std::string, node> owners_;  // by address
};

class address_claims {
public:
  explicit address_claims(faults& found) : found_(found) {}

  void claim(const node& said) {
    if (said.text().starts_with(unix_prefix))
      return claim_socket(said, said.text().substr(unix_prefix.size()));
    auto parts = parse_host_and_port(said.text());
    if (!parts) return;  // somebody has complained already
    unsigned port = 0;
    std::from_chars(parts->port.data(), parts->port.data() + parts->port.size(), port);
    if (port == 0) return;  // the system finds a free one for each
    for (const auto& address : addresses_of(parts->host))
      if (auto other = ports_[port].claim(address, said)) return complain(said, *other, "a port");
  }

private:
  void claim_socket(const node& said, const std::string& path) {
    std::error_code fault;
    auto known = std::filesystem::weakly_canonical(std::filesystem::absolute(path, fault), fault);
    auto [first, fresh] = sockets_.emplace(fault ? path : known.string(), said);
    if (!fresh) complain(said, first->second, "a socket");
  }

  void complain(const node& said, const node& other, std::string_view what) {
    said.complain(found_, "{} cannot be listened at beside {} of {} (line {}); give each {} of its own",
                  in_quotes(said.text()), in_quotes(other.text()), other.path(), other.where().line, what);
  }

  faults& found_;
  std::map<unsigned, port_claims> ports_;
  std::map<std::string, node> sockets_;  // by path
};

}  // namespace

void check_listen_addresses(const std::vector<configured>& transports, faults& found) {
  address_claims claims(found);
  for (const auto& one : transports)
    if (auto listens = one.description.find("listen"))
      for (const auto& said : listens->items())
        if (said.is_scalar()) claims.claim(said);
}

}  // namespace kiln
