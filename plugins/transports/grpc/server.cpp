#include "plugins/transports/grpc/server.hpp"

#include <grpc/grpc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "core/base/descriptors.hpp"
#include "core/base/machine.hpp"
#include "core/base/memory_limit.hpp"
#include "core/base/peer.hpp"
#include "core/net/peer_name.hpp"
#include "plugins/transports/grpc/credentials.hpp"

namespace kiln::grpc_plugin {
namespace {

// Calls waited for on each queue: a burst of so many finds everything prepared.
constexpr int calls_waited_for = 64;
// A client's metadata may carry a long identity, but not more than this.
constexpr int max_metadata_size = 128 * 1024;
// For clients to answer a farewell: several times the way around the world.
constexpr auto farewell = std::chrono::milliseconds(500);

/// What a connection may send before anybody reads. Streams that are read slowly must not fill the quota, for
/// then gRPC ends streams by chance, other clients' too; a long way needs wide windows.
struct unread_limits {
  std::uint64_t streams = 0;
  int window = 0;      ///< of a stream, in bytes, before the probe
  bool probe = false;  ///< windows grow with what the way carries
};

// With the probe each stream may have 4 MiB as long as gRPC finds that there is memory, and twice what the
// way carries at once, if that is more.
constexpr std::uint64_t widest_window = 8 << 20;
// Clients have more actions at once than that over several connections: Bazel 100 over each.
constexpr std::uint64_t fewest_streams = 256;
constexpr std::uint64_t most_streams = 1024;

unread_limits limits_of_connection(std::optional<std::uint32_t> streams, std::uint64_t bytes_in_flight) {
  const auto fit = message_quota(bytes_in_flight) / widest_window;
  const auto window = std::clamp<std::uint64_t>(bytes_in_flight / 1024, 256U << 10, 4U << 20);
  unread_limits limits;
  limits.streams = streams ? *streams : std::clamp(fit, fewest_streams, most_streams);
  limits.window = static_cast<int>(window);
  limits.probe = limits.streams <= fit;
  return limits;
}

// Whoever speaks something else is told so in the words of HTTP/1.1, which the most understand.
void turn_away_stranger(owned_socket who, spoken what) {
  std::array<char, 16 << 10> heard{};
  // What was not read when a connection is closed takes the answer with it.
  [[maybe_unused]] auto ignored = ::recv(who.number(), heard.data(), heard.size(), MSG_DONTWAIT);
  if (what == spoken::tls) return;
  std::string_view words = what == spoken::plain ? "this port speaks TLS: https:// or grpcs://\n"
                                                 : "this port speaks gRPC (HTTP/2): grpc://\n";
  auto answer = fmt::format(
      "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: "
      "{}\r\nconnection: "
      "close\r\n\r\n{}",
      words.size(), words);
  ignored = ::send(who.number(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(who.number(), SHUT_WR);
}

void configure(grpc::ServerBuilder& builder, const grpc_options& options, std::size_t bytes_in_flight) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_size.bytes));
  builder.SetMaxSendMessageSize(-1);
  // Compressed messages are unpacked here, within bounds; gRPC knows none.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  // For what gRPC holds of messages that nobody has read yet, beside those in flight. Beyond it gRPC ends
  // streams of its own choice with RESOURCE_EXHAUSTED, which is better than the system ending the process.
  grpc::ResourceQuota quota("kiln");
  quota.Resize(message_quota(bytes_in_flight));
  builder.SetResourceQuota(quota);
  // Without the probe a connection may send 64 KiB, and what is left of the messages that are being read,
  // however wide its streams are: 1 MiB a round trip at best (decision 65).
  const auto unread = limits_of_connection(options.max_streams_per_connection, bytes_in_flight);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, unread.probe ? 1 : 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, unread.window);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(unread.streams));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, max_metadata_size);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(options.keepalive));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(options.keepalive_timeout));
  // Clients ping while an execution is silent; gRPC's own default would send them away for it.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             milliseconds(options.min_ping_interval));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

}  // namespace

expected<std::unique_ptr<server>> server::start(const grpc_options& options, const router& routes,
                                                std::shared_ptr<admission> admitting,
                                                std::shared_ptr<connection_taker> guest,
                                                refused_connections& refused, const environment& env) {
  std::unique_ptr<server> started(
      new server(routes, std::move(admitting), refused, options.max_message_size.bytes, env));
  if (auto listening = started->listen(options, std::move(guest)); !listening)
    return fail(std::move(listening).error());
  return started;
}

server::server(const router& routes, std::shared_ptr<admission> admitting, refused_connections& refused,
               std::size_t max_message_size, const environment& env)
    : log_(env.log), refused_(refused), acceptor_{{},
                                                  routes,
                                                  *env.time,
                                                  std::move(admitting),
                                                  max_message_size,
                                                  env.pools->make("grpc-unpack", 1)} {}

