#include "plugins/stores/s3/s3_client.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/observe/log.hpp"
#include "plugins/stores/s3/s3_xml.hpp"

namespace kiln::s3_store {
namespace {

constexpr std::size_t largest_error = 64 << 10;
constexpr const char* hash_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

template <std::size_t count>
bool is_one_of(const std::string& code, const std::array<std::string_view, count>& words) {
  return std::find(words.begin(), words.end(), code) != words.end();
}

errc code_for(int status) {
  if (status == 404) return errc::not_found;
  if (status == 401 || status == 403) return errc::permission_denied;
  if (status == 416) return errc::out_of_range;
  if (status == 429 || status >= 500) return errc::unavailable;
  return errc::internal;
}

}  // namespace

s3_verdict verdict_on(int status, const std::string& code, const std::string& host) {
  static constexpr std::array<std::string_view, 9> later{
      "SlowDown",         "InternalError", "ServiceUnavailable", "RequestTimeout",           "BadDigest",
      "OperationAborted", "Throttling",    "RequestThrottled",   "XAmzContentSHA256Mismatch"};
  static constexpr std::array<std::string_view, 3> old{"ExpiredToken", "InvalidToken",
                                                       "TokenRefreshRequired"};
  s3_verdict verdict;
  auto means = code_for(status);
  std::string hint;
  if (is_one_of(code, later)) means = errc::unavailable;
  if (code == "NoSuchBucket") {
    means = errc::failed_precondition;
    hint = ": create the bucket";
  } else if (code == "RequestTimeTooSkewed") {
    means = errc::failed_precondition;
    hint = ": set this machine's clock";
  } else if (status >= 300 && status < 400) {
    means = errc::failed_precondition;
    hint = ": the bucket is in another region, or behind another endpoint";
  } else if (status == 403 && code.empty()) {
    hint = ": without the right to list the bucket, what is not there is forbidden, too";
  }
  verdict.keys_are_old = is_one_of(code, old);
  verdict.again = means == errc::unavailable || verdict.keys_are_old;
  verdict.fault = error(means, code.empty() ? fmt::format("{} answers {}{}", host, status, hint)
                                            : fmt::format("{} answers {} ({}){}", host, status, code, hint));
  return verdict;
}

class s3_client::asking : public std::enable_shared_from_this<asking> {
public:
  asking(std::shared_ptr<s3_client> client, s3_order order, steady_time until, std::size_t limit)
      : client_(std::move(client)),
        order_(std::move(order)),
        until_(until),
        limit_(limit),
        tries_(client_->new_tries(until)) {}

  done<web_answer> whole;
  done<web_reply> opened;

  void go() {
    client_->keys_->get(until_, [self = shared_from_this()](expected<s3_keys> keys) {
      if (!keys) return self->end(keys.error());
      self->send(std::move(*keys));
    });
  }

private:
  const s3_engine& engine() const noexcept { return *client_->engine_; }

  void send(s3_keys keys) {
    web_order order;
    order.method = order_.method;
    order.url = engine().address.url_of(order_.key, order_.query);
    order.headers = order_.headers;
    order.body = order_.body;
    order.until = until_;
    if (whole) order.until = std::min(until_, engine().now() + engine().options.request_timeout);
    if (!keys.is_none()) {
      order.headers.emplace_back("x-amz-content-sha256",
                                 order_.body_hash.empty() ? hash_of_nothing : order_.body_hash);
      if (!keys.session_token.empty()) order.headers.emplace_back("x-amz-security-token", keys.session_token);
      order.identity = {keys.access_key, keys.secret_key, "aws:amz:" + engine().options.region + ":s3"};
    }
    keys_ = std::move(keys);
    s3_figures::count(engine().figures.requests);
    engine().web->send(std::move(order), [self = shared_from_this()](expected<web_reply> reply) {
      if (!reply) return self->broke(reply.error());
      self->heard(std::move(*reply));
    });
  }

  void heard(web_reply reply) {
    if (reply.is_good() && opened) return std::exchange(opened, nullptr)(std::move(reply));
    const bool is_good = reply.is_good();
    web_answer answer;
    static_cast<web_head&>(answer) = reply;
    collect(std::move(reply.body), is_good ? limit_ : largest_error,
            [self = shared_from_this(), answer = std::move(answer), is_good](expected<bytes> body) mutable {
              if (!is_good) return self->refused(answer.status, body ? error_code_in(body->view()) : "");
              if (!body) return self->broke(body.error());
              answer.body = std::move(*body);
              std::exchange(self->whole, nullptr)(std::move(answer));
            });
  }
  void refused(int status, const std::string& code) {
    auto verdict = verdict_on(status, code, engine().address.host());
    // A HEAD has no body to say so.
    const bool may_be_old = order_.method == "HEAD" && (status == 400 || status == 403) && keys_.until;
    if (may_be_old && !std::exchange(has_renewed_, true)) verdict.keys_are_old = verdict.again = true;
    if (verdict.keys_are_old) client_->keys_->drop(keys_);
    if (!verdict.again || !try_again(verdict.fault)) end(verdict.fault);
  }
  void broke(const error& fault) {
    // One try may be too long, and the asker still wait.
    const bool is_late = fault.code() == errc::deadline_exceeded && engine().now() < until_;
    const bool may_help = is_late || fault.code() == errc::unavailable || fault.code() == errc::aborted;
    if (may_help && try_again(fault)) return;
    end(is_late ? error(errc::unavailable, fault.message()) : fault);
  }
  bool try_again(const error& why) {
    auto wait = tries_.next(engine().now(), *engine().env.random);
    if (!wait) return false;
    s3_figures::count(engine().figures.repeated);
    client_->note_trouble(why);
    engine().web->later(*wait, [self = shared_from_this()] { self->go(); });
    return true;
  }
  void end(const error& fault) {
    if (auto then = std::exchange(whole, nullptr)) return then(engine().explain(fault));
    if (auto then = std::exchange(opened, nullptr)) then(engine().explain(fault));
  }

  const std::shared_ptr<s3_client> client_;
  const s3_order order_;
  const steady_time until_;
  const std::size_t limit_;
  web_tries tries_;
  s3_keys keys_;
  bool has_renewed_ = false;
};

s3_client::s3_client(engine_ptr engine, std::shared_ptr<s3_key_chain> keys)
    : engine_(std::move(engine)), keys_(std::move(keys)), throttle_(*engine_->env.time) {}

void s3_client::ask(s3_order order, steady_time until, std::size_t limit, done<web_answer> then) {
  auto one = std::make_shared<asking>(shared_from_this(), std::move(order), until, limit);
  one->whole = std::move(then);
  one->go();
}

void s3_client::open(s3_order order, steady_time until, done<web_reply> then) {
  auto one = std::make_shared<asking>(shared_from_this(), std::move(order), until, 0);
  one->opened = std::move(then);
  one->go();
}

void s3_client::note_trouble(const error& why) {
  if (engine_->env.log == nullptr) return;
  std::unique_lock lock(mutex_);
  auto silenced = throttle_.admit(name_of(why.code()));
  lock.unlock();
  if (silenced)
    engine_->env.log->warn("S3 does not answer as it should, and is asked again",
                           {{"store", engine_->name}, {"why", why.message()}, {"silenced", *silenced}});
}

web_tries s3_client::new_tries(steady_time until) const {
  return {options().retries, options().retry_delay, until};
}

}  // namespace kiln::s3_store
