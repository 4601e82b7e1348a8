#include "plugins/stores/redis/redis_options.hpp"

#include <algorithm>

#include "core/net/tls_identity.hpp"
#include "plugins/stores/redis/server_address.hpp"

namespace kiln {
namespace {

// As much as a string of Redis holds (proto-max-bulk-len).
constexpr byte_size largest_string = 512_MiB;

expected<void> is_redis_endpoint(const std::string& text) {
  auto parsed = redis_store::parse_server_address(text);
  if (!parsed) return failure(parsed.error());
  return {};
}

// The part in braces of a name decides on which node of a cluster it lies: those are ours.
expected<void> is_key_prefix(const std::string& text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable || text.find_first_of("{}*?[]\\") != std::string::npos)
    return fail(errc::invalid_argument,
                "a prefix of keys is made of printable ASCII without spaces and without {{ }} * ? [ ] \\");
  return {};
}

schema<redis_tls_options> redis_tls_schema() {
  using o = redis_tls_options;
  return schema<o>{"Who we are, and whom we believe, at a rediss:// endpoint."}
      .field("ca", &o::ca,
             "PEM file with the authorities that sign the servers' certificates, instead of the system's.")
      .field("cert", &o::cert, "PEM file with the certificate that we show to servers.")
      .field("key", &o::key, "PEM file with its private key.")
      .field("server_name", &o::server_name,
             "The name that servers' certificates bear, where it is not that of the endpoint.")
      .check([](const o& chosen) { return check_tls_files(chosen.files()); });
}

expected<void> check_credentials(const redis_options& options) {
  if (!options.password.empty() && !options.password_file.empty())
    return fail(errc::invalid_argument, "password and password_file are both given");
  if (!options.user.empty() && options.password.empty() && options.password_file.empty())
    return fail(errc::invalid_argument, "user {} has no password: give password_file", options.user);
  if (!options.sentinel_user.empty() && options.sentinel_password.empty())
    return fail(errc::invalid_argument, "sentinel_user {} has no password: give sentinel_password",
                options.sentinel_user);
  return {};
}

expected<void> check_mode(const redis_options& options) {
  if (options.mode == redis_mode::sentinel && options.master.empty())
    return fail(errc::invalid_argument, "mode sentinel asks for master, the name that the sentinels know");
  if (options.mode != redis_mode::sentinel && !options.master.empty())
    return fail(errc::invalid_argument, "master is for mode sentinel");
  if (options.mode == redis_mode::cluster && options.database != 0)
    return fail(errc::invalid_argument, "a cluster has only database 0");
  if (options.mode == redis_mode::cluster && options.keyspace_news)
    return fail(errc::invalid_argument,
                "keyspace_news is not for clusters: each node tells of its own keys alone");
  bool some = false, all = true;
  for (const auto& text : options.endpoints) {
    auto address = redis_store::parse_server_address(text);
    if (!address) return failure(address.error());
    some |= address->encrypted;
    all &= address->encrypted;
  }
  if (some && !all)
    return fail(errc::invalid_argument, "the endpoints are encrypted (rediss://) all, or none of them");
  return {};
}

expected<void> check_redis_options(const redis_options& options) {
  if (auto good = check_credentials(options); !good) return good;
  if (options.chunk_size > options.max_bytes)
    return fail(errc::invalid_argument, "chunk_size is larger than max_bytes, what may be under way");
  if (options.max_result_size > options.max_bytes)
    return fail(errc::invalid_argument, "max_result_size is larger than max_bytes, what may be under way");
  return check_mode(options);
}

}  // namespace

