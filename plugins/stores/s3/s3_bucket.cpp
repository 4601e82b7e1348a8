#include "plugins/stores/s3/s3_bucket.hpp"

#include <algorithm>
#include <utility>

#include "core/observe/log.hpp"
#include "core/wire/too_large.hpp"
#include "plugins/stores/s3/s3_xml.hpp"

namespace kiln::s3_store {
namespace {

constexpr std::size_t copies_at_once = 256;
constexpr std::uint64_t largest_copy = std::uint64_t{5} << 30;  // one request copies no more
constexpr std::size_t small_answer = 1 << 20;

}  // namespace

s3_bucket::s3_bucket(engine_ptr engine, std::shared_ptr<s3_client> client)
    : engine_(std::move(engine)), client_(std::move(client)), known_(engine_->options.max_remembered) {}

object_facts s3_bucket::facts_in(const web_head& head, std::uint64_t size) const {
  object_facts facts{size, duration::zero(), std::string(head.header("etag")),
                     std::string(head.header(hash_header))};
  // By the service's own clock, where it says what it is.
  const auto now = parse_web_date(head.header("date")).value_or(engine_->env.time->wall());
  if (const auto written = parse_web_date(head.header("last-modified"))) facts.age = now - *written;
  return facts;
}

bool s3_bucket::is_there(const digest& blob, const object_facts& facts) const {
  if (options().expires_after && facts.age > *options().expires_after) return false;
  if (!engine_->holds_content()) return !facts.hash.empty();
  return facts.size == static_cast<std::uint64_t>(blob.size);
}

failure s3_bucket::no_such(const digest& blob) const {
  return fail(errc::not_found, "no {} {} in store {}", engine_->holds_content() ? "blob" : "result of action",
              blob, engine_->name);
}

error s3_bucket::too_large(const digest& blob) const {
  return too_large_for_store(blob, engine_->name, options().max_blob_size.bytes);
}

void s3_bucket::look(const digest& blob, steady_time until, done<std::optional<object_facts>> then) {
  client_->ask({"HEAD", key_of(blob)}, until, small_answer,
               [self = shared_from_this(), blob, then = std::move(then)](const expected<web_answer>& answer) {
                 if (!answer && answer.error().code() != errc::not_found)
                   return then(failure(answer.error()));
                 std::optional<object_facts> facts;
                 if (answer) facts = self->facts_in(*answer, answer->length().value_or(0));
                 if (facts && !self->is_there(blob, *facts)) facts.reset();
                 facts ? self->saw(blob, *facts) : self->lost(blob);
                 then(std::move(facts));
               });
}

void s3_bucket::saw(const digest& blob, const object_facts& facts) {
  engine_->web->post([self = shared_from_this(), blob, facts] {
    const auto& life = self->options().expires_after;
    if (life && facts.age > *life / 2) self->copy_forward(blob, facts);
    auto time = self->options().remember_for.value_or(duration::zero());
    if (life) time = std::min(time, std::max(*life - facts.age, duration::zero()));
    if (self->engine_->holds_content() && time > duration::zero())
      self->known_.note(blob, self->engine_->now() + time);
  });
}

void s3_bucket::lost(const digest& blob) {
  engine_->web->post([self = shared_from_this(), blob] { self->known_.drop(blob); });
}

bool s3_bucket::remembers(const digest& blob) const {
  const bool knows = known_.knows(blob, engine_->now());
  if (knows) s3_figures::count(engine_->figures.remembered);
  return knows;
}

void s3_bucket::copy_forward(const digest& blob, const object_facts& facts) {
  if (facts.size > largest_copy || copying_.size() >= copies_at_once || !copying_.insert(blob).second) return;
  s3_order order{"PUT", key_of(blob)};
  order.headers = {{"x-amz-copy-source", engine_->address.copy_source(order.key)},
                   {"x-amz-metadata-directive", "REPLACE"}};
  // A result that was replaced meanwhile has another hash.
  if (!engine_->holds_content()) {
    order.headers.emplace_back("x-amz-copy-source-if-match", facts.etag);
    order.headers.emplace_back(hash_header, facts.hash);
  }
  client_->ask(std::move(order), engine_->now() + options().request_timeout, small_answer,
               [self = shared_from_this(), blob](const expected<web_answer>& answer) {
                 self->copying_.erase(blob);
                 const bool is_done = answer && error_code_in(answer->body.view()).empty();
                 if (is_done) s3_figures::count(self->engine_->figures.copied_forward);
                 if (!is_done && self->engine_->env.log != nullptr)
                   self->engine_->env.log->debug("an object that is used could not be made new",
                                                 {{"store", self->engine_->name}, {"blob", blob}});
               });
}

void s3_bucket::drop_damaged(const digest& blob, const error& why) {
  s3_figures::count(engine_->figures.damaged);
  if (engine_->env.log != nullptr)
    engine_->env.log->warn("a damaged object is removed", {{"store", engine_->name}, {"why", why.message()}});
  lost(blob);
  client_->ask({"DELETE", key_of(blob)}, engine_->now() + options().request_timeout, small_answer,
               [self = shared_from_this()](const expected<web_answer>&) {});
}

}  // namespace kiln::s3_store
