#include "plugins/transports/grpc/grpc_options.hpp"

#include "core/config/endpoint.hpp"
#include "core/config/rules.hpp"
#include "core/net/tls_identity.hpp"

namespace kiln::grpc_plugin {
namespace {

using namespace config_literals;
using namespace std::chrono_literals;

schema<tls_files> dial_tls_schema() {
  return schema<tls_files>{"Who we are, and whom we believe, when we dial a grpcs:// endpoint."}
      .field("cert", &tls_files::cert, "PEM file with the certificate that we show to servers.")
      .field("key", &tls_files::key, "PEM file with its private key.")
      .field("ca", &tls_files::ca,
             "PEM file with the authorities that sign our servers' certificates, instead of the system's.")
      .check(check_tls_files);
}

}  // namespace

schema<grpc_options> grpc_schema() {
  using o = grpc_options;
  return schema<o>{
      "Speaks gRPC over TCP, TLS or a unix socket. Every build client uses it, and so do Kiln's own parts "
      "when they talk across machines."}
      .field("listen", &o::listen,
             "Where to listen: host:port, [::1]:port or unix:/path, each once in a configuration. Port 0 "
             "lets the "
             "system choose. Left out for a transport that only dials.",
             good_if{is_listen_address})
      .section("tls", &o::tls, server_tls_schema(), "Encryption of what is listened to.")
      .section("dial_tls", &o::dial_tls, dial_tls_schema(), "Encryption of what is dialled.")
      .field("threads", &o::threads,
             "Threads that read and write for callers; auto is one for every four processors, at most 8.",
             at_least(1U), at_most(64U), or_word("auto"))
      .field("max_message_size", &o::max_message_size,
             "The largest message taken. The default lets a client ask for 100,000 blobs at once.",
             at_least(4_MiB), at_most(1_GiB))
      .field(
          "max_connections", &o::max_connections,
          "Connections that are open at once, of one client at most half; more are closed, and so they are "
          "beyond half of the files that the process may open.",
          at_least(1U), at_most(1U << 20))
      .field(
          "max_streams_per_connection", &o::max_streams_per_connection,
          "Calls that run at once over one connection; more wait on the client's side. Auto is one for every "
          "8 MiB of twice max_bytes_in_flight, from 256 to 1024; where there are more than that, clients "
          "that are far away send more slowly, for what they send unread must fit.",
          at_least(1U), at_most(65536U), or_word("auto"))
      .field("max_calls", &o::max_calls,
             "Calls in flight in this process, whatever transports they came by; more are refused here with "
             "RESOURCE_EXHAUSTED and the advice to retry.",
             at_least(1U), at_most(1U << 20))
      .field("max_calls_per_client", &o::max_calls_per_client,
             "The same for one client address, so that one client cannot shut out the others. Less where "
             "others have many. Workers have shares of their own where they join.",
             at_least(1U), at_most(1U << 20))
      .field(
          "max_bytes_in_flight", &o::max_bytes_in_flight,
          "Messages in use in this process, as a size or as a share of memory: received ones until they were "
          "dealt with, "
          "and answers until their clients took them. Calls whose messages would go beyond are refused with "
          "RESOURCE_EXHAUSTED. As much again may lie in messages that are still arriving.",
          at_least(16_MiB))
      .field("max_bytes_in_flight_per_client", &o::max_bytes_in_flight_per_client,
             "The same for one client address.", at_least(16_MiB))
      .field("keepalive", &o::keepalive,
             "A connection silent for so long is pinged, so that a dead peer is noticed.", at_least(1s),
             at_most(1h))
      .field("keepalive_timeout", &o::keepalive_timeout,
             "How long the answer to a ping may take before the connection is given up.", at_least(1s),
             at_most(10min))
      .field("min_ping_interval", &o::min_ping_interval,
             "Clients that ping more often than this are told to go away.", at_least(100ms), at_most(10s))
      .check([](const o& options) -> expected<void> {
        for (const capacity& share : {options.max_bytes_in_flight, options.max_bytes_in_flight_per_client})
          if (!share.is_relative() && share.bytes_of(0) < options.max_message_size.bytes)
            return fail(errc::invalid_argument,
                        "a message of max_message_size ({}) would never fit into {} of bytes in flight",
                        to_string(options.max_message_size), share.to_string());
        return {};
      });
}

}  // namespace kiln::grpc_plugin
