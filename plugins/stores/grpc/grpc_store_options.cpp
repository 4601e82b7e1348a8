#include "plugins/stores/grpc/grpc_store_options.hpp"

#include <algorithm>

#include "core/compress/zstd.hpp"
#include "core/config/endpoint.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {
namespace {

// What the wire can carry, of the name too: said where it is written, and not by every call. Values may be
// secret, so none is repeated.
expected<void> check_header(const std::string& name, const std::string& value) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (name.empty() || name.find_first_not_of(letters) != std::string::npos)
    return fail(errc::invalid_argument,
                "{} is no name of a header: lower-case letters, digits, -, _ and . make one",
                in_quotes(name));
  bool printable = std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!printable && !name.ends_with("-bin"))
    return fail(
        errc::invalid_argument,
        "the value of header {} has a line's end or another byte that is no printable ASCII; only names "
        "that end in -bin take these",
        name);
  return {};
}

// What belongs to one wire alone.
expected<void> check_forwarded(const std::string& name) {
  if (auto good = check_header(name, {}); !good) return good;
  constexpr std::string_view of_the_wire[] = {"connection", "content-type", "host", "te", "user-agent"};
  if (name.starts_with("grpc-") ||
      std::find(std::begin(of_the_wire), std::end(of_the_wire), name) != std::end(of_the_wire))
    return fail(errc::invalid_argument, "header {} is said by each wire for itself, and cannot be passed on",
                in_quotes(name));
  return {};
}

expected<void> check_options(const grpc_store_options& options) {
  for (const auto& name : options.forward_headers)
    if (auto good = check_forwarded(name); !good) return good;
  for (const auto& [name, value] : options.headers)
    if (auto good = check_header(name, value); !good) return good;
  return check_instance_name(options.instance);
}

}  // namespace

schema<grpc_store_options> grpc_store_schema() {
  using namespace config_literals;
  using namespace std::chrono_literals;
  using o = grpc_store_options;
  return schema<o>{
      "Keeps blobs or action results on another server that speaks the Remote Execution API. What arrives "
      "whole is checked against its digest; a part is passed on as it comes."}
      .required("endpoint", &o::endpoint,
                "Where the other server listens: grpc://host:port, grpcs://host:port or unix:/path.",
                good_if{is_endpoint})
      .field("instance", &o::instance, "The name of the instance there.")
      .field("headers", &o::headers, "Sent with every call, an authorization for instance.", secret{})
      .field("forward_headers", &o::forward_headers,
             "Names of headers that a client's calls to us bear and that are passed on with those that they "
             "cause, in place of ours of the same name: a key of the client's own, for instance. What one "
             "client was given may be served to others from a store in between.")
      .field("forward_trace", &o::forward_trace,
             "Pass on traceparent and tracestate (W3C Trace Context), with calls that are of one client.")
      .field("timeout", &o::timeout, "For a question and its answer, repetitions included.", at_least(1ms))
      .field("transfer_timeout", &o::transfer_timeout, "For the stream of one blob.", at_least(1ms))
      .field("retries", &o::retries,
             "How often a question is repeated, or a download goes on from where it broke off, when the "
             "server is unavailable.",
             at_most(100U))
      .field("retry_delay", &o::retry_delay,
             "Before the first repetition; doubled each time, and spread at random.", at_most(1min))
      .field("max_batch_size", &o::max_batch_size,
             "Largest message with a batch of blobs; less if the server asks for less.", at_least(64_KiB))
      .field("max_result_size", &o::max_result_size, "Largest action result.", at_least(1_B))
      .field("connections", &o::connections,
             "Connections to the server, over which calls are spread: a proxy on the way may send each to "
             "another "
             "machine, and one connection fills no long and fast wire.",
             at_least(std::size_t{1}), at_most(std::size_t{64}))
      .field("name_functions", &o::name_functions,
             "Off leaves the digest function out of the names of blobs, for servers that do not know such "
             "names; "
             "they have to be set to that function.")
      .field("gather_up_to", &o::gather_up_to,
             "Blobs up to this size that are read one by one are asked for together, whoever asks for them.",
             at_least(1_B), or_word("off"))
      .field("gather_batch", &o::gather_batch, "Most bytes that are asked for together.", at_least(64_KiB))
      .field("gather_at_once", &o::gather_at_once,
             "So many of these questions are under way. While there are fewer, none waits for others.",
             at_least(std::size_t{1}), at_most(std::size_t{1024}))
      .field("zstd_level", &o::zstd_level,
             "Streams go compressed, and what comes may be, where the server knows zstd: for wires that are "
             "slower than that. Higher levels take longer.",
             at_least(1), at_most(zstd_encoder::highest_level), or_word("off"))
      .field("threads", &o::threads,
             "Threads that hash and unpack what arrives, and pack what is sent; half of the machine's cores "
             "if not given.",
             at_least(std::size_t{1}), at_most(std::size_t{256}))
      .check(check_options);
}

expected<store_promises> grpc_store_promises(const grpc_store_options&, const promises_of&) {
  store_promises all;
  all.shared = true;
  return all;
}

}  // namespace kiln
