#include "test/conformance/wrong_server.hpp"

#include "core/base/strand.hpp"

namespace kiln::conformance {
namespace {

// One call on its way to the right server and back. Kept alive by whoever holds one of its continuations.
class passing : public std::enable_shared_from_this<passing> {
public:
  passing(call_ptr from, std::shared_ptr<outbound_call> to, meddling how)
      : from_(std::move(from)), to_(std::move(to)), how_(std::move(how)) {}

  void start() {
    from_->on_cancel([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->to_->cancel();
    });
    hear_client();
    hear_server();
  }

private:
  void hear_client() {
    from_->read([self = shared_from_this()](expected<std::optional<byte_chain>> message) {
      self->turn_.run(
          [self, message = std::move(message)]() mutable { self->client_said(std::move(message)); });
    });
  }

  void client_said(expected<std::optional<byte_chain>> message) {
    if (!message) return to_->cancel();
    if (!*message) {
      auto more = how_.half_close ? how_.half_close() : std::nullopt;
      if (answered()) return;
      if (!more) return to_->writes_done();
      return to_->write(std::move(*more), [self = shared_from_this()](bool) { self->to_->writes_done(); });
    }
    bool passes = !how_.request || how_.request(**message);
    if (answered()) return;
    if (!passes) return hear_client();
    to_->write(std::move(**message), [self = shared_from_this()](bool sent) {
      if (sent) self->hear_client();
    });
  }

  bool answered() {
    if (over_ || !how_.instead) return over_;
    auto answer = how_.instead();
    if (!answer) return false;
    over_ = true;
    to_->cancel();
    say_all(std::move(answer->second), std::move(answer->first));
    return true;
  }

  void hear_server() {
    to_->read([self = shared_from_this()](expected<std::optional<byte_chain>> message) {
      self->turn_.run(
          [self, message = std::move(message)]() mutable { self->server_said(std::move(message)); });
    });
  }

  void server_said(expected<std::optional<byte_chain>> message) {
    if (over_) return;
    if (message && *message) {
      bool passes = !how_.response || how_.response(**message);
      if (!passes) return hear_server();
      return from_->write(std::move(**message), [self = shared_from_this()](bool taken) {
        if (taken) self->hear_server();
      });
    }
    over_ = true;
    error status = message ? error() : message.error();
    auto more = how_.end ? how_.end(status) : std::vector<byte_chain>();
    say_all(std::move(more), std::move(status));
  }

  void say_all(std::vector<byte_chain> messages, error status) {
    if (messages.empty()) return from_->finish(std::move(status));
    auto first = std::move(messages.front());
    messages.erase(messages.begin());
    from_->write(std::move(first), [self = shared_from_this(), messages = std::move(messages),
                                    status = std::move(status)](bool) { self->say_all(messages, status); });
  }

  strand turn_;
  call_ptr from_;
  std::shared_ptr<outbound_call> to_;
  meddling how_;
  bool over_ = false;
};

const std::vector<std::string> methods = {
    "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities",
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs",
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs",
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs",
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree",
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/SplitBlob",
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/SpliceBlob",
    "/build.bazel.remote.execution.v2.ActionCache/GetActionResult",
    "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult",
    "/build.bazel.remote.execution.v2.Execution/Execute",
    "/build.bazel.remote.execution.v2.Execution/WaitExecution",
    "/google.bytestream.ByteStream/Read",
    "/google.bytestream.ByteStream/Write",
    "/google.bytestream.ByteStream/QueryWriteStatus",
    "/google.longrunning.Operations/GetOperation",
    "/google.longrunning.Operations/ListOperations",
    "/google.longrunning.Operations/CancelOperation",
    "/google.longrunning.Operations/DeleteOperation",
    "/google.longrunning.Operations/WaitOperation",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
};

}  // namespace

wrong_server::wrong_server(std::shared_ptr<channel> right) : right_(std::move(right)) {
  for (const auto& method : methods)
    routes_.add(method, {requests::many, [this](call_ptr from, byte_chain) { pass(std::move(from)); }});
}

void wrong_server::pass(call_ptr from) {
  const auto& info = from->info();
  outbound_request request{info.method, {}, {}};
  for (const auto& [name, value] : info.metadata)
    if (name.starts_with("build.bazel") || name == "authorization")
      request.metadata.emplace_back(name, value);
  auto told = std::atomic_load(&told_);
  meddling how;
  if (told && info.method.ends_with("/" + std::string(told->method))) how = told->begin();
  auto to = right_->start(std::move(request));
  std::make_shared<passing>(std::move(from), std::move(to), std::move(how))->start();
}

}  // namespace kiln::conformance
