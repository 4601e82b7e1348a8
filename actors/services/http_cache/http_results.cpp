#include <caf/typed_event_based_actor.hpp>

#include "actors/services/http_cache/http_service.hpp"
#include "core/contract/on_response.hpp"
#include "core/wire/message_limits.hpp"

/// Results of actions over HTTP: /ac/HASH.
namespace kiln {

expected<void> http_service::result(const asked& on) {
  if (!options_.lookup) return fail(errc::not_found, "this server keeps no results");
  if (on.reads()) return get_result(on);
  if (on.method == "PUT") return put_result(on);
  return not_allowed(on, "GET, HEAD, PUT, OPTIONS");
}

expected<void> http_service::get_result(const asked& on) {
  find_result order{on.path.instance, on.path.name, record_kind::action_result, on.path.name.function, true};
  order.until = waits_until(on.call);
  on_response(
      self_->request(options_.lookup, caf::infinite, std::move(order)),
      [this, on](found_result& found) {
        auto blobs = std::make_shared<const std::vector<digest>>(std::move(found.blobs));
        auto answer = [on, result = found.result]() -> expected<void> {
          on.call->set_head({{"content-type", "application/octet-stream"},
                             {"content-length", std::to_string(result.size())}});
          on.call->reply(result);
          return {};
        };
        note_sizes(blobs, 0,
                   [on, answer] { answering(on, [&] { return check(on, std::string(), answer); }); });
      },
      fails(on.call));
  return {};
}

expected<void> http_service::put_result(const asked& on) {
  if (auto may = may_write(); !may) return may;
  auto keep = [this, on](const byte_chain& content) -> expected<void> {
    keep_result order{on.path.instance, on.path.name, on.path.name.function, content.flatten()};
    order.until = waits_until(on.call);
    on_response(
        self_->request(options_.lookup, caf::infinite, std::move(order)),
        [on](const kept_result&) { done(on, 200); }, refuses(on));
    return {};
  };
  find_result order{on.path.instance, on.path.name, record_kind::action_result, on.path.name.function};
  order.until = waits_until(on.call);
  check_record(on, std::move(order), false, [this, on, keep] {
    return gather(on, static_cast<std::uint64_t>(largest::result.bytes), keep);
  });
  return {};
}

expected<void> http_service::may_write() const {
  if (options_.client_updates) return {};
  return fail(errc::permission_denied, "clients may not write results or values here");
}

}  // namespace kiln
