#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "actors/tools/probe/agent/looking.hpp"

// Whom an action can reach. Nothing is ever sent but the beginning of a connection.
namespace kiln::probe_agent {
namespace {

constexpr int stream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

union address {
  sockaddr any;
  sockaddr_in four;
  sockaddr_in6 six;
};

socklen_t make_address(address& made, const char* host, std::uint16_t port) {
  made = {};
  made.four.sin_port = htons(port);  // where the other form has it, too
  if (inet_pton(AF_INET, host, &made.four.sin_addr) == 1) {
    made.any.sa_family = AF_INET;
    return sizeof made.four;
  }
  made.six.sin6_family = AF_INET6;
  return inet_pton(AF_INET6, host, &made.six.sin6_addr) == 1 ? sizeof made.six : 0;
}

/// 0 once it is connected; otherwise why not.
int try_connection(const char* host, std::uint16_t port, int milliseconds) {
  address where;
  const socklen_t size = make_address(where, host, port);
  const int caller = socket(where.any.sa_family, stream, 0);
  if (caller < 0) return errno;
  int why = connect(caller, &where.any, size) == 0 ? 0 : errno;
  if (why == EINPROGRESS) {
    pollfd wanted{caller, POLLOUT, 0};
    socklen_t length = sizeof why;
    if (poll(&wanted, 1, milliseconds) == 1)
      getsockopt(caller, SOL_SOCKET, SO_ERROR, &why, &length);
    else
      why = ETIMEDOUT;
  }
  close(caller);
  return why;
}

void unix_sockets(answer& found, bool abstract) {
  const bool listed = each_line("/proc/net/unix", [&](const char* line) {
    unsigned long flags = 0;
    char path[256] = {};
    if (sscanf(line, "%*s %*s %*s %lx %*s %*s %*s %255[^\n]", &flags, path) != 2) return;
    constexpr unsigned long listening = 1UL << 16;
    if (abstract ? path[0] == '@' : path[0] != '@' && (flags & listening) != 0) found.leak("%s", path);
  });
  if (!listed) found.note("/proc/net/unix cannot be read");
}
void abstract_sockets(answer& found) {
  unix_sockets(found, true);
}
void path_sockets(answer& found) {
  unix_sockets(found, false);
}

void bound_ports(answer& found, std::initializer_list<const char*> lists, unsigned wanted_state) {
  for (const char* list : lists)
    each_line(list, [&](const char* line) {
      unsigned port = 0, state = 0;
      if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) == 2 &&
          state == wanted_state)
        found.leak("port %u", port);
    });
}
void tcp_listeners(answer& found) {
  bound_ports(found, {"/proc/net/tcp", "/proc/net/tcp6"}, 0x0a);
}
void tcp_connections(answer& found) {
  bound_ports(found, {"/proc/net/tcp", "/proc/net/tcp6"}, 0x01);
}
void udp_sockets(answer& found) {
  bound_ports(found, {"/proc/net/udp", "/proc/net/udp6"}, 0x07);
}

void loopback(answer& found) {
  for (const char* host : {"127.0.0.1", "::1"})
    for (std::uint16_t port : {22,   25,   53,   80,   111,  443,  631,  1433,  2049,  2375,  2376,  2379,
                               3000, 3306, 4243, 5000, 5432, 6379, 6443, 8000,  8080,  8443,  8500,  8980,
                               8981, 9000, 9090, 9092, 9100, 9200, 9980, 10250, 11211, 15672, 27017, 50051})
      if (try_connection(host, port, 50) == 0) found.leak("%s:%u answers", host, port);
}

void interfaces(answer& found) {
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct if_nameindex* all = if_nameindex();
  if (all == nullptr || any < 0) return found.note("they cannot be listed");
  for (auto* one = all; one->if_index != 0; ++one) {
    ifreq facts{};
    snprintf(facts.ifr_name, sizeof facts.ifr_name, "%s", one->if_name);
    // Those that are down lead nowhere: a kernel may put some into every namespace.
    if (ioctl(any, SIOCGIFFLAGS, &facts) == 0 && (facts.ifr_flags & IFF_UP) != 0 &&
        (facts.ifr_flags & IFF_LOOPBACK) == 0)
      found.leak("%s", one->if_name);
  }
}

