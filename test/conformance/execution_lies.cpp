#include "test/conformance/execution_lies.hpp"

#include <google/rpc/error_details.pb.h>

#include <map>
#include <mutex>

namespace kiln::conformance {

namespace v2 = build::bazel::remote::execution::v2;
using google::rpc::PreconditionFailure;

lie refusing_actions(int rule, std::function<bool(const uploaded_action&)> such, errc code) {
  auto known = std::make_shared<uploads>();
  auto made = refusing<execute_request>(
      rule, "Execute",
      [known, such = std::move(such)](const execute_request& request) {
        auto action = known->find(request.action_digest());
        return action && such(*action);
      },
      code);
  made.known = known;
  return made;
}

lie retelling(int rule, std::function<void(const execute_request&, execute_response&)> change) {
  return misquoting<execute_request, operation>(
      rule, "Execute", [change = std::move(change)](const execute_request& request, operation& told) {
        execute_response response;
        if (!told.done() || !told.response().UnpackTo(&response)) return;
        change(request, response);
        told.mutable_response()->PackFrom(response);
      });
}

lie retelling_actions(int rule, std::function<bool(const uploaded_action&)> such,
                      std::function<void(execute_response&)> change) {
  auto known = std::make_shared<uploads>();
  auto made = retelling(rule, [known, such = std::move(such), change = std::move(change)](
                                  const execute_request& request, execute_response& response) {
    auto action = known->find(request.action_digest());
    if (action && such(*action)) change(response);
  });
  made.known = known;
  return made;
}

namespace {

// What is missing is told in another way.
lie missing_otherwise(int rule, std::function<void(const execute_request&, PreconditionFailure&)> change) {
  return retelling(rule,
                   [change = std::move(change)](const execute_request& request, execute_response& response) {
                     for (auto& detail : *response.mutable_status()->mutable_details()) {
                       PreconditionFailure failure;
                       if (!detail.UnpackTo(&failure)) continue;
                       change(request, failure);
                       detail.PackFrom(failure);
                     }
                   });
}

bool is_done(const byte_chain& message) {
  auto told = parse<operation>(message);
  return told && told->done();
}

// Ends the stream of one action without its last message.
lie ending_early() {
  auto known = std::make_shared<uploads>();
  return {185, "Execute",
          [known](const call_info&) {
            auto early = std::make_shared<bool>(false);
            meddling made;
            made.request = [known, early](byte_chain& message) {
              auto request = parse<execute_request>(message);
              auto action = request ? known->find(request->action_digest()) : std::nullopt;
              *early = action && action->script() == "sleep 0.2";
              return true;
            };
            made.response = [early](byte_chain& message) { return !*early || !is_done(message); };
            return made;
          },
          known};
}

// Those who come third to an action hear the same as others, but never of what.
lie without_a_name() {
  struct memory {
    std::mutex guard;
    std::map<std::string, int> clients;
  };
  auto all = std::make_shared<memory>();
  return {177, "Execute", [all](const call_info&) {
            auto third = std::make_shared<bool>(false);
            meddling made;
            made.request = [all, third](byte_chain& message) {
              auto request = parse<execute_request>(message);
              std::lock_guard hold(all->guard);
              if (request) *third = ++all->clients[request->action_digest().hash()] == 3;
              return true;
            };
            made.response = [third](byte_chain& message) {
              auto told = parse<operation>(message);
              if (!*third || !told) return true;
              told->clear_name();
              message = byte_chain(serialise(*told));
              return true;
            };
            return made;
          }};
}

std::vector<lie> stream_lies() {
  return {
      misquoting<execute_request, operation>(158, "Execute",
                                             [](const execute_request&, operation& told) {
                                               execute_response response;
                                               if (!told.done() || !told.response().UnpackTo(&response) ||
                                                   response.result().exit_code() != 3 ||
                                                   response.result().output_files_size() > 0)
                                                 return;
                                               told.mutable_error()->set_code(2);
                                             }),
      misquoting<execute_request, operation>(159, "Execute",
                                             [](const execute_request&, operation& told) {
                                               v2::ExecuteOperationMetadata metadata;
                                               if (!told.done() || !told.metadata().UnpackTo(&metadata))
                                                 return;
                                               metadata.set_stage(v2::ExecutionStage::EXECUTING);
                                               told.mutable_metadata()->PackFrom(metadata);
                                             }),
      without_a_name(),
      ending_early(),
  };
}

std::vector<lie> refusal_lies() {
  return {
      refusing<execute_request>(
          161, "Execute",
          [](const execute_request& request) { return request.action_digest().size_bytes() < 0; },
          errc::not_found),
      missing_otherwise(163,
                        [](const execute_request& request, PreconditionFailure& failure) {
                          if (failure.violations_size() != 1) return;
                          auto& subject = *failure.mutable_violations(0)->mutable_subject();
                          if (subject.find(request.action_digest().hash()) == std::string::npos)
                            subject = "main/" + subject;
                        }),
      missing_otherwise(164,
                        [](const execute_request& request, PreconditionFailure& failure) {
                          if (request.digest_function() != v2::DigestFunction::BLAKE3) return;
                          for (auto& one : *failure.mutable_violations())
                            one.set_subject("blobs" + one.subject().substr(one.subject().find('/', 6)));
                        }),
      missing_otherwise(165,
                        [](const execute_request&, PreconditionFailure& failure) {
                          while (failure.violations_size() > 10) failure.mutable_violations()->RemoveLast();
                        }),
      refusing_actions(
          172, [](const uploaded_action& asked) { return asked.action.timeout().seconds() > 1'000'000; },
          errc::failed_precondition),
  };
}

std::vector<lie> ending_lies() {
  return {
      retelling(171,
                [](const execute_request&, execute_response& told) {
                  auto& status = *told.mutable_status();
                  if (status.code() == static_cast<int>(errc::deadline_exceeded))
                    status.set_code(static_cast<int>(errc::aborted));
                }),
      retelling(174, [](const execute_request&, execute_response& told) { told.set_cached_result(false); }),
      mishearing<execute_request>(175, "Execute",
                                  [](execute_request& request) { request.set_skip_cache_lookup(false); }),
      retelling(180,
                [](const execute_request& request, execute_response& told) {
                  if (request.digest_function() == v2::DigestFunction::SHA256) return;
                  for (auto& file : *told.mutable_result()->mutable_output_files())
                    file.mutable_digest()->set_hash(
                        "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
                }),
  };
}

}  // namespace

std::vector<lie> execution_lies() {
  std::vector<lie> all;
  for (auto some : {stream_lies(), refusal_lies(), ending_lies()})
    std::move(some.begin(), some.end(), std::back_inserter(all));
  return all;
}

}  // namespace kiln::conformance
