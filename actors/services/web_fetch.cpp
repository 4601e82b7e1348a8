#include "actors/services/web_fetch.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "core/digest/hasher.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

using namespace config_literals;
using namespace std::chrono_literals;

constexpr std::size_t longest_shown = 200;

std::vector<std::string> names_of(const std::vector<web_scheme>& schemes) {
  std::vector<std::string> names;
  for (auto one : schemes) names.emplace_back(one == web_scheme::https ? "https" : "http");
  return names;
}

web_manners manners_in(const web_fetch_settings& from, const cache_limits& limits) {
  web_manners manners;
  manners.max_size = std::numeric_limits<std::int64_t>::max();
  for (const auto& bound : {from.max_size, limits.max_blob_size})
    if (bound) manners.max_size = std::min(manners.max_size, bound->bytes);
  manners.connect_timeout = from.connect_timeout;
  manners.stall_timeout = from.stall_timeout;
  manners.redirects = from.redirects;
  manners.proxy = from.proxy;
  manners.certificate_bundle = from.certificate_bundle;
  return manners;
}

// The later in this list, the more it tells.
bool tells_more(const error& one, const error& than) {
  constexpr std::array<errc, 4> order{errc::not_found, errc::permission_denied, errc::aborted,
                                      errc::deadline_exceeded};
  auto place = [&](const error& which) { return std::find(order.begin(), order.end(), which.code()); };
  return than.ok() || place(one) > place(than);
}

bool is_of_the_web(std::string_view uri) noexcept {
  return uri.starts_with("https://") || uri.starts_with("http://");
}

web_request request_for(const asset_question& asked, std::size_t uri) {
  web_request request{asked.uris[uri], {}};
  for (const auto& header : asked.headers)
    if (header.only_for.value_or(uri) == uri) request.headers.emplace_back(header.name, header.value);
  return request;
}

}  // namespace

web_fetcher::web_fetcher(const web_fetch_settings& settings, const cache_limits& limits, const clock& time)
    : settings_(settings),
      rules_(web_rules::parse(settings.hosts, names_of(settings.schemes)).value()),
      manners_(manners_in(settings, limits)),
      time_(time) {}

bool web_fetcher::concerns(const asset_question& asked) {
  return asked.kind == asset_kind::blob && std::any_of(asked.uris.begin(), asked.uris.end(), is_of_the_web);
}

expected<web_found> web_fetcher::fetch(const asset_question& asked, const std::atomic<bool>& stop) const {
  auto spool = web_spool::open(settings_.temp_folder);
  if (!spool) return failure(spool.error());
  auto deadline = time_.now() + std::min(asked.timeout.value_or(settings_.timeout), settings_.timeout);
  error worst;
  for (std::size_t uri = 0; uri < asked.uris.size(); ++uri) {
    if (stop.load(std::memory_order_relaxed)) return fail(errc::unavailable, "the server is ending");
    auto found = fetch_one(asked, uri, **spool, deadline, stop);
    if (found) {
      found->bytes = std::move(*spool);
      return found;
    }
    auto told = found.error().in_context(escaped(asked.uris[uri], longest_shown));
    if (tells_more(told, worst)) worst = std::move(told);
  }
  return fail(std::move(worst));
}

expected<web_found> web_fetcher::fetch_one(const asset_question& asked, std::size_t uri, web_spool& spool,
                                           steady_time deadline, const std::atomic<bool>& stop) const {
  const auto& url = asked.uris[uri];
  if (!is_of_the_web(url)) return fail(errc::not_found, "nothing of this kind is fetched from the network");
  if (!asked.checksum && !settings_.unchecked)
    return fail(errc::permission_denied, "without the qualifier checksum.sri nothing is fetched");
  if (auto cleared = spool.clear(); !cleared) return failure(cleared.error());
  web_found found{uri, {}, nullptr, time_.wall()};
  hasher name(asked.function);
  std::optional<hasher> check;
  if (asked.checksum && asked.checksum->function != asked.function) check.emplace(asked.checksum->function);
  auto sink = [&](std::string_view piece) {
    name.update(piece);
    if (check) check->update(piece);
    return spool.append(piece);
  };
  if (auto came = transfer(request_for(asked, uri), rules_, manners_, time_, deadline, stop, sink); !came)
    return failure(came.error());
  found.content = name.finish();
  auto checked = check ? check->finish() : found.content;
  if (asked.checksum && !asked.checksum->accepts(checked))
    return fail(errc::aborted, "what came has hash {}, which is not the one in checksum.sri", checked.hex());
  return found;
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
        auto rules = web_rules::parse(given.hosts, names_of(given.schemes));
        if (!rules) return failure(rules.error());
        return {};
      });
}

}  // namespace kiln
