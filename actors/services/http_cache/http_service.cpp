#include "actors/services/http_cache/http_service.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <charconv>

#include "actors/services/http_cache/body_source.hpp"
#include "core/contract/on_response.hpp"
#include "core/observe/prometheus.hpp"

namespace kiln {
namespace {

using kind = http_path::kind;

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace

http_service::http_service(http_cache_actor::pointer self, http_cache_options options)
    : self_(self),
      options_(std::move(options)),
      hashing_(options_.env.pools->make("kiln-http", 2)),
      claims_(make_claims()) {}

void http_service::handle(const http_request& order) {
  begin_call(order.call, *options_.env.time, [&]() -> expected<void> {
    auto words = words_of(order.call->info().method);
    auto path = read_http_path(words.target, options_.limits.digest_functions);
    if (!path) return failure(path.error());
    return route({order.call, std::string(words.method), std::move(*path)});
  });
}

// What is put is the whole thing, as it is: a part would replace the rest, and packed bytes would be given to
// those who never heard that they are packed.
expected<void> http_service::check_body(const asked& on) {
  if (on.method != "PUT") return {};
  if (!on.field("content-range").empty())
    return fail(errc::invalid_argument, "a part cannot be put; leave Content-Range out and put the whole");
  const auto coding = on.field("content-encoding");
  if (on.path.what == kind::blob || coding.empty() || coding == "identity") return {};
  on.call->set_head({{":status", "415"}});
  return fail(errc::invalid_argument, "results and values are put as they are, without Content-Encoding");
}

expected<void> http_service::route(asked on) {
  if (on.method == "OPTIONS") return tell_options(on);
  if (auto whole = check_body(on); !whole) return whole;
  switch (on.path.what) {
    case kind::blob:
      return blob(on);
    case kind::result:
      return options_.settings.validate_results ? result(on) : value(on);
    case kind::value:
    case kind::folder:
      return value(on);
    default:
      break;
  }
  if (!on.reads()) return not_allowed(on, "GET, HEAD, OPTIONS");
  if (on.path.what == kind::metrics) return tell_metrics(on);
  if (on.path.what == kind::readiness) return tell_readiness(on);
  on.call->set_head({{"content-type", "text/plain; charset=utf-8"}});
  on.call->reply(bytes::of_static("ok\n"));
  return {};
}

expected<void> http_service::not_allowed(const asked& on, const char* allowed) {
  on.call->set_head({{":status", "405"}, {"allow", allowed}});
  return fail(errc::unimplemented, "{} is not done here; {} are", on.method, allowed);
}

expected<void> http_service::tell_options(const asked& on) {
  on.call->set_head({{"allow", "GET, HEAD, PUT, DELETE, OPTIONS, PROPFIND, MKCOL"}, {"dav", "1"}});
  on.call->finish({});
  return {};
}

expected<void> http_service::tell_metrics(const asked& on) {
  if (options_.env.metrics == nullptr) return fail(errc::not_found, "there are no metrics");
  on.call->set_head({{"content-type", "text/plain; version=0.0.4; charset=utf-8"}});
  on.call->reply(bytes::adopt(prometheus_text(*options_.env.metrics)));
  return {};
}

expected<void> http_service::tell_readiness(const asked& on) {
  on_response(
      self_->request(options_.health, caf::infinite, ask_serving{}),
      [on](const serving_state& now) {
        if (!now.serving)
          return on.call->finish({errc::unavailable, "not ready: this server takes no work now"});
        on.call->set_head({{"content-type", "text/plain; charset=utf-8"}});
        on.call->reply(bytes::of_static("ready\n"));
      },
      fails(on.call));
  return {};
}

void http_service::done(const asked& on, int status) {
  on.call->set_head({{":status", std::to_string(status)}});
  on.call->finish({});
}

expected<void> http_service::gather(const asked& on, std::uint64_t at_most, then<byte_chain> next) {
  auto length = number_in(on.field("content-length"));
  auto too_much = [call = on.call, at_most] {
    call->set_head({{":status", "413"}});
    return fail(errc::resource_exhausted, "at most {} bytes are taken here", at_most);
  };
  if (length && *length > at_most) return too_much();
  auto all = std::make_shared<byte_chain>();
  pump(
      body_of(on.call, length),
      [all, at_most, too_much](byte_chain piece) -> expected<void> {
        if (piece.size() > at_most - all->size()) return too_much();
        all->append(std::move(piece));
        return {};
      },
      [actor = http_cache_actor(self_), on, all, next = std::move(next)](const expected<void>& end) {
        caf::anon_send(actor, resume{[on, all, next, end] {
                         answering(on, [&]() -> expected<void> {
                           if (!end) return end;
                           return next(std::move(*all));
                         });
                       }});
      });
  return {};
}

http_cache_actor spawn_http_cache(caf::actor_system& system, http_cache_options options) {
  using pointer = http_cache_actor::stateful_pointer<std::unique_ptr<http_service>>;
  return system.spawn([options = std::move(options)](pointer self) -> http_cache_actor::behavior_type {
    self->state = std::make_unique<http_service>(self, options);
    auto* state = self->state.get();
    return {
        nothrow_handler([state](const http_request& order) { state->handle(order); }),
        nothrow_handler([](const resume& next) { next.then(); }),
    };
  });
}

void add_routes(router& routes, const http_cache_actor& to) {
  routes.add_prefix(std::string(http_prefix),
                    {requests::many, [to](call_ptr from, byte_chain request) {
                       caf::anon_send(to, http_request{{std::move(from), std::move(request)}});
                     }});
}

}  // namespace kiln
