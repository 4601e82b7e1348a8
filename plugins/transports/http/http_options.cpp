#include "plugins/transports/http/http_options.hpp"

#include "core/config/endpoint.hpp"
#include "core/config/rules.hpp"
#include "core/net/tls_identity.hpp"

namespace kiln::http_plugin {
namespace {

using namespace std::chrono_literals;

expected<void> check_place(const http_options& options) {
  if (options.beside.empty()) return {};
  if (!options.listen.empty())
    return fail(errc::invalid_argument,
                "`listen` and `beside` exclude each other: it has addresses of its own, or those of {}",
                options.beside);
  if (!options.tls.cert.empty())
    return fail(errc::invalid_argument,
                "beside {} it shows the certificate of {}, so `tls` has no place here", options.beside,
                options.beside);
  return {};
}

}  // namespace

schema<http_options> http_schema() {
  using o = http_options;
  return schema<o>{
      "Speaks HTTP/1.1 over TCP, TLS or a unix socket: the cache protocol of Bazel, ccache and sccache, "
      "metrics and health."}
      .field("listen", &o::listen,
             "Where to listen: host:port, [::1]:port or unix:/path, each once in a configuration. Port 0 "
             "lets the system choose. An empty text is no address.",
             good_if{is_listen_address})
      .field("beside", &o::beside,
             "Instead of addresses of its own: the name of a transport of type grpc, at whose addresses HTTP "
             "is spoken, too. Encryption is that transport's.")
      .section("tls", &o::tls, server_tls_schema(), "Encryption of what is listened to.")
      .field("threads", &o::threads,
             "Threads that read and write for callers; auto is one for every four processors, at most 8.",
             at_least(1U), at_most(64U), or_word("auto"))
      .field("max_connections", &o::max_connections,
             "Connections that are open at once, of one client at most half; more are closed.", at_least(1U),
             at_most(1U << 20))
      .field(
          "max_calls", &o::max_calls,
          "Calls in flight in this process, whatever transports they came by; more are refused here with 429 "
          "and the advice to retry.",
          at_least(1U), at_most(1U << 20))
      .field("max_calls_per_client", &o::max_calls_per_client,
             "The same for one client address, so that one client cannot shut out the others. Less where "
             "others have many.",
             at_least(1U), at_most(1U << 20))
      .field("max_bytes_in_flight", &o::max_bytes_in_flight,
             "Messages and pieces of bodies in use in this process, as a size or as a share of memory: "
             "received ones until they were "
             "dealt with, and answers until their clients took them.",
             at_least(16_MiB))
      .field("max_bytes_in_flight_per_client", &o::max_bytes_in_flight_per_client,
             "The same for one client address.", at_least(16_MiB))
      .field("idle_timeout", &o::idle_timeout, "How long a connection is kept between requests.",
             at_least(duration(100ms)), at_most(duration(1h)))
      .field("head_timeout", &o::head_timeout,
             "How long the head of a request may take from its first byte, and a handshake of TLS.",
             at_least(duration(100ms)), at_most(duration(1h)))
      .field("stall_timeout", &o::stall_timeout,
             "How long a client that is in the midst of a body may send nothing, or take nothing.",
             at_least(duration(100ms)), at_most(duration(1h)))
      .check(check_place);
}

}  // namespace kiln::http_plugin
