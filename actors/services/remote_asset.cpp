#include "actors/services/remote_asset.hpp"

#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <unordered_map>
#include <variant>

#include "actors/services/asset_answer.hpp"
#include "actors/services/asset_request.hpp"
#include "core/observe/log.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/message.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

// Of all records of one push, which are as many as its URIs.
constexpr std::size_t most_pushed_bytes = 16 << 20;

// Of fetches from the network, told apart by what is asked for, and of calls that wait for one.
constexpr std::size_t most_fetches = 256;
constexpr std::size_t most_waiting = 4096;

// A question on its way through the names that would answer it.
struct search {
  call_ptr call;
  asset_question asked;
  std::vector<digest> keys;  ///< of all assets that would be an answer, in the order they are looked for
  std::size_t next = 0;
};
using search_ptr = std::shared_ptr<search>;

search_ptr begin_search(const call_ptr& call, asset_question asked) {
  auto begun = std::make_shared<search>(search{call, std::move(asked), {}});
  auto names = begun->asked.names();
  for (const auto& uri : begun->asked.uris)
    for (const auto& name : names)
      begun->keys.push_back(asset_key(begun->asked.kind, begun->asked.function, uri, name));
  return begun;
}

// Equal for questions that one fetch answers.
digest fetch_key(const asset_question& asked) {
  auto all = asked.instance;
  for (const auto& uri : asked.uris) all += '\n' + uri;
  return asset_key(asked.kind, asked.function, all, asked.full_name());
}

class remote_asset_state {
public:
  remote_asset_state(remote_asset_actor::pointer self, const remote_asset_options& options)
      : self_(self), options_(options), rules_{options.settings.qualifiers} {
    const auto& wishes = options.settings.fetch;
    if (!wishes) return;
    fetcher_ = std::make_shared<const web_fetcher>(*wishes, options.limits, *options.env.time);
    transfers_ = options.env.crews->make("kiln-fetch", wishes->at_once);
    spools_ = options.env.crews->make("kiln-spool", 1);
  }
  ~remote_asset_state() { stop_->store(true, std::memory_order_relaxed); }

  template <class Request>
  void fetch(const inbound& order) {
    begin_call(order.call, *options_.env.time, [&]() -> expected<void> {
      auto request = parse<Request>(order.request);
      if (!request) return failure(request.error());
      auto asked = read_question(*request, rules_);
      if (!asked) return failure(asked.error());
      if (auto fine = options_.limits.check_function(asked->function); !fine) return fine;
      look(begin_search(order.call, std::move(*asked)));
      return {};
    });
  }

  template <class Request>
  void push(const inbound& order) {
    begin_call(order.call, *options_.env.time, [&]() -> expected<void> {
      if (!options_.settings.push) return fail(errc::permission_denied, "clients may not push assets here");
      auto request = parse<Request>(order.request);
      if (!request) return failure(request.error());
      auto said = read_statement(*request, rules_, options_.env.time->wall());
      if (!said) return failure(said.error());
      if (auto fine = options_.limits.check_function(said->record.content.function); !fine) return fine;
      auto records = records_of(*said);
      if (!records) return failure(records.error());
      keep_if_present(order.call, said->record, std::move(*records));
      return {};
    });
  }

private:
  void look(const search_ptr& on) {
    if (on->next == on->keys.size()) return not_kept(on);
    auto key = on->keys[on->next++];
    self_
        ->request(options_.lookup, caf::infinite,
                  find_result{on->asked.instance, key, record_kind::asset, on->asked.function})
        .then([this, on, key](const found_result& found) { judge(on, key, found.result); },
              [this, on](const caf::error& fault) {
                auto why = from_caf(fault);
                why.code() == errc::not_found ? look(on) : on->call->finish(std::move(why));
              });
  }

  void judge(const search_ptr& on, const digest& key, const bytes& result) {
    answer_call(on->call, [&]() -> expected<void> {
      auto now = options_.env.time->wall();
      auto record = from_result(result, on->asked.function);
      if (record && on->asked.accepts(*record, now)) {
        on->call->reply(answer_with(*record));
        return {};
      }
      if (!record || (record->expire_at && *record->expire_at <= now)) forget(on->asked.instance, key);
      look(on);
      return {};
    });
  }

