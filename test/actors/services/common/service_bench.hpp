#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/contract/router.hpp"
#include "core/wire/message.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/direct_call.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {

/// Services and a store, called as a transport would call them.
struct service_bench : deterministic_system {
  static constexpr const char* trusting = "{type: memory, capacity: 256MiB}";
  /// Looks at what it is given. Large blobs are hashed on threads, which nothing here waits for.
  static constexpr const char* checking = "{type: verify, inner: {type: memory, capacity: 256MiB}}";

  explicit service_bench(const char* store = trusting) : blobs(spawn_store(store)) {}
  /// Every client leaves, as with the end of a connection.
  ~service_bench() {
    for (const auto& call : calls_)
      if (auto open = call.lock()) open->cancel();
    run();
  }

  router routes;
  store_actor blobs;

  /// A call has come in; nobody has acted on it yet.
  std::shared_ptr<direct_call> start(const std::string& method, byte_chain request = {},
                                     const std::string& peer = "ipv4:10.0.0.1:40000") {
    auto call = std::make_shared<direct_call>(method);
    call->set_peer(peer);
    hand_over(call, std::move(request));
    return call;
  }
  void hand_over(const std::shared_ptr<direct_call>& call, byte_chain request = {}) {
    const auto* where = routes.find(call->info().method);
    BOOST_TEST_REQUIRE(where != nullptr, "no route to " << call->info().method);
    calls_.push_back(call);
    where->handler(call, std::move(request));
  }
  /// A whole unary or server-streaming call.
  std::shared_ptr<direct_call> ask_service(const std::string& method,
                                           const google::protobuf::MessageLite& request) {
    auto call = start(method, serialise(request));
    run();
    BOOST_TEST_REQUIRE(call->status().has_value(), "the call was not finished");
    return call;
  }
  template <class Answer>
  Answer answer_of(const std::string& method, const google::protobuf::MessageLite& request) {
    return only_answer<Answer>(*ask_service(method, request));
  }
  errc code_of(const std::string& method, const google::protobuf::MessageLite& request) {
    return ask_service(method, request)->status()->code();
  }

  template <class Answer>
  static Answer only_answer(const direct_call& call) {
    BOOST_TEST_REQUIRE(call.finished_well(), call.status().value_or(error()).to_string());
    BOOST_TEST_REQUIRE(call.messages().size() == 1u);
    return parse<Answer>(call.messages().front()).value();
  }

  digest put(const std::string& content, digest_function function = digest_function::sha256) {
    return put_blob(*this, blobs, content, function);
  }
  /// They stay in the store until this is dropped.
  std::shared_ptr<const void> lease(const std::vector<digest>& whom) {
    return ask<leased>(blobs, lease_blobs{whom}).value().hold;
  }
  bool has(const digest& blob) {
    return ask<missing_blobs>(blobs, find_missing{{blob}}).value().blobs.empty();
  }

private:
  std::vector<std::weak_ptr<direct_call>> calls_;
};

}  // namespace kiln::test
