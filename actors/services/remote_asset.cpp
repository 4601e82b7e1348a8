#include "actors/services/remote_asset.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>

#include "actors/services/asset_request.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/status.hpp"
#include "core/wire/times.hpp"

namespace kiln {
namespace {

// Of all records of one push, which are as many as its URIs.
constexpr std::size_t most_pushed_bytes = 16 << 20;

// A question on its way through the names that would answer it.
struct search {
  call_ptr call;
  asset_question asked;
  struct candidate {
    std::size_t uri;
    digest key;
  };
  std::vector<candidate> candidates;
  std::size_t next = 0;
};
using search_ptr = std::shared_ptr<search>;

search_ptr begin_search(const call_ptr& call, asset_question asked) {
  auto begun = std::make_shared<search>(search{call, std::move(asked), {}});
  auto names = begun->asked.names();
  for (std::size_t uri = 0; uri < begun->asked.uris.size(); ++uri)
    for (const auto& name : names)
      begun->candidates.push_back(
          {uri, asset_key(begun->asked.kind, begun->asked.function, begun->asked.uris[uri], name)});
  return begun;
}

template <class Response>
void describe(const asset_record& found, Response& response) {
  response.set_uri(found.uri);
  for (const auto& one : found.qualifiers) {
    auto* added = response.add_qualifiers();
    added->set_name(one.name);
    added->set_value(one.value);
  }
  if (found.expire_at) to_wire(*found.expire_at, response.mutable_expires_at());
  using function = build::bazel::remote::execution::v2::DigestFunction;
  response.set_digest_function(static_cast<function::Value>(found.content.function));
}

void reply_with(const search& done, const asset_record& found) {
  if (done.asked.kind == asset_kind::blob) {
    asset_v1::FetchBlobResponse response;
    describe(found, response);
    to_wire(found.content, response.mutable_blob_digest());
    done.call->reply(serialise(response));
  } else {
    asset_v1::FetchDirectoryResponse response;
    describe(found, response);
    to_wire(found.content, response.mutable_root_directory_digest());
    done.call->reply(serialise(response));
  }
}

// That there is no such asset is an answer, not a failure of the call.
void reply_without(const search& done, const error& why) {
  asset_v1::FetchBlobResponse response;  // up to its URI the same as the other
  response.mutable_status()->ParseFromString(pack_status(why));
  done.call->reply(serialise(response));
}

class remote_asset_state {
public:
  remote_asset_state(remote_asset_actor::pointer self, const remote_asset_options& options)
      : self_(self), options_(options), rules_{options.settings.qualifiers} {}

  template <class Request>
  void fetch(const inbound& order) {
    begin_call(order.call, *options_.env.time, [&]() -> expected<void> {
      auto request = parse<Request>(order.request);
      if (!request) return failure(request.error());
      auto asked = read_question(*request, rules_);
      if (!asked) return failure(asked.error());
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
      auto records = records_of(*said);
      if (!records) return failure(records.error());
      keep_if_present(order.call, said->record, std::move(*records));
      return {};
    });
  }

private:
  void look(const search_ptr& on) {
    if (on->next == on->candidates.size()) return give_up(on);
    const auto& candidate = on->candidates[on->next++];
    self_->request(options_.lookup, caf::infinite, find_result{on->asked.instance, candidate.key})
        .then([this, on, key = candidate.key](const found_result& found) { judge(on, key, found.result); },
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
        reply_with(*on, *record);
        return {};
      }
      if (!record || (record->expire_at && *record->expire_at <= now)) forget(on->asked.instance, key);
      look(on);
      return {};
    });
  }

  // It will never be an answer again, so it need not wait for its eviction.
  void forget(const std::string& instance, const digest& key) {
    self_->request(options_.results, caf::infinite, forget_blob{action_key(instance, key)})
        .then([](const forgotten&) {}, [](const caf::error&) {});
  }

  void give_up(const search_ptr& on) {
    reply_without(*on,
                  {errc::not_found, fmt::format("no asset \"{}\" is kept here", on->asked.uris.front())});
  }

  // One under every name, each with the URI that it stands for.
  static expected<std::vector<write_blobs::entry>> records_of(asset_statement& said) {
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
        records.push_back({action_key(said.instance, key), wrapped});
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
};

}  // namespace

schema<remote_asset_settings> remote_asset_schema() {
  using settings = remote_asset_settings;
  return schema<settings>{"Assets by the names that the world knows them by, such as the URL of an archive."}
      .field("push", &settings::push, true,
             "Let clients tell what lies behind a name; they must also be allowed to write action results.")
      .field("qualifiers", &settings::qualifiers, {},
             "Qualifiers that are taken beside the usual ones; a fetch must have them as they were pushed.");
}

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
