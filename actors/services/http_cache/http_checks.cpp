#include <caf/typed_event_based_actor.hpp>
#include <mutex>
#include <set>

#include "actors/services/http_cache/http_condition.hpp"
#include "actors/services/http_cache/http_record.hpp"
#include "actors/services/http_cache/http_service.hpp"
#include "core/contract/on_response.hpp"
#include "core/wire/too_large.hpp"

/// What clients want to be so before their request is done, and what is refused for its size.
namespace kiln {

// Let go of on any thread, with the last continuation of a request.
struct http_service::claimed_paths {
  std::mutex mutex;
  std::set<std::string> all;
};

std::shared_ptr<http_service::claimed_paths> http_service::make_claims() {
  return std::make_shared<claimed_paths>();
}

// Of two that each want nothing to be there both would find nothing.
expected<std::shared_ptr<void>> http_service::claim(const std::string& path) {
  {
    std::lock_guard lock(claims_->mutex);
    if (!claims_->all.insert(path).second)
      return fail(errc::failed_precondition, "{} is being written by another request", path);
  }
  return std::shared_ptr<void>(nullptr, [claims = claims_, path](void*) {
    std::lock_guard lock(claims->mutex);
    claims->all.erase(path);
  });
}

expected<void> http_service::check(const asked& on, const std::optional<std::string>& there,
                                   const go_on& next) {
  switch (check_condition(on.field("if-match"), on.field("if-none-match"), on.reads(), there)) {
    case condition_result::holds:
      return next();
    case condition_result::not_modified:
      on.call->set_head(there->empty() ? call_metadata{{":status", "304"}}
                                       : call_metadata{{":status", "304"}, {"etag", *there}});
      on.call->finish({});
      return {};
    case condition_result::fails:
      break;
  }
  on.call->set_head({{":status", "412"}});
  return fail(errc::failed_precondition, "{}",
              there ? "something else is there than the request wants"
                    : "nothing is there, and the request wants something");
}

void http_service::check_blob(const asked& on, const digest& blob, const go_on& next) {
  if (!on.is_conditional()) return answering(on, next);
  auto look = [on, blob, next](bool there) {
    answering(on, [&]() -> expected<void> {
      if (!there && on.reads()) return fail(errc::not_found, "no blob {} here", blob.hex());
      return check(on, there ? std::optional(entity_tag(blob)) : std::nullopt, next);
    });
  };
  if (is_empty_blob(blob)) return look(true);
  on_response(
      self_->request(options_.content, caf::infinite, find_missing{{blob}, waits_until(on.call)}),
      [look](const missing_blobs& missing) { look(missing.blobs.empty()); }, fails(on.call));
}

void http_service::check_record(const asked& on, find_result order, bool value, const go_on& next) {
  if (!on.is_conditional()) return answering(on, next);
  const auto function = order.function;
  on_response(
      self_->request(options_.lookup, caf::infinite, std::move(order)),
      [on, next, value, function](const found_result& found) {
        answering(on, [&]() -> expected<void> {
          if (!value) return check(on, std::string(), next);
          auto blob = blob_of_record(found.result, function);
          if (!blob) return check(on, std::nullopt, next);
          return check(on, entity_tag(*blob), next);
        });
      },
      [on, next](const caf::error& fault) {
        auto why = from_caf(fault);
        if (why.code() != errc::not_found) return on.call->finish(why);
        answering(on, [&] { return check(on, std::nullopt, next); });
      });
}

std::function<void(const caf::error&)> http_service::refuses(const asked& on) {
  return [on](const caf::error& fault) {
    auto why = from_caf(fault);
    if (max_taken(why)) on.call->set_head({{":status", "413"}});
    on.call->finish(std::move(why));
  };
}

}  // namespace kiln
