#include "actors/services/remote_asset/web_fetch.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "core/digest/hasher.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

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

web_fetcher::web_fetcher(const web_fetch_settings& settings, const cache_limits& limits,
                         const environment& env)
    : settings_(settings),
      rules_(rules_of(settings).value()),
      manners_(manners_in(settings, limits)),
      time_(*env.time),
      on_(*env.files) {}

bool web_fetcher::concerns(const asset_question& asked) {
  return asked.kind == asset_kind::blob && std::any_of(asked.uris.begin(), asked.uris.end(), is_of_the_web);
}

expected<web_found> web_fetcher::fetch(const asset_question& asked, const std::atomic<bool>& stop) const {
  auto spool = web_spool::open(on_, settings_.temp_folder);
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
    auto told = found.error().in_context(escaped(asked.uris[uri]));
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

}  // namespace kiln
