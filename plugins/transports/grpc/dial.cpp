#include "plugins/transports/grpc/dial.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include "core/config/endpoint.hpp"
#include "core/config/faults.hpp"
#include "plugins/transports/grpc/credentials.hpp"
#include "plugins/transports/grpc/outbound_stream.hpp"

namespace kiln::grpc_plugin {
namespace {

class dialled final : public channel {
public:
  dialled(std::shared_ptr<outbound_hub> hub, std::shared_ptr<grpc::Channel> way)
      : hub_(std::move(hub)), way_(std::move(way)) {}
  std::shared_ptr<outbound_call> start(outbound_request request) override {
    return outbound_stream::start(hub_, way_, request);
  }

private:
  const std::shared_ptr<outbound_hub> hub_;
  const std::shared_ptr<grpc::Channel> way_;
};

class misdialled final : public channel {
public:
  explicit misdialled(error why) : why_(std::move(why)) {}
  std::shared_ptr<outbound_call> start(outbound_request) override { return outbound_stream::failed(why_); }

private:
  const error why_;
};

expected<endpoint> parse(const std::string& text) {
  auto found = parse_endpoint(text);
  if (!found) return found;
  if (found->scheme != "grpc" && found->scheme != "grpcs" && found->scheme != "unix")
    return fail(errc::invalid_argument,
                "{} is no endpoint of gRPC: expected grpc://host:port, grpcs://host:port or unix:/path",
                in_quotes(text));
  return found;
}

// As gRPC's resolvers want it.
std::string name_of(const endpoint& where) {
  return (where.scheme == "unix" ? "unix:" : "dns:///") + where.target;
}

grpc::ChannelArguments arguments(const grpc_options& options) {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_size.bytes));
  args.SetMaxSendMessageSize(-1);
  // gRPC would unpack a compressed answer without a bound, so none is accepted.
  args.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE);
  // What a connection may send grows with what it turns out to carry (decision 65).
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 1);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  args.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 128 * 1024);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(options.keepalive));
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(options.keepalive_timeout));
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A peer that restarts is back within seconds, and must be found again as soon.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 2000);
  // Callers have retries of their own, and gRPC's would keep copies of what was sent.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Each channel has its own connection; the inside of a cluster is not reached through a web proxy.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return args;
}

}  // namespace

expected<dial_fit> suits_endpoint(const std::string& where, const grpc_options& options) {
  auto parsed = parse(where);
  if (!parsed) return failure(parsed.error());
  const auto& known = options.dial_tls;
  bool identified = !known.ca.empty() || !known.cert.empty();
  return identified == (parsed->scheme == "grpcs") ? dial_fit::made_for : dial_fit::possible;
}

std::shared_ptr<channel> dial_endpoint(const std::string& text, const grpc_options& options,
                                       std::shared_ptr<outbound_hub> hub) {
  auto where = parse(text);
  if (!where) return std::make_shared<misdialled>(std::move(where).error());
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (where->scheme == "grpcs") {
    auto encrypted = client_credentials(options.dial_tls);
    if (!encrypted) return std::make_shared<misdialled>(std::move(encrypted).error());
    credentials = std::move(*encrypted);
  }
  auto way = grpc::CreateCustomChannel(name_of(*where), credentials, arguments(options));
  return std::make_shared<dialled>(std::move(hub), std::move(way));
}

}  // namespace kiln::grpc_plugin
