#include "plugins/stores/grpc/remote_cache.hpp"

#include <algorithm>
#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/base/machine.hpp"
#include "core/wire/message.hpp"

namespace kiln::grpc_store {

namespace v2 = build::bazel::remote::execution::v2;

std::optional<duration> attempts::after(const error& fault, const environment& env) {
  if (fault.code() != errc::unavailable || left_ == 0) return std::nullopt;
  --left_;
  // Half of it at least, and the rest at random, lest all come back at the same moment.
  duration wait = delay_ / 2;
  if (wait.count() > 0) wait += duration(env.random->next() % static_cast<std::uint64_t>(wait.count()));
  delay_ *= 2;
  if (wait >= time_left(*env.time)) return std::nullopt;
  return wait;
}

namespace {

environment with_random(environment env, random_source& random) {
  env.random = &random;
  return env;
}

}  // namespace

class remote::asking : public std::enable_shared_from_this<asking> {
public:
  asking(remote_ptr where, std::string method, byte_chain message, done<byte_chain> then)
      : where_(std::move(where)),
        method_(std::move(method)),
        message_(std::move(message)),
        then_(std::move(then)),
        attempts_(where_->new_attempts(where_->options_.timeout)) {}

  void go() {
    where_->wire_->ask(where_->request(method_, attempts_.time_left(*where_->env_.time)), message_,
                       [self = shared_from_this()](expected<byte_chain> answer) {
                         if (answer)
                           self->then_(std::move(answer));
                         else
                           self->failed(answer.error());
                       });
  }

private:
  void failed(const error& fault) {
    if (auto wait = attempts_.after(fault, where_->env_))
      where_->later(*wait, [self = shared_from_this()] { self->go(); });
    else
      then_(where_->explain(fault));
  }

  const remote_ptr where_;
  const std::string method_;
  const byte_chain message_;
  const done<byte_chain> then_;
  attempts attempts_;
};

remote::remote(grpc_store_options options, std::string store_name, environment env,
               std::shared_ptr<channel> wire, timer later)
    : options_(std::move(options)),
      random_(make_seeded_random(env.random->next())),
      env_(with_random(env, *random_)),
      name_(std::move(store_name)),
      wire_(std::move(wire)),
      later_(std::move(later)),
      hashing_(env_.pools->make("kiln-arrivals", options_.threads.value_or(std::max(processors() / 2, 1U)))),
      batch_limit_(options_.max_batch_size.bytes) {}

void remote::ask(std::string method, byte_chain message, done<byte_chain> then) {
  std::make_shared<asking>(shared_from_this(), std::move(method), std::move(message), std::move(then))->go();
}

std::shared_ptr<outbound_call> remote::start(std::string method, duration timeout) {
  return wire_->start(request(std::move(method), timeout));
}

attempts remote::new_attempts(duration timeout) const {
  return {options_.retries, options_.retry_delay, env_.time->now() + timeout};
}

outbound_request remote::request(std::string method, duration timeout) const {
  return {std::move(method), {options_.headers.begin(), options_.headers.end()}, timeout};
}

failure remote::explain(const error& fault) const {
  return with_context(fault, "store {} at {}", name_, options_.endpoint);
}

std::uint64_t remote::batch_limit() {
  if (!limit_asked_.exchange(true)) {
    v2::GetCapabilitiesRequest request;
    request.set_instance_name(options_.instance);
    ask("/build.bazel.remote.execution.v2.Capabilities/GetCapabilities", serialise(request),
        [self = shared_from_this()](expected<byte_chain> answer) {
          auto capabilities = std::move(answer).and_then(parse<v2::ServerCapabilities>);
          if (!capabilities) {
            self->limit_asked_ = false;  // the next batch asks again
            return;
          }
          auto theirs = capabilities->cache_capabilities().max_batch_total_size_bytes();
          if (theirs > 0)
            self->batch_limit_ =
                std::min<std::uint64_t>(self->batch_limit_, static_cast<std::uint64_t>(theirs));
        });
  }
  return batch_limit_;
}

}  // namespace kiln::grpc_store
