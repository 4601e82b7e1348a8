#include "plugins/stores/http/web_remote.hpp"

#include <utility>

#include "core/observe/log.hpp"

namespace kiln::web_store {
namespace {

constexpr std::size_t small_answer = 64 << 10;

error meaning_of(int status, const std::string& url) {
  auto code = errc::internal;
  if (status == 404 || status == 410) code = errc::not_found;
  if (status == 401 || status == 403 || status == 407) code = errc::permission_denied;
  if (status == 405 || status == 501) code = errc::unimplemented;
  if (status == 413 || status == 507) code = errc::resource_exhausted;
  if (status == 416) code = errc::out_of_range;
  if (status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 507))
    code = errc::unavailable;
  if (status >= 300 && status < 400) code = errc::failed_precondition;
  return {code, fmt::format("{} answers with status {}", url, status)};
}

}  // namespace

web_figures::web_figures(metric_registry* metrics, const std::string& store) {
  if (metrics == nullptr) return;
  auto counts = [&](metric_name name, std::string_view help) {
    return &metrics->counters(name, help, {"store"}).with({store});
  };
  requests = counts("kiln_http_store_requests_total", "Requests sent to another cache by HTTP.");
  repeated =
      counts("kiln_http_store_repeated_requests_total", "Requests to another cache that were tried again.");
  damaged = counts("kiln_http_store_damaged_blobs_total", "Blobs of another cache whose bytes were wrong.");
}

class web_remote::asking : public std::enable_shared_from_this<asking> {
public:
  asking(remote_ptr remote, web_order order, std::size_t limit)
      : remote_(std::move(remote)),
        order_(std::move(order)),
        limit_(limit),
        tries_(remote_->new_tries(order_.until)) {}

  done<web_answer> whole;
  done<web_reply> opened;

  void go() {
    auto order = order_;
    if (whole && !order_.source)
      order.until = std::min(order.until, remote_->now() + remote_->options().request_timeout);
    web_figures::count(remote_->engine().figures.requests);
    remote_->engine().web->send(std::move(order), [self = shared_from_this()](expected<web_reply> reply) {
      if (!reply) return self->broke(reply.error());
      self->heard(std::move(*reply));
    });
  }

private:
  void heard(web_reply reply) {
    if (!reply.is_good()) {
      const auto fault = meaning_of(reply.status, remote_->options().url);
      return fault.code() == errc::unavailable ? broke(fault) : end(fault);
    }
    if (opened) return std::exchange(opened, nullptr)(std::move(reply));
    web_answer answer;
    static_cast<web_head&>(answer) = reply;
    collect(std::move(reply.body), limit_,
            [self = shared_from_this(), answer = std::move(answer)](expected<bytes> body) mutable {
              if (!body) return self->broke(body.error());
              answer.body = std::move(*body);
              std::exchange(self->whole, nullptr)(std::move(answer));
            });
  }
  void broke(const error& fault) {
    // One try may be too long, and the asker still wait.
    const bool is_late = fault.code() == errc::deadline_exceeded && remote_->now() < order_.until;
    const bool may_help = is_late || fault.code() == errc::unavailable || fault.code() == errc::aborted;
    // A source can be read once.
    if (may_help && !order_.source) {
      if (auto wait = tries_.next(remote_->now(), *remote_->engine().env.random)) {
        web_figures::count(remote_->engine().figures.repeated);
        return remote_->engine().web->later(*wait, [self = shared_from_this()] { self->go(); });
      }
    }
    end(is_late ? error(errc::unavailable, fault.message()) : fault);
  }
  void end(const error& fault) {
    if (auto then = std::exchange(whole, nullptr)) return then(remote_->explain(fault));
    if (auto then = std::exchange(opened, nullptr)) then(remote_->explain(fault));
  }

  const remote_ptr remote_;
  const web_order order_;
  const std::size_t limit_;
  web_tries tries_;
};

web_order web_remote::order(std::string method, const digest& blob, steady_time until) const {
  const auto& given = options();
  web_order order;
  order.method = std::move(method);
  order.url =
      given.url + (given.url.ends_with('/') ? "" : "/") + (holds_content() ? "cas/" : "ac/") + blob.hex();
  order.until = until;
  order.identity = {given.user, given.password, {}};
  if (!given.token.empty()) order.headers.emplace_back("Authorization", "Bearer " + given.token);
  for (const auto& [name, value] : given.headers) order.headers.emplace_back(name, value);
  // A hash does not say how large its blob is, and those who know both spare the server a search.
  if (holds_content()) order.headers.emplace_back("X-Digest-SizeBytes", std::to_string(blob.size));
  return order;
}

failure web_remote::no_such(const digest& blob) const {
  return fail(errc::not_found, "no {} {} in store {}", holds_content() ? "blob" : "result of action", blob,
              engine_->name);
}

failure web_remote::explain(const error& fault) const {
  return with_context(fault, "store {}", engine_->name);
}

void web_remote::ask(web_order order, std::size_t limit, done<web_answer> then) {
  auto one = std::make_shared<asking>(shared_from_this(), std::move(order), limit);
  one->whole = std::move(then);
  one->go();
}

void web_remote::open(web_order order, done<web_reply> then) {
  auto one = std::make_shared<asking>(shared_from_this(), std::move(order), 0);
  one->opened = std::move(then);
  one->go();
}

web_tries web_remote::new_tries(steady_time until) const {
  return {options().retries, options().retry_delay, until};
}

void web_remote::look(const digest& blob, steady_time until, done<std::optional<std::uint64_t>> then) {
  if (!can_name(blob)) return then(std::nullopt);
  ask(order("HEAD", blob, until), small_answer,
      [self = shared_from_this(), blob, then = std::move(then)](const expected<web_answer>& answer) {
        if (!answer && answer.error().code() != errc::not_found) return then(failure(answer.error()));
        if (!answer) return then(std::nullopt);
        // Not every server says how large it is.
        const auto size = answer->length().value_or(static_cast<std::uint64_t>(blob.size));
        const bool is_other = self->holds_content() && size != static_cast<std::uint64_t>(blob.size);
        then(is_other ? std::nullopt : std::optional(size));
      });
}

void web_remote::drop_damaged(const digest& blob, const error& why) {
  web_figures::count(engine_->figures.damaged);
  if (engine_->env.log != nullptr)
    engine_->env.log->warn("a damaged blob of another cache is removed, if that lets us",
                           {{"store", engine_->name}, {"why", why.message()}});
  ask(order("DELETE", blob, now() + options().request_timeout), small_answer,
      [self = shared_from_this()](const expected<web_answer>&) {});
}

}  // namespace kiln::web_store