  digest name_of(const std::string& instance, const digest& asset) const {
    return options_.names.of(record_kind::asset, instance, asset);
  }

  // It will never be an answer again, so it need not wait for its eviction.
  void forget(const std::string& instance, const digest& key) {
    self_->request(options_.results, caf::infinite, forget_blob{name_of(instance, key)})
        .then([](const forgotten&) {}, [](const caf::error&) {});
  }

  void not_kept(const search_ptr& on) {
    if (!fetcher_ || !web_fetcher::concerns(on->asked))
      return on->call->reply(answer_without(
          {errc::not_found, fmt::format("no asset \"{}\" is kept here", on->asked.uris.front())}));
    answer_call(on->call, [&] { return wait_for_fetch(on); });
  }

  // Clients of one build farm want the same things at the same time: one fetch does for all of them, and goes
  // on even if all of them leave.
  expected<void> wait_for_fetch(const search_ptr& on) {
    if (waiting_ >= most_waiting) return fail(busy("too many clients wait for assets"));
    auto key = fetch_key(on->asked);
    auto found = fetches_.find(key);
    if (found == fetches_.end()) {
      if (fetches_.size() >= most_fetches) return fail(busy("too many assets are being fetched"));
      if (auto posted = begin_fetch(key, on->asked); !posted) return posted;
      found = fetches_.emplace(key, std::vector<search_ptr>()).first;
    }
    found->second.push_back(on);
    ++waiting_;
    return {};
  }

  expected<void> begin_fetch(const digest& key, const asset_question& asked) {
    return transfers_->post([to = remote_asset_actor(self_), by = fetcher_, stop = stop_, key, asked] {
      auto outcome = std::make_shared<expected<web_found>>(fail(errc::internal, "the fetch was dropped"));
      try {
        *outcome = by->fetch(asked, *stop);
      } catch (const std::exception& fault) {
        *outcome = fail(errc::internal, "fetching an asset: {}", fault.what());
      }
      caf::anon_send(to, asset_fetched{key, std::move(outcome)});
    });
  }

public:
  void fetched(const asset_fetched& news) {
    auto& outcome = *news.outcome;
    if (!outcome) return end_fetch(news.fetch, outcome.error());
    const auto& content = outcome->content;
    self_
        ->request(options_.content, caf::infinite,
                  write_blob{content, source_of(std::move(outcome->bytes), spools_)})
        .then([this, key = news.fetch, found = *outcome](const receipt&) { keep_fetched(key, found); },
              [this, key = news.fetch](const caf::error& fault) { end_fetch(key, from_caf(fault)); });
  }

private:
  // Only under the URI that it came from, and only for those who ask as it was asked for: who named the
  // others need not have told the truth.
  void keep_fetched(const digest& key, const web_found& found) {
    const auto& asked = fetches_.at(key).front()->asked;
    asset_record record{asset_kind::blob, found.content, asked.uris[found.uri], asked.shown, found.started};
    if (!asked.checksum) record.expire_at = found.started + *options_.settings.fetch->unchecked;
    if (options_.env.log != nullptr)  // what stands behind a question mark may be somebody's secret
      options_.env.log->info("fetched an asset",
                             {{"blob", record.content}, {"uri", record.uri.substr(0, record.uri.find('?'))}});
    auto result = to_result(record);
    if (!result) return end_fetch(key, result.error());
    auto name = asset_key(record.kind, asked.function, record.uri, asked.full_name());
    self_
        ->request(options_.results, caf::infinite,
                  write_blob{name_of(asked.instance, name), source_of(wrap_result(*result))})
        .then([this, key, record](const receipt&) { end_fetch(key, record); },
              [this, key](const caf::error& fault) { end_fetch(key, from_caf(fault)); });
  }

  void end_fetch(const digest& key, const std::variant<asset_record, error>& how) {
    auto ended = fetches_.extract(key);
    waiting_ -= ended.mapped().size();
    for (const auto& one : ended.mapped()) {
      if (const auto* record = std::get_if<asset_record>(&how))
        one->call->reply(answer_with(*record));
      else
        answer_failure(one->call, std::get<error>(how));
    }
  }

