#include "test/conformance/wrong_server.hpp"

#include "core/base/strand.hpp"

namespace kiln::conformance {
namespace {

// One call on its way from the transport to the right server and back. Kept alive by the right server and by
// whoever holds one of its continuations.
class lying_call final : public call, public std::enable_shared_from_this<lying_call> {
public:
  lying_call(call_ptr wire, meddling how) : wire_(std::move(wire)), how_(std::move(how)) {}

  /// For methods whose only request the transport has read: hands it on, unless it was answered by us.
  void begin(byte_chain only, const route& right) {
    turn_.run([self = shared_from_this(), only = std::move(only), &right]() mutable {
      bool passes = !self->how_.request || self->how_.request(only);
      if (self->answered() || !passes) return;
      if (self->how_.half_close) self->how_.half_close();
      if (!self->answered()) right.handler(self, std::move(only));
    });
  }

  const call_info& info() const noexcept override { return wire_->info(); }

  void read(message_in then) override {
    wire_->read([self = shared_from_this(), then = std::move(then)](auto message) {
      self->turn_.run([self, then, message = std::move(message)]() mutable {
        self->client_said(std::move(message), std::move(then));
      });
    });
  }

  void write(byte_chain message, std::function<void(bool)> then) override {
    turn_.run([self = shared_from_this(), message = std::move(message), then = std::move(then)]() mutable {
      if (self->over_) return then(false);
      if (self->how_.response && !self->how_.response(message)) return then(true);
      self->wire_->write(std::move(message), std::move(then));
    });
  }

  void finish(error status) override {
    turn_.run([self = shared_from_this(), status = std::move(status)]() mutable {
      self->end({}, std::move(status));
    });
  }

  void reply(byte_chain message) override {
    turn_.run([self = shared_from_this(), message = std::move(message)]() mutable {
      if (self->over_) return;
      bool passes = !self->how_.response || self->how_.response(message);
      self->end(passes ? std::vector<byte_chain>{std::move(message)} : std::vector<byte_chain>(), {});
    });
  }

  void on_cancel(std::function<void()> then) override { wire_->on_cancel(std::move(then)); }
  bool cancelled() const noexcept override { return wire_->cancelled(); }

private:
  static failure gone() { return fail(errc::cancelled, "the wrong server has answered"); }

  void client_said(expected<std::optional<byte_chain>> message, message_in then) {
    if (over_) return then(gone());
    if (!message || closed_) return then(std::move(message));
    if (*message) {
      bool passes = !how_.request || how_.request(**message);
      if (answered()) return then(gone());
      return passes ? then(std::move(message)) : read(std::move(then));
    }
    closed_ = true;
    auto more = how_.half_close ? how_.half_close() : std::nullopt;
    if (answered()) return then(gone());
    then(std::move(more));
  }

  bool answered() {
    if (over_ || !how_.instead) return over_;
    auto answer = how_.instead();
    if (!answer) return false;
    over_ = true;
    say_all(std::move(answer->second), std::move(answer->first));
    return true;
  }

  void end(std::vector<byte_chain> last, error status) {
    if (std::exchange(over_, true)) return;
    if (how_.end)
      for (auto& more : how_.end(status)) last.push_back(std::move(more));
    say_all(std::move(last), std::move(status));
  }

  void say_all(std::vector<byte_chain> messages, error status) {
    if (messages.empty()) return wire_->finish(std::move(status));
    auto first = std::move(messages.front());
    messages.erase(messages.begin());
    wire_->write(std::move(first), [self = shared_from_this(), messages = std::move(messages),
                                    status = std::move(status)](bool) { self->say_all(messages, status); });
  }

  strand turn_;
  call_ptr wire_;
  meddling how_;
  bool closed_ = false;
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

wrong_server::wrong_server(const router& right) {
  for (const auto& method : methods)
    if (const auto* served = right.find(method))
      routes_.add(method, {served->takes, [this, served](call_ptr from, byte_chain first) {
                             pass(*served, std::move(from), std::move(first));
                           }});
}

void wrong_server::pass(const route& right, call_ptr from, byte_chain first) const {
  auto told = std::atomic_load(&told_);
  const auto& info = from->info();
  if (told && told->known && info.method.ends_with("/BatchUpdateBlobs")) told->known->note(first);
  if (!told || !info.method.ends_with("/" + std::string(told->method)))
    return right.handler(std::move(from), std::move(first));
  auto how = told->begin(info);
  auto lying = std::make_shared<lying_call>(std::move(from), std::move(how));
  if (right.takes == requests::one) return lying->begin(std::move(first), right);
  right.handler(std::move(lying), {});
}

}  // namespace kiln::conformance
