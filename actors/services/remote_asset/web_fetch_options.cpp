#include "actors/services/remote_asset/web_fetch.hpp"

namespace kiln {

using namespace config_literals;
using namespace std::chrono_literals;

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
              "How.")
      .field("unchecked", &settings::unchecked,
             "Fetch even what has no checksum.sri, and believe it for so long; or never.", or_word("never"))
      .field("max_size", &settings::max_size, "The largest asset, or none for what the cache takes.",
             or_word("none"))
      .field("timeout", &settings::timeout, "For all URIs of one asset together; a client may ask for less.",
             at_least(duration(1s)))
      .field("connect_timeout", &settings::connect_timeout, "For one connection.", at_least(duration(1s)))
      .field("stall_timeout", &settings::stall_timeout, "Without a byte.", at_least(duration(1s)))
      .field("redirects", &settings::redirects, "That are followed in a row.", at_most(20U))
      .field("at_once", &settings::at_once,
             "Fetches; each has a thread. One client has at most half of them, and its others wait.",
             at_least(1U), at_most(64U))
      .field("temp_folder", &settings::temp_folder,
             "Where an asset lies while it comes in. It needs room for `at_once` of the largest.")
      .field("proxy", &settings::proxy,
             "URL of a proxy, which then has to see to it that addresses inside are not reached. The "
             "environment's are not used.")
      .field("certificate_bundle", &settings::certificate_bundle,
             "PEM file of whom to trust; left out, whom the system trusts.")
      .check([](const settings& given) -> expected<void> {
        auto rules = rules_of(given);
        if (!rules) return failure(rules.error());
        return {};
      });
}

expected<web_rules> rules_of(const web_fetch_settings& from) {
  std::vector<std::string> schemes;
  for (auto one : from.schemes) schemes.emplace_back(one == web_scheme::https ? "https" : "http");
  return web_rules::parse(from.hosts, schemes);
}

}  // namespace kiln