  // What trying again will not change is an answer; the rest fails the call, so that clients do try again.
  static void answer_failure(const call_ptr& call, error why) {
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

  // One under every name, each with the URI that it stands for.
  expected<std::vector<write_blobs::entry>> records_of(asset_statement& said) const {
    std::vector<write_blobs::entry> records;
    std::size_t total = 0;
    for (auto& uri : said.uris) {
      said.record.uri = uri;
      auto result = to_result(said.record);
      if (!result) return failure(result.error());
      auto wrapped = wrap_result(*result);
      total += wrapped.size();
      if (total > most_pushed_bytes)
        return fail(errc::invalid_argument, "the asset refers to too much under too many URIs");
      for (const auto& name : said.names()) {
        auto key = asset_key(said.record.kind, said.record.content.function, uri, name);
        records.push_back({name_of(said.instance, key), wrapped});
      }
    }
    return records;
  }

  // What lies below a directory is looked at when it is asked for.
  void keep_if_present(const call_ptr& call, const asset_record& record,
                       std::vector<write_blobs::entry> records) {
    find_missing needed{{record.content}};
    needed.blobs.insert(needed.blobs.end(), record.blobs.begin(), record.blobs.end());
    needed.blobs.insert(needed.blobs.end(), record.directories.begin(), record.directories.end());
    self_->request(options_.content, caf::infinite, std::move(needed))
        .then(
            [this, call, records = std::move(records)](const missing_blobs& missing) mutable {
              if (missing.blobs.empty()) return keep(call, std::move(records));
              error fault(errc::failed_precondition,
                          fmt::format("the asset needs blob {}, which is not here", missing.blobs.front()));
              fault.add_detail(missing_blobs_detail(missing.blobs));
              call->finish(std::move(fault));
            },
            fails(call));
  }

  void keep(const call_ptr& call, std::vector<write_blobs::entry> records) {
    self_->request(options_.results, caf::infinite, write_blobs{std::move(records)})
        .then(
            [call](const receipts& kept) {
              for (const auto& one : kept.results)
                if (!one) return call->finish(one.error());
              call->reply({});
            },
            fails(call));
  }

  const remote_asset_actor::pointer self_;
  const remote_asset_options options_;
  const asset_rules rules_;

  // Fetching from the network; all null where that is off.
  std::shared_ptr<const web_fetcher> fetcher_;
  const std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  std::unordered_map<digest, std::vector<search_ptr>> fetches_;  // and who waits for each, at least one
  std::size_t waiting_ = 0;
  std::shared_ptr<crew> spools_;  // apart from the others, which may all be held up by slow servers
  std::unique_ptr<crew> transfers_;
};

}  // namespace

remote_asset_actor spawn_remote_asset(caf::actor_system& system, const remote_asset_options& options) {
  using pointer = remote_asset_actor::stateful_pointer<std::unique_ptr<remote_asset_state>>;
  return system.spawn([=](pointer self) -> remote_asset_actor::behavior_type {
    self->state = std::make_unique<remote_asset_state>(self, options);
    auto* state = self->state.get();
    return {
        [state](const fetch_blob& order) { state->fetch<asset_v1::FetchBlobRequest>(order); },
        [state](const fetch_directory& order) { state->fetch<asset_v1::FetchDirectoryRequest>(order); },
        [state](const push_blob& order) { state->push<asset_v1::PushBlobRequest>(order); },
        [state](const push_directory& order) { state->push<asset_v1::PushDirectoryRequest>(order); },
        [state](const asset_fetched& news) { state->fetched(news); },
    };
  });
}

void add_routes(router& routes, const remote_asset_actor& to) {
  const std::string package = "/build.bazel.remote.asset.v1.";
  add_route<fetch_blob>(routes, package + "Fetch/FetchBlob", to);
  add_route<fetch_directory>(routes, package + "Fetch/FetchDirectory", to);
  add_route<push_blob>(routes, package + "Push/PushBlob", to);
  add_route<push_directory>(routes, package + "Push/PushDirectory", to);
}

}  // namespace kiln