// A datagram socket that is connected has found a way there, and has sent nothing. The addresses are those of
// documentation.
void way_out(answer& found) {
  for (const char* host : {"192.0.2.1", "2001:db8::1"}) {
    address where;
    const socklen_t size = make_address(where, host, 9);
    const int caller = socket(where.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (caller >= 0 && connect(caller, &where.any, size) == 0) found.leak("there is a way to %s", host);
    if (caller >= 0) close(caller);
  }
}

void metadata(answer& found) {
  for (const char* host : {"169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"}) {
    const int why = try_connection(host, 80, 1000);
    if (why == 0)
      found.leak("%s answers", host);
    else
      found.note("%s", strerrorname_np(why));
  }
}

void name_servers(answer& found) {
  each_line("/etc/resolv.conf", [&](const char* line) {
    char host[64] = {};
    if (sscanf(line, "nameserver %63[0-9a-fA-F.:]", host) == 1 && try_connection(host, 53, 500) == 0)
      found.leak("%s answers", host);
  });
}

void refused_socket(answer& found, int family, int type, int protocol) {
  const int made = socket(family, type | SOCK_CLOEXEC, protocol);
  found.must_be_refused(made, {EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT});
}
void raw_sockets(answer& found) {
  refused_socket(found, AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
void raw_sockets_6(answer& found) {
  refused_socket(found, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
}
void packet_sockets(answer& found) {
  refused_socket(found, AF_PACKET, SOCK_RAW, htons(3));
}

// Sockets to the hypervisor and between its guests know no namespace. A port that can be bound at an address
// shows that there is a way to it, and sends nothing.
void hypervisor(answer& found) {
  const int made = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) return found.note("%s", strerrorname_np(errno));
  sockaddr_vm where{};
  where.svm_family = AF_VSOCK;
  where.svm_port = VMADDR_PORT_ANY;
  for (unsigned guest = VMADDR_CID_HOST; guest < 256; ++guest) {
    where.svm_cid = guest;
    const int caller = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(caller, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0) found.leak("guest %u", guest);
    close(caller);
  }
}

// The group that hears what the audit of the system sees.
void audit(answer& found) {
  const int made = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  if (made < 0) return found.note("%s", strerrorname_np(errno));
  sockaddr_nl where{};
  where.nl_family = AF_NETLINK;
  where.nl_groups = 1;
  found.must_be_refused(bind(made, reinterpret_cast<sockaddr*>(&where), sizeof where));
}

void settings(answer& found) {
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq change{};
  snprintf(change.ifr_name, sizeof change.ifr_name, "lo");
  if (any < 0 || ioctl(any, SIOCGIFMTU, &change) != 0) return found.note("there is no loopback");
  // To the size that it has: nothing changes where it is allowed.
  found.must_be_refused(ioctl(any, SIOCSIFMTU, &change));
}

constexpr probe probes[] = {
    {"network", "abstract sockets", abstract_sockets},
    {"network", "listening sockets with a path", path_sockets},
    {"network", "TCP listeners", tcp_listeners},
    {"network", "TCP connections of others", tcp_connections},
    {"network", "UDP sockets", udp_sockets},
    {"network", "services of the loopback", loopback},
    {"network", "interfaces beside the loopback", interfaces},
    {"network", "a way out", way_out},
    {"network", "addresses of metadata", metadata},
    {"network", "name servers", name_servers},
    {"network", "raw sockets", raw_sockets},
    {"network", "raw sockets of IPv6", raw_sockets_6},
    {"network", "packet sockets", packet_sockets},
    {"network", "sockets to the hypervisor", hypervisor},
    {"network", "the log of the audit", audit},
    {"network", "settings of interfaces", settings},
};

}  // namespace

std::span<const probe> network_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
