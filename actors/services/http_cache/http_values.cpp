#include <caf/typed_event_based_actor.hpp>
#include <ctime>

#include "actors/services/http_cache/http_condition.hpp"
#include "actors/services/http_cache/http_record.hpp"
#include "actors/services/http_cache/http_service.hpp"
#include "core/contract/on_response.hpp"
#include "core/digest/hasher.hpp"
#include "core/wire/action_record.hpp"

/// Values under paths of the clients' choice, as ccache and sccache keep them: a blob each, and a record of a
/// kind of its own that names it. And as much of WebDAV (RFC 4918) as sccache asks for.
namespace kiln {
namespace {

std::string in_xml(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else
      result += c;
  }
  return result;
}

std::string http_date(wall_time when) {
  const auto seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

// `size`: of a value; none for a folder.
std::string properties(std::string_view path, std::optional<std::int64_t> size, wall_time now) {
  std::string kind = size ? "<D:resourcetype/>" : "<D:resourcetype><D:collection/></D:resourcetype>";
  if (size) kind += fmt::format("<D:getcontentlength>{}</D:getcontentlength>", *size);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{}"
      "</D:href><D:propstat><D:prop>{}<D:getlastmodified>{}</D:getlastmodified></D:prop><D:status>HTTP/1.1 "
      "200 OK</D:status></D:propstat></D:response></D:multistatus>\n",
      in_xml(path), kind, http_date(now));
}

error no_value(std::string_view path) {
  return {errc::not_found, fmt::format("nothing is kept at {}", path)};
}

}  // namespace

expected<void> http_service::value(const asked& on) {
  if (!options_.lookup || !options_.settings.values) return failure(no_value(on.path.text));
  if (on.method == "PROPFIND") return tell_properties(on);
  if (on.method == "MKCOL") {
    if (auto may = may_write(); !may) return may;
    done(on, 201);  // folders are wherever a value is
    return {};
  }
  const bool folder = on.path.what == http_path::kind::folder;
  if (on.reads()) {
    if (folder) return failure(no_value(on.path.text));
    find_value(on, [this, on](const digest& blob) {
      return check(on, entity_tag(blob), [this, on, blob]() -> expected<void> {
        on.head_only() ? tell_blob(on, blob) : send_blob(on, blob);
        return {};
      });
    });
    return {};
  }
  if (on.method == "PUT" && !folder) return put_value(on);
  if (on.method == "DELETE" && !folder) return drop_value(on);
  return not_allowed(on, "GET, HEAD, PUT, DELETE, OPTIONS, PROPFIND, MKCOL");
}

find_result http_service::record_of_value(const asked& on) const {
  find_result order{"", value_key(on.path.text), record_kind::raw_value,
                    options_.limits.digest_functions.front()};
  order.until = waits_until(on.call);
  return order;
}

void http_service::find_value(const asked& on, then<digest> next) {
  const auto function = options_.limits.digest_functions.front();
  on_response(
      self_->request(options_.lookup, caf::infinite, record_of_value(on)),
      [on, next, function](const found_result& record) {
        answering(on, [&]() -> expected<void> {
          auto blob = blob_of_record(record.result, function);
          if (!blob) return failure(no_value(on.path.text));
          return next(*blob);
        });
      },
      [on](const caf::error& fault) {
        auto why = from_caf(fault);
        on.call->finish(why.code() == errc::not_found ? no_value(on.path.text) : why);
      });
}

expected<void> http_service::put_value(const asked& on) {
  if (auto may = may_write(); !may) return may;
  auto mine = on;
  if (on.is_conditional()) {
    auto claimed = claim(on.path.text);
    if (!claimed) {
      on.call->set_head({{":status", "412"}});
      return failure(claimed.error());
    }
    mine.claim = std::move(*claimed);
  }
  auto keep = [this, mine](byte_chain content) -> expected<void> {
    keep_value(mine, std::move(content));
    return {};
  };
  check_record(mine, record_of_value(on), true,
               [this, mine, keep] { return gather(mine, options_.settings.max_value_size.bytes, keep); });
  return {};
}

void http_service::keep_value(const asked& on, byte_chain content) {
  auto name = [content, function = options_.limits.digest_functions.front()]() -> expected<digest> {
    hasher hashed(function);
    hashed.update(content);
    return hashed.finish();
  };
  auto record = [this, on](const digest& blob) {
    auto key = options_.names.of(record_kind::raw_value, "", value_key(on.path.text));
    on_response(
        self_->request(
            options_.results, caf::infinite,
            write_blob{key, source_of(wrap_result(record_of_blob(blob))), {}, waits_until(on.call)}),
        [on](const receipt&) { done(on, 201); }, refuses(on));
  };
  offload(http_cache_actor(self_), *hashing_, std::move(name),
          [this, on, content = std::move(content), record](const expected<digest>& blob) {
            answering(on, [&]() -> expected<void> {
              if (!blob) return failure(blob.error());
              if (is_empty_blob(*blob)) return record(*blob), expected<void>();
              on_response(
                  self_->request(options_.content, caf::infinite,
                                 write_blob{*blob, source_of(content), {}, waits_until(on.call)}),
                  [record, blob = *blob](const receipt&) { record(blob); }, refuses(on));
              return {};
            });
          });
}

expected<void> http_service::drop_value(const asked& on) {
  if (auto may = may_write(); !may) return may;
  auto drop = [this, on]() -> expected<void> {
    auto key = options_.names.of(record_kind::raw_value, "", value_key(on.path.text));
    on_response(
        self_->request(options_.results, caf::infinite, forget_blob{key, waits_until(on.call)}),
        [on](const forgotten& gone) {
          gone.was_present ? done(on, 204) : on.call->finish(no_value(on.path.text));
        },
        fails(on.call));
    return {};
  };
  if (!on.is_conditional()) return drop();
  find_value(on, [on, drop](const digest& blob) { return check(on, entity_tag(blob), drop); });
  return {};
}

expected<void> http_service::tell_properties(const asked& on) {
  auto tell = [this, on](std::optional<std::int64_t> size) -> expected<void> {
    on.call->set_head({{":status", "207"}, {"content-type", "application/xml; charset=utf-8"}});
    on.call->reply(bytes::adopt(properties(on.path.text, size, options_.env.time->wall())));
    return {};
  };
  if (on.path.what == http_path::kind::folder) return tell(std::nullopt);
  find_value(on, [tell](const digest& blob) { return tell(blob.size); });
  return {};
}

}  // namespace kiln