expected<void> server::listen(const grpc_options& options, std::shared_ptr<connection_taker> guest) {
  acceptor::options wanted;
  wanted.thread = "grpc-accept";
  wanted.encrypted = !options.tls.cert.empty();
  auto opened = acceptor::open(options.listen, wanted, acceptor_.time);
  if (!opened) return failure(std::move(opened).error());
  auto credentials = server_credentials(options.tls);
  if (!credentials) return fail(std::move(credentials).error());
  connections_ = std::move(*opened);
  acceptor_.identifies = !options.tls.ca.empty();
  grpc::ServerBuilder builder;
  configure(builder, options, options.max_bytes_in_flight.bytes_of(memory_limit()));
  builder.RegisterAsyncGenericService(&acceptor_.service);
  newcomers_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, *credentials);
  // One thread answers some 50,000 calls or 2 GiB each second, which takes the rest of the process four.
  std::size_t threads = options.threads.value_or(std::clamp(processors() / 4, 1U, 8U));
  for (std::size_t i = 0; i < threads; ++i) queues_.push_back(builder.AddCompletionQueue());
  server_ = builder.BuildAndStart();
  if (!server_) return fail(errc::internal, "gRPC does not start, and does not say why");
  for (auto& queue : queues_)
    for (int i = 0; i < calls_waited_for; ++i) inbound_call::await(acceptor_, *queue);
  start_threads(options);
  accept_connections(options, std::move(guest));
  return {};
}

void server::accept_connections(const grpc_options& options, std::shared_ptr<connection_taker> guest) {
  const int patience = milliseconds(options.keepalive_timeout);
  limit_.emplace(
      std::min<std::size_t>(options.max_connections, std::max<std::size_t>(descriptor_limit() / 2, 1)));
  connections_->start([this, patience, encrypted = !options.tls.cert.empty(), guest = std::move(guest)](
                          owned_socket fresh, spoken what) {
    if (what == spoken::http1 && guest) return guest->take(fresh.release());
    if (what == spoken::plain || what == spoken::tls) return turn_away_stranger(std::move(fresh), what);
    // Under TLS gRPC itself says what it thinks of who does not offer HTTP/2.
    if (what == spoken::http1 && !encrypted) return turn_away_stranger(std::move(fresh), what);
    hand_to_grpc(std::move(fresh), patience);
  });
}

void server::hand_to_grpc(owned_socket fresh, int patience) {
  const std::string client(client_of(peer_of(fresh.number())));
  if (!limit_->admit(fresh.number(), client, acceptor_.time.now())) return refused_.note(client);
  // What was sent and is not acknowledged for so long is a sign of a dead peer, as for gRPC's own sockets.
  ::setsockopt(fresh.number(), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters come;
  come.fd = fresh.release();
  newcomers_->HandleNewConnection(&come);
}

void server::start_threads(const grpc_options& options) {
  std::set<int> ports;
  for (const auto& address : connections_->addresses()) ports.insert(port_of(address));
  std::vector<watched_thread> watched;
  for (auto& queue : queues_) {
    auto& count = handed_out_.emplace_back(0);
    threads_.push_back(serve_queue(*queue, "grpc-in", count));
    watched.push_back({threads_.back().native_handle(), &count});
  }
  // The largest message is read within the second part, many times over.
  auto patience =
      std::chrono::milliseconds(200) + std::chrono::nanoseconds(4 * options.max_message_size.bytes);
  guard_.emplace(watched, std::move(ports), patience, log_);
}

void server::close(duration patience, std::function<void()> closed) {
  acceptor_.admitting->close();
  auto until = std::chrono::steady_clock::now() + std::min<duration>(patience, std::chrono::hours(24 * 365));
  closer_ = std::thread([this, until, closed = std::move(closed)] {
    turn_away(until);
    shut_down(until);
    closed();
  });
}

// gRPC itself cancels a call that crosses its GOAWAY on the wire, and not every client tries again after
// that. So callers are first told to come again, until nobody has come for a moment.
void server::turn_away(steady_time until) {
  using namespace std::chrono_literals;
  until = std::min(until, std::chrono::steady_clock::now() + 1s);
  std::unique_lock lock(hurry_mutex_);
  for (auto seen = ~std::uint64_t{0}; seen != acceptor_.admitting->turned_away();) {
    seen = acceptor_.admitting->turned_away();
    auto moment = std::chrono::steady_clock::now() + 50ms;
    if (moment > until || hurried_.wait_until(lock, moment, [this] { return hurry_; })) return;
  }
}

// gRPC waits for each connection until its client has answered the farewell, and twenty seconds where none
// does: whoever has connected and says nothing would keep the server from ending, with its listeners closed.
void server::cut_off_the_silent() {
  acceptor_.open.wait();
  std::unique_lock lock(hurry_mutex_);
  if (hurried_.wait_for(lock, farewell, [this] { return shut_ || hurry_; })) return;
  if (log_ != nullptr) log_->info("no call is under way: cutting connections that do not answer a farewell");
  grpc_server_cancel_all_calls(server_->c_server());
}

void server::shut_down(steady_time until) {
  if (connections_) connections_->stop();
  if (server_) {
    std::thread cutter([this] { cut_off_the_silent(); });
    auto left = until - std::chrono::steady_clock::now();
    server_->Shutdown(std::chrono::system_clock::now() + left);
    {
      std::lock_guard lock(hurry_mutex_);
      shut_ = true;
    }
    hurried_.notify_all();
    cutter.join();
  }
  guard_.reset();
  for (auto& queue : queues_) queue->Shutdown();
  for (auto& thread : threads_) thread.join();
  // Where listening failed no thread was started, and a queue must be empty before it goes.
  void* tag = nullptr;
  bool ok = false;
  for (auto& queue : queues_)
    while (queue->Next(&tag, &ok)) {
    }
}

server::~server() {
  if (!closer_.joinable()) {
    shut_down(std::chrono::steady_clock::now());
    return;
  }
  {
    std::lock_guard lock(hurry_mutex_);
    hurry_ = true;
  }
  hurried_.notify_all();
  grpc_server_cancel_all_calls(server_->c_server());
  closer_.join();
}

}  // namespace kiln::grpc_plugin
