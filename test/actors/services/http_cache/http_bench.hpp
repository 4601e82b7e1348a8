#pragma once

#include <boost/test/unit_test.hpp>
#include <caf/send.hpp>
#include <string>
#include <utility>

#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/health/health.hpp"
#include "actors/services/http_cache/http_cache.hpp"
#include "test/actors/services/common/service_bench.hpp"

namespace kiln::test {

/// The cache for clients of HTTP with all behind it, asked without a wire.
struct http_bench : service_bench {
  http_bench() { serve({}); }

  void serve(const http_cache_settings& settings, bool client_updates = true, bool complete = true) {
    health = own(spawn_health(actors(), {env(), {}}));
    action_cache_settings rules;
    rules.client_updates = client_updates;
    rules.check_completeness = complete;
    lookup = own(spawn_action_cache(actors(), {env(), results, blobs, rules}));
    http_cache_options options{env(), blobs, results, lookup, health};
    options.limits = limits;
    options.zstd = make_compression(env(), {});
    options.max_encoders = encoders;
    options.settings = settings;
    options.client_updates = client_updates;
    service = own(spawn_http_cache(actors(), options));
    add_routes(routes, service);
  }

  struct answer {
    int status = 0;
    std::string body;
    std::shared_ptr<direct_call> call;
    std::string head(std::string_view name) const { return call->head_of(name); }
  };
  /// As the transport would: a body comes with its length, unless the fields say otherwise.
  answer ask_http(const std::string& method, const std::string& target, const std::string& body = {},
                  call_metadata fields = {}) {
    if (!body.empty() || method == "PUT") fields.emplace_back("content-length", std::to_string(body.size()));
    auto call = std::make_shared<direct_call>("/kiln.http/" + method + target, std::move(fields));
    call->set_peer("ipv4:10.0.0.1:40000");
    for (std::size_t at = 0; at < body.size(); at += 100'000)
      call->send(bytes::copy_of(body.substr(at, 100'000)));
    call->close();
    hand_over(call);
    run();
    BOOST_TEST_REQUIRE(call->status().has_value(), "the request was not answered");
    answer given{0, {}, call};
    for (const auto& message : call->messages()) given.body += message.view();
    if (call->head_of(":status").empty())
      given.status = call->finished_well() ? 200 : -static_cast<int>(call->status()->code());
    else
      given.status = std::stoi(call->head_of(":status"));
    return given;
  }
  answer get(const std::string& target, call_metadata fields = {}) {
    return ask_http("GET", target, {}, std::move(fields));
  }
  answer put(const std::string& target, const std::string& body, call_metadata fields = {}) {
    return ask_http("PUT", target, body, std::move(fields));
  }
  static int refused(errc code) { return -static_cast<int>(code); }

  cache_limits limits;
  unsigned encoders = 32;
  store_actor results = spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
  action_cache_service lookup;
  health_actor health;
  http_cache_actor service;
};

}  // namespace kiln::test
