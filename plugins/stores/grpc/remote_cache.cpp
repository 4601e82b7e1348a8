#include "plugins/stores/grpc/remote_cache.hpp"

#include <algorithm>
#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/base/machine.hpp"
#include "core/observe/memory_budget.hpp"
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
        attempts_(where_->new_attempts(where_->options().timeout)) {}

  void go() {
    where_->common_->wire->ask(where_->request(method_, attempts_.time_left(*where_->env().time)), message_,
                               [self = shared_from_this()](expected<byte_chain> answer) {
                                 if (answer)
                                   self->then_(std::move(answer));
                                 else
                                   self->failed(answer.error());
                               });
  }

private:
  void failed(const error& fault) {
    if (auto wait = attempts_.after(fault, where_->env()))
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

// Until the server has said how much it takes: what it would refuse would look like a fault of whoever asked.
constexpr std::uint64_t unheard_batch_limit = 1 << 20;

std::shared_ptr<remote::common> remote::begin(grpc_store_options options, std::string store_name,
                                              const environment& env, std::shared_ptr<channel> wire,
                                              timer later) {
  auto random = make_seeded_random(env.random->next());
  auto own = with_random(env, *random);
  const auto limit = std::min(options.max_batch_size.bytes, unheard_batch_limit);
  claim_memory(env.metrics, {"store " + store_name, "sent bytes", most_sent_bytes});
  auto hashing = env.pools->make("kiln-arrivals", options.threads.value_or(std::max(processors() / 2, 1U)));
  return std::shared_ptr<common>(new common{std::move(options), std::move(random), own, std::move(store_name),
                                            std::move(wire), std::move(later), std::move(hashing), limit});
}

remote::remote(grpc_store_options options, std::string store_name, environment env,
               std::shared_ptr<channel> wire, timer later)
    : common_(begin(std::move(options), std::move(store_name), env, std::move(wire), std::move(later))) {}

std::shared_ptr<remote> remote::until(const order_deadline& when) {
  if (when == until_ && !when.client) return shared_from_this();
  return std::shared_ptr<remote>(new remote(common_, when));
}

namespace {

// W3C Trace Context.
bool is_trace(std::string_view name) {
  return name == "traceparent" || name == "tracestate";
}

}  // namespace

bool remote::speaks_for(const order_deadline& asker) const {
  const auto& names = options().forward_headers;
  return asker.client && std::any_of(asker.client->begin(), asker.client->end(), [&](const auto& field) {
           return std::find(names.begin(), names.end(), field.first) != names.end();
         });
}

call_metadata remote::passed_on(const order_deadline& from) const {
  call_metadata some;
  if (!from.client) return some;
  const auto& names = options().forward_headers;
  for (const auto& field : *from.client)
    if ((options().forward_trace && is_trace(field.first)) ||
        std::find(names.begin(), names.end(), field.first) != names.end())
      some.push_back(field);
  return some;
}

void remote::ask(std::string method, byte_chain message, done<byte_chain> then) {
  std::make_shared<asking>(shared_from_this(), std::move(method), std::move(message), std::move(then))->go();
}

std::shared_ptr<outbound_call> remote::start(std::string method, duration timeout) {
  return common_->wire->start(request(std::move(method), timeout));
}

attempts remote::new_attempts(duration timeout) const {
  return {options().retries, options().retry_delay, std::min(env().time->now() + timeout, until_)};
}

outbound_request remote::request(std::string method, duration timeout) const {
  // No wire has to know what less than no time is.
  constexpr duration least = std::chrono::milliseconds(1);
  if (until_ != steady_time::max()) timeout = std::min<duration>(timeout, until_ - env().time->now());
  // What a client says itself stands in place of what is said for all.
  auto headers = passed_on_;
  for (const auto& [name, value] : options().headers)
    if (std::none_of(passed_on_.begin(), passed_on_.end(),
                     [&](const auto& one) { return one.first == name; }))
      headers.emplace_back(name, value);
  return {std::move(method), std::move(headers), std::max(timeout, least)};
}

failure remote::explain(const error& fault) const {
  return with_context(fault, "store {} at {}", common_->name, options().endpoint);
}

std::shared_ptr<const void> remote::room_to_go_on(std::uint64_t bytes) const {
  if (!common_->sent_bytes.take(bytes)) return nullptr;
  return {common_.get(), [shared = common_, bytes](const void*) { shared->sent_bytes.give_back(bytes); }};
}

namespace {

template <class Compressors>
bool has_zstd(const Compressors& known) {
  return std::find(known.begin(), known.end(), v2::Compressor::ZSTD) != known.end();
}

}  // namespace

void remote::ask_what_it_can() {
  if (common_->is_asked.exchange(true)) return;
  v2::GetCapabilitiesRequest request;
  request.set_instance_name(options().instance);
  ask("/build.bazel.remote.execution.v2.Capabilities/GetCapabilities", serialise(request),
      [shared = common_](expected<byte_chain> answer) {
        auto capabilities = std::move(answer).and_then(parse<v2::ServerCapabilities>);
        if (!capabilities) {
          shared->is_asked = false;  // the next one asks again
          return;
        }
        const auto& cache = capabilities->cache_capabilities();
        auto most = shared->options.max_batch_size.bytes;
        if (const auto theirs = cache.max_batch_total_size_bytes(); theirs > 0)
          most = std::min<std::uint64_t>(most, static_cast<std::uint64_t>(theirs));
        shared->batch_limit = most;
        shared->speaks_zstd = has_zstd(cache.supported_compressors());
        shared->packs_batches = has_zstd(cache.supported_batch_update_compressors());
      });
}

std::uint64_t remote::batch_limit() {
  ask_what_it_can();
  return common_->batch_limit;
}

bool remote::speaks_zstd() {
  if (!options().zstd_level) return false;
  ask_what_it_can();
  return common_->speaks_zstd;
}

bool remote::packs_batches() {
  if (!options().zstd_level) return false;
  ask_what_it_can();
  return common_->packs_batches;
}

}  // namespace kiln::grpc_store
