// The schemas of services' options, apart from the services: who reads a configuration needs no actor.
#include "actors/services/action_cache.hpp"
#include "actors/services/byte_stream.hpp"
#include "actors/services/chunking.hpp"
#include "actors/services/execution.hpp"
#include "actors/services/remote_asset.hpp"

namespace kiln {

using namespace config_literals;
using namespace std::chrono_literals;

schema<in_flight_options> in_flight_schema() {
  return schema<in_flight_options>(
             "Blobs that are being uploaded can be read already. A reader hears of their end when they are "
             "verified and kept.")
      .field("window", &in_flight_options::window, 4_MiB,
             "How far a reader may be behind the upload; one that is further behind goes on when the blob is "
             "kept. 0B keeps nothing.",
             at_most(1_GiB))
      .field("memory", &in_flight_options::memory, 64_MiB,
             "What all windows may hold together. These are messages as they were received, so they count in "
             "the transport's max_bytes_in_flight.")
      .field("max_uploads", &in_flight_options::max_uploads, 1000,
             "Uploads that can be read at once; others can be when they are kept.");
}

schema<byte_stream_options> byte_stream_schema() {
  return schema<byte_stream_options>("How patient uploads and downloads of single blobs are.")
      .field("resume_time", &byte_stream_options::resume_time, 30s,
             "How long an interrupted upload is kept for its client to come back.", at_least(1s))
      .field("max_parked", &byte_stream_options::max_parked, 1000, "Interrupted uploads kept at once.")
      .field("max_parked_bytes", &byte_stream_options::max_parked_bytes, 8_GiB,
             "What they may have received together.")
      .field("stall_time", &byte_stream_options::stall_time, 5min,
             "Until a client that neither sends nor takes anything is given up.", at_least(1s))
      .section("in_flight", &byte_stream_options::in_flight, in_flight_schema(),
               "Reading what is still being uploaded.");
}

schema<chunking_options> chunking_schema() {
  return schema<chunking_options>{"Blobs in chunks: SplitBlob and SpliceBlob, with FastCDC 2020."}
      .field(
          "average_chunk_size", &chunking_options::average_chunk_size, 512_KiB,
          "A power of two. No chunk is larger than four times this, and only a blob's last one smaller than "
          "a quarter. Changing it makes all blobs be cut anew.",
          at_least(byte_size{fast_cdc_parameters::least_average}),
          at_most(byte_size{fast_cdc_parameters::largest_average}))
      .field("seed", &chunking_options::seed, 0,
             "Where to cut depends on it, so only servers and clients with the same one share chunks.")
      .field("max_chunks", &chunking_options::max_chunks, 50'000, "Chunks of one splice.",
             at_least(std::size_t{1}), at_most(std::size_t{1'000'000}))
      .field("max_running", &chunking_options::max_running, 16,
             "Blobs being split at once, and as many being spliced; each may hold some 10 MiB.",
             at_least(std::size_t{1}))
      .field("threads", &chunking_options::threads, std::nullopt,
             "Threads that cut and hash; half of the machine's cores if not given.", at_least(std::size_t{1}),
             at_most(std::size_t{256}))
      .check([](const chunking_options& options) { return kiln::check(options.parameters()); });
}

schema<action_cache_settings> action_cache_schema() {
  using settings = action_cache_settings;
  return schema<settings>{"The action cache: what was the result of an action."}
      .field("check_completeness", &settings::check_completeness, true,
             "Answer a result only if every blob it refers to is there; builds without the bytes need it.")
      .field("client_updates", &settings::client_updates, true,
             "Let clients write results; off leaves that to our own workers.")
      .field("keep_failures", &settings::keep_failures, false,
             "Keep results with an exit code other than 0.");
}

schema<web_fetch_settings> web_fetch_schema() {
  using settings = web_fetch_settings;
  return schema<settings>{
      "Fetches what was asked for and nobody has pushed. Left out, nothing is ever fetched."}
      .required(
          "hosts", &settings::hosts,
          "From which hosts: `example.com`, `*.example.com` for all names below, or an address, each with "
          "`:PORT` where it is not the usual one. Redirects are held to it too. An address in a private "
          "network, and this machine's own, must stand here as a number, whatever name leads to it.")
      .choice("schemes", &settings::schemes, {{"https", web_scheme::https}, {"http", web_scheme::http}},
              {web_scheme::https}, "How.")
      .field("unchecked", &settings::unchecked, std::nullopt,
             "Fetch even what has no checksum.sri, and believe it for so long; or never.", or_word("never"))
      .field("max_size", &settings::max_size, 4_GiB, "The largest asset, or none for what the cache takes.",
             or_word("none"))
      .field("timeout", &settings::timeout, 10min,
             "For all URIs of one asset together; a client may ask for less.", at_least(duration(1s)))
      .field("connect_timeout", &settings::connect_timeout, 10s, "For one connection.",
             at_least(duration(1s)))
      .field("stall_timeout", &settings::stall_timeout, 30s, "Without a byte.", at_least(duration(1s)))
      .field("redirects", &settings::redirects, 5, "That are followed in a row.", at_most(20U))
      .field("at_once", &settings::at_once, 4, "Fetches; each has a thread.", at_least(1U), at_most(64U))
      .field("temp_folder", &settings::temp_folder, "/var/tmp",
             "Where an asset lies while it comes in. It needs room for `at_once` of the largest.")
      .field("proxy", &settings::proxy, "",
             "URL of a proxy, which then has to see to it that addresses inside are not reached. The "
             "environment's are not used.")
      .field("certificate_bundle", &settings::certificate_bundle, "",
             "PEM file of whom to trust; left out, whom the system trusts.")
      .check([](const settings& given) -> expected<void> {
        auto rules = rules_of(given);
        if (!rules) return failure(rules.error());
        return {};
      });
}

schema<remote_asset_settings> remote_asset_schema() {
  using settings = remote_asset_settings;
  return schema<settings>{"Assets by the names that the world knows them by, such as the URL of an archive."}
      .field("push", &settings::push, true,
             "Let clients tell what lies behind a name; they must also be allowed to write action results.")
      .field("qualifiers", &settings::qualifiers, {},
             "Qualifiers that are taken beside the usual ones; a fetch must have them as they were pushed.")
      .section("fetch", &settings::fetch, web_fetch_schema(),
               "Fetching what nobody has pushed from the network. Left out, that is never done.");
}

schema<execution_options> execution_schema() {
  using o = execution_options;
  return schema<o>{"Execution of actions, beside the cache."}
      .field("default_timeout", &o::default_timeout, std::chrono::hours(1),
             "How long an action may run that does not say so itself.", at_least(std::chrono::seconds(1)))
      .field("max_timeout", &o::max_timeout, std::chrono::hours(24),
             "The longest timeout that an action may ask for; a longer one is refused.",
             at_least(std::chrono::seconds(1)))
      .field("max_preparing", &o::max_preparing, 10'000,
             "Requests that may be checked at the same time, before their actions are queued.", at_least(1))
      .field(
          "remembered_inputs", &o::remembered_inputs, 500'000,
          "Blobs of input trees that are remembered, so that a tree seen lately is not read again. Whether "
          "they are still in the cache is always asked. About 100 bytes each.");
}

expected<web_rules> rules_of(const web_fetch_settings& from) {
  std::vector<std::string> schemes;
  for (auto one : from.schemes) schemes.emplace_back(one == web_scheme::https ? "https" : "http");
  return web_rules::parse(from.hosts, schemes);
}

}  // namespace kiln
