#include "actors/services/remote_asset/remote_asset.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <optional>

#include "actors/services/remote_asset/asset_answer.hpp"
#include "actors/services/remote_asset/asset_fetching.hpp"
#include "actors/services/remote_asset/asset_request.hpp"
#include "core/contract/on_response.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/message.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

// Of all records of one push, which are as many as its URIs.
constexpr std::size_t max_pushed_bytes = 16 << 20;

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

class remote_asset_state {
public:
  remote_asset_state(remote_asset_actor::pointer self, const remote_asset_options& options)
      : self_(self), options_(options), rules_{options.settings.qualifiers} {
    if (options.settings.fetch) fetching_.emplace(self, options_);
  }

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

  void fetched(const asset_fetched& news) { fetching_->fetched(news); }
  void left(const asset_waiter_left& news) { fetching_->left(news.fetch); }

private:
  void look(const search_ptr& on) {
    if (on->next == on->keys.size()) return not_kept(on);
    auto key = on->keys[on->next++];
    find_result order{on->asked.instance, key, record_kind::asset, on->asked.function};
    order.until = waits_until(on->call);
    on_response(
        self_->request(options_.lookup, caf::infinite, std::move(order)),
        [this, on, key](const found_result& found) { judge(on, key, found.result); },
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
    on_response(
        self_->request(options_.results, caf::infinite, forget_blob{name_of(instance, key)}),
        [](const forgotten&) {}, [](const caf::error&) {});
  }

  void not_kept(const search_ptr& on) {
    if (!fetching_ || !web_fetcher::concerns(on->asked))
      return on->call->reply(answer_without(
          {errc::not_found, fmt::format("no asset \"{}\" is kept here", on->asked.uris.front())}));
    answer_call(on->call, [&] { return fetching_->wait_for(on->call, on->asked); });
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
      if (total > max_pushed_bytes)
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
    needed.until = waits_until(call);
    on_response(
        self_->request(options_.content, caf::infinite, std::move(needed)),
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
    on_response(
        self_->request(options_.results, caf::infinite, write_blobs{std::move(records), waits_until(call)}),
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

  std::optional<asset_fetching> fetching_;  // from the network, where that is allowed
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
        nothrow_handler([state](const asset_fetched& news) { state->fetched(news); }),
        nothrow_handler([state](const asset_waiter_left& news) { state->left(news); }),
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
