#include "plugins/stores/s3/s3_key_chain.hpp"

#include <fcntl.h>

#include <utility>

namespace kiln::s3_store {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t largest_key_file = 256 << 10;
constexpr duration renewed_before = 5min;
constexpr duration fetched_at_most_every = 10s;
constexpr duration file_is_read_every = 1min;
constexpr duration fetch_time = 10s;

expected<std::string> text_of_key_file(disk& files, const std::string& path) {
  auto file = files.open(descriptor(), absolute_path(path).c_str(), O_RDONLY);
  if (!file) return fail(errc::failed_precondition, "{}", file.error().in_words("opening " + path).message());
  std::string text(largest_key_file, '\0');
  auto size = read_all(files, *file, text, 0);
  if (!size) return fail(errc::failed_precondition, "{}", size.error().in_words("reading " + path).message());
  text.resize(*size);
  return text;
}

std::string first_line_of(std::string text) {
  text.resize(std::min(text.size(), text.find_first_of("\r\n")));
  return text;
}

}  // namespace

s3_key_chain::s3_key_chain(s3_key_source source, std::shared_ptr<web_client> web, const environment& env,
                           std::shared_ptr<thread_pool> reading)
    : source_(std::move(source)), web_(std::move(web)), env_(env), reading_(std::move(reading)) {}

bool s3_key_chain::is_fixed() const noexcept {
  return source_.from == s3_keys_from::configuration || source_.from == s3_keys_from::environment ||
         source_.from == s3_keys_from::nowhere;
}

void s3_key_chain::get(steady_time until, done<s3_keys> then) {
  if (is_fixed()) return then(source_.fixed);
  web_->post([self = shared_from_this(), until, then = std::move(then)]() mutable {
    self->serve(until, std::move(then));
  });
}

void s3_key_chain::drop(const s3_keys& keys) {
  web_->post([self = shared_from_this(), id = keys.access_key] {
    if (!self->kept_ || self->kept_->access_key != id) return;
    self->kept_.reset();
    self->fetch_again_ = {};
  });
}

bool s3_key_chain::is_fresh() const {
  if (!kept_) return false;
  const auto now = env_.time->now();
  if (now < fetch_again_) return !kept_->until || env_.time->wall() < *kept_->until;
  return kept_->until && env_.time->wall() + renewed_before < *kept_->until;
}

void s3_key_chain::serve(steady_time until, done<s3_keys> then) {
  if (is_fresh()) return then(*kept_);
  auto one = std::make_shared<waiter>(waiter{std::move(then)});
  waiting_.push_back(one);
  if (until != waits_for_ever)
    web_->later(until - env_.time->now(), [weak = std::weak_ptr(one)] {
      auto late = weak.lock();
      if (late && late->then)
        std::exchange(late->then, nullptr)(fail(errc::deadline_exceeded, "no keys came in time"));
    });
  if (!std::exchange(fetching_, true)) fetch();
}

void s3_key_chain::fetched(expected<s3_keys> keys) {
  fetching_ = false;
  const bool is_file = source_.from == s3_keys_from::file;
  fetch_again_ = env_.time->now() + (is_file && keys ? file_is_read_every : fetched_at_most_every);
  if (keys)
    kept_ = *keys;
  else if (kept_ && (!kept_->until || env_.time->wall() < *kept_->until))
    keys = *kept_;  // what there is serves while nothing newer can be had
  else
    kept_.reset();
  for (auto& one : std::exchange(waiting_, {}))
    if (one->then) std::exchange(one->then, nullptr)(keys);
}

void s3_key_chain::fetch() {
  auto self = shared_from_this();
  switch (source_.from) {
    case s3_keys_from::file:
      return read_file([self](const std::string& text) {
        self->fetched(keys_in_shared_file(text, self->source_.profile));
      });
    case s3_keys_from::web_identity:
      return read_file([self](const std::string& text) { self->assume_role(text); });
    default:
      return ask_instance();
  }
}

void s3_key_chain::read_file(std::function<void(const std::string& text)> then) {
  auto posted = reading_->post([self = shared_from_this(), then = std::move(then)] {
    auto text = caught([&] { return text_of_key_file(*self->env_.files, self->source_.file); });
    self->web_->post([self, then, text = std::move(text)] {
      if (!text) return self->fetched(failure(text.error()));
      then(*text);
    });
  });
  if (!posted) fetched(failure(posted.error()));
}

void s3_key_chain::ask(web_order order, std::function<void(const std::string& text)> then) {
  const auto host = order.url.substr(0, order.url.find('/', order.url.find("://") + 3));
  order.until = env_.time->now() + fetch_time;
  web_->ask(
      std::move(order), largest_key_file,
      [self = shared_from_this(), host, then = std::move(then)](const expected<web_answer>& answer) {
        if (!answer) return self->fetched(with_context(answer.error(), "fetching keys"));
        if (!answer->is_good())
          return self->fetched(fail(answer->status >= 500 ? errc::unavailable : errc::failed_precondition,
                                    "fetching keys: {} answers {}", host, answer->status));
        then(std::string(answer->body.view()));
      });
}

void s3_key_chain::assume_role(const std::string& token) {
  web_order order;
  order.method = "POST";
  order.url = source_.service + "/";
  order.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  order.body = bytes::adopt(fmt::format(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
      percent_encoded(source_.role), percent_encoded(source_.session_name),
      percent_encoded(first_line_of(token))));
  ask(std::move(order),
      [self = shared_from_this()](const std::string& text) { self->fetched(keys_in_role_answer(text)); });
}

// Version 2 of the instance's service: a token first, lest a request that was smuggled gets the keys.
void s3_key_chain::ask_instance() {
  web_order order;
  order.method = "PUT";
  order.url = source_.service + "/latest/api/token";
  order.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}};
  order.past_proxy = true;
  ask(std::move(order), [self = shared_from_this()](const std::string& token) {
    web_order next;
    next.url = self->source_.service + "/latest/meta-data/iam/security-credentials/";
    next.headers = {{"X-aws-ec2-metadata-token", first_line_of(token)}};
    next.past_proxy = true;
    self->ask(next, [self, next](const std::string& roles) mutable {
      next.url += percent_encoded(first_line_of(roles));
      self->ask(next, [self](const std::string& text) { self->fetched(keys_in_instance_answer(text)); });
    });
  });
}

}  // namespace kiln::s3_store