schema<redis_options> redis_schema() {
  using namespace config_literals;
  using namespace std::chrono_literals;
  using o = redis_options;
  return schema<o>{
      "Keeps blobs or action results in Redis, or in what speaks its protocol, where other nodes find them, "
      "too. What is read whole is checked against its digest; a part is passed on as it comes."}
      .required(
          "endpoints", &o::endpoints,
          "Where the servers listen: redis://host:port, rediss://host:port (encrypted) or unix:/path. In "
          "mode standard, several are one master and its replicas, in any order.",
          good_if{is_redis_endpoint})
      .choice("mode", &o::mode,
              {{"standard", redis_mode::standard},
               {"cluster", redis_mode::cluster},
               {"sentinel", redis_mode::sentinel}},
              "What the endpoints are: the servers, some nodes of a cluster, or the sentinels.")
      .field("master", &o::master, "The name under which the sentinels know the servers.")
      .field("user", &o::user, "Whose rights are used (ACL); the default user's if left out.")
      .field("password", &o::password, "The user's password.", secret{})
      .field("password_file", &o::password_file,
             "A file that holds the password instead. Read anew for every connection, so it may change.")
      .field("sentinel_user", &o::sentinel_user, "The same for the sentinels, if they ask for it.")
      .field("sentinel_password", &o::sentinel_password, "The password of that user.", secret{})
      .section("tls", &o::tls, redis_tls_schema(), "Encryption of what is dialled with rediss://.")
      .field("database", &o::database, "The number of the database.", at_most(65535U))
      .field("key_prefix", &o::key_prefix,
             "What the names of all our keys begin with. Stores with the same prefix share their blobs.",
             good_if{is_key_prefix}, at_most(std::size_t{128}))
      .field(
          "ttl", &o::ttl,
          "How long something is kept that nobody writes, reads or asks for; never leaves it to the server "
          "to evict.",
          at_least(1s), or_word("never"))
      .field("connections", &o::connections, "Most connections to each server.", at_least(std::size_t{1}),
             at_most(std::size_t{64}))
      .field("connect_timeout", &o::connect_timeout, "Until a connection is there, greeting included.",
             at_least(1ms))
      .field("command_timeout", &o::command_timeout,
             "How long a server may be silent that owes answers, and how long an order waits for its turn.",
             at_least(1ms))
      .field("fail_fast_after", &o::fail_fast_after,
             "When a server has failed for so long, orders fail at once until it answers again.",
             at_least(1ms))
      .field("patience", &o::patience,
             "How long an order is tried again while a server loads its data or another one becomes master.",
             at_least(1ms))
      .field("max_commands", &o::max_commands, "Commands under way at each server; more wait.",
             at_least(std::size_t{1}))
      .field(
          "max_bytes", &o::max_bytes,
          "Bytes of commands and answers under way at each server, and as many of those that wait; more are "
          "refused.",
          at_least(1_MiB))
      .field("max_waiting", &o::max_waiting, "Orders that wait for their turn; more are refused.",
             at_least(std::size_t{1}))
      .field("chunk_size", &o::chunk_size,
             "Blobs up to here are one command; larger ones are written and read in pieces of this size.",
             at_least(16_KiB), at_most(16_MiB))
      .field("chunks_in_flight", &o::chunks_in_flight, "Pieces of one upload that are under way.",
             at_least(std::size_t{1}), at_most(std::size_t{64}))
      .field("upload_ttl", &o::upload_ttl,
             "How long a part of a blob is kept after its last piece, when its writer is gone.", at_least(1s))
      .field("max_blob_size", &o::max_blob_size, "Largest blob. Redis holds no string of more than 512 MiB.",
             at_least(1_B), at_most(largest_string))
      .field("max_result_size", &o::max_result_size, "Largest action result.", at_least(1_B), at_most(64_MiB))
      .field("publish_to", &o::publish_to,
             "The channel on which the key of everything that was written is published; left out, none is.")
      .field("keyspace_news", &o::keyspace_news,
             "Hear of what leaves the server, as an existence_cache above needs it. The server has to tell "
             "of it: "
             "notify-keyspace-events \"Kg$xe\". FLUSHALL is told to nobody. Not for clusters.")
      .field("max_told", &o::max_told,
             "Blobs that are taken back when the server is not heard any more; each takes some 120 bytes of "
             "memory, with keyspace_news only.",
             at_least(std::size_t{2}))
      .field("threads", &o::threads,
             "Threads that hash what comes and goes; half of the machine's cores if not given.",
             at_least(std::size_t{1}), at_most(std::size_t{256}))
      .check(check_redis_options);
}

expected<store_promises> redis_promises(const redis_options& options, const promises_of&) {
  store_promises all;
  all.tells_news = options.keyspace_news;
  all.shared = true;
  return all;
}

}  // namespace kiln
