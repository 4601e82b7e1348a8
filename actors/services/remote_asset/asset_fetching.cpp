#include "actors/services/remote_asset/asset_fetching.hpp"

#include <algorithm>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "actors/services/remote_asset/asset_answer.hpp"
#include "core/base/peer.hpp"
#include "core/contract/on_response.hpp"
#include "core/observe/log.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

// Fetches that wait for a thread, all of them and of one client.
constexpr std::size_t max_fetches = 256;
constexpr std::size_t max_of_client = 64;
// Calls that wait for one.
constexpr std::size_t max_waiting = 4096;

// Equal for questions that one fetch answers.
digest fetch_key(const asset_question& asked) {
  auto all = asked.instance;
  for (const auto& uri : asked.uris) all += '\n' + uri;
  return asset_key(asked.kind, asked.function, all, asked.full_name());
}

// What trying again will not change is an answer; the rest fails the call, so that clients do try again.
void answer_failure(const call_ptr& call, error why) {
  switch (why.code()) {
    case errc::not_found:
    case errc::permission_denied:
    case errc::aborted:
    case errc::deadline_exceeded:
      return call->reply(answer_without(why));
    default:
      if (why.code() == errc::unavailable) why = try_again(why.code(), why.message());
      return call->finish(std::move(why));
  }
}

}  // namespace

asset_fetching::asset_fetching(remote_asset_actor::pointer self, const remote_asset_options& options)
    : self_(self),
      options_(options),
      fetcher_(std::make_shared<const web_fetcher>(*options.settings.fetch, options.limits, options.env)),
      places_({options.settings.fetch->at_once, std::max(options.settings.fetch->at_once / 2, 1U),
               max_fetches, max_of_client},
              "assets are being fetched"),
      waiting_(max_waiting, "clients wait for assets"),
      spools_(options.env.pools->make("kiln-spool", 1)),
      transfers_(options.env.pools->make("kiln-fetch", options.settings.fetch->at_once)) {}

asset_fetching::~asset_fetching() {
  for (auto& [_, one] : jobs_) one.stop->store(true, std::memory_order_relaxed);
}

expected<void> asset_fetching::wait_for(const call_ptr& call, const asset_question& asked) {
  auto place = waiting_.enter(client_of(call->info().peer));
  if (!place) return failure(place.error());
  auto key = fetch_key(asked);
  auto known = by_key_.find(key);
  auto id = known == by_key_.end() ? enter(call, key, asked) : expected<std::uint64_t>(known->second);
  if (!id) return failure(id.error());
  // One that could not even be begun has ended by now.
  auto found = jobs_.find(*id);
  if (found == jobs_.end()) return fail(busy("the asset could not be fetched now"));
  found->second.waiters.push_back({call, std::move(*place)});
  call->on_cancel([to = remote_asset_actor(self_), id = *id] { caf::anon_send(to, asset_waiter_left{id}); });
  return {};
}

expected<std::uint64_t> asset_fetching::enter(const call_ptr& call, const digest& key,
                                              const asset_question& asked) {
  const auto id = ++next_id_;
  auto has_place = places_.take(id, client_of(call->info().peer), [this, id] { start(id); });
  if (!has_place) return failure(has_place.error());
  auto& fresh = jobs_[id];
  fresh.key = key;
  fresh.asked = asked;
  by_key_.emplace(key, id);
  *has_place ? start(id) : stop_an_abandoned();
  return id;
}

void asset_fetching::start(std::uint64_t id) {
  const auto& mine = jobs_.at(id);
  auto posted = transfers_->post(
      [to = remote_asset_actor(self_), by = fetcher_, stop = mine.stop, id, asked = mine.asked] {
        auto outcome = std::make_shared<expected<web_found>>(caught([&] { return by->fetch(asked, *stop); }));
        caf::anon_send(to, asset_fetched{id, std::move(outcome)});
      });
  if (!posted) end(id, posted.error());
}

// One that has a thread nobody wants, where somebody wants a thread.
void asset_fetching::stop_an_abandoned() {
  for (auto& [id, one] : jobs_) {
    if (!one.is_abandoned() || places_.waits(id) || one.waiters.empty()) continue;
    if (one.stop->exchange(true, std::memory_order_relaxed)) continue;
    if (auto known = by_key_.find(one.key); known != by_key_.end() && known->second == id)
      by_key_.erase(known);
    return;
  }
}

void asset_fetching::left(std::uint64_t id) {
  auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  ++found->second.left;
  if (!found->second.is_abandoned()) return;
  if (places_.waits(id))
    end(id, error(errc::cancelled, "nobody waits for the asset"));
  else if (places_.somebody_waits())
    stop_an_abandoned();
}

void asset_fetching::fetched(const asset_fetched& news) {
  auto& outcome = *news.outcome;
  if (!outcome) return end(news.fetch, outcome.error());
  auto stored = caught([&]() -> expected<void> {
    store(news.fetch, *outcome);
    return {};
  });
  if (!stored) end(news.fetch, stored.error());
}

void asset_fetching::store(std::uint64_t id, web_found& found) {
  auto source = source_of(std::move(found.bytes), spools_);
  on_response(
      self_->request(options_.content, caf::infinite, write_blob{found.content, std::move(source)}),
      [this, id, found](const receipt&) { keep(id, found); }, ends(id));
}

// Only under the URI that it came from, and only for those who ask as it was asked for: who named the
// others need not have told the truth.
void asset_fetching::keep(std::uint64_t id, const web_found& found) {
  const auto& asked = jobs_.at(id).asked;
  asset_record record{asset_kind::blob, found.content, asked.uris[found.uri], asked.shown, found.started};
  if (!asked.checksum) record.expire_at = found.started + *options_.settings.fetch->unchecked;
  if (options_.env.log != nullptr)  // what stands behind a question mark may be somebody's secret
    options_.env.log->info("fetched an asset",
                           {{"blob", record.content}, {"uri", record.uri.substr(0, record.uri.find('?'))}});
  auto result = to_result(record);
  if (!result) return end(id, result.error());
  auto asset = asset_key(record.kind, asked.function, record.uri, asked.full_name());
  auto name = options_.names.of(record_kind::asset, asked.instance, asset);
  on_response(
      self_->request(options_.results, caf::infinite, write_blob{name, source_of(wrap_result(*result))}),
      [this, id, record](const receipt&) { end(id, record); }, ends(id));
}

void asset_fetching::end(std::uint64_t id, const std::variant<asset_record, error>& how) {
  auto ended = jobs_.extract(id);
  if (ended.empty()) return;
  auto& mine = ended.mapped();
  if (auto known = by_key_.find(mine.key); known != by_key_.end() && known->second == id)
    by_key_.erase(known);
  for (const auto& one : mine.waiters)
    answer_call(one.call, [&]() -> expected<void> {
      if (const auto* record = std::get_if<asset_record>(&how))
        one.call->reply(answer_with(*record));
      else
        answer_failure(one.call, std::get<error>(how));
      return {};
    });
  places_.give_back(id);
}

}  // namespace kiln
