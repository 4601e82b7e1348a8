#include "test/plugins/transports/grpc/grpc_fixture.hpp"

#include <thread>

#include "core/wire/status.hpp"

namespace kiln::test {
namespace {

// "<count> <size>": so many messages of so many bytes, each filled with its own letter.
struct download {
  call_ptr call;
  int left;
  std::size_t size;
  int sent = 0;

  static void go_on(const std::shared_ptr<download>& self) {
    if (self->left-- == 0) return self->call->finish({});
    std::string content(self->size, static_cast<char>('a' + self->sent++ % 26));
    self->call->write(bytes::adopt(std::move(content)), [self](bool ok) {
      if (ok) go_on(self);
    });
  }
};

// Reads to the end and answers with the number of messages and bytes.
struct upload {
  call_ptr call;
  std::size_t messages = 0;
  std::size_t size = 0;

  static void go_on(const std::shared_ptr<upload>& self) {
    self->call->read([self](answer message) {
      if (!message) return;
      if (!*message)
        return self->call->reply(
            bytes::adopt(fmt::format("{} messages, {} bytes", self->messages, self->size)));
      ++self->messages;
      self->size += (*message)->size();
      go_on(self);
    });
  }
};

void echo_all(const call_ptr& call) {
  call->read([call](answer message) {
    if (!message) return;
    if (!*message) return call->finish({});
    call->write(std::move(**message), [call](bool ok) {
      if (ok) echo_all(call);
    });
  });
}

void add_routes(router& routes, mailbox<held_call>& held) {
  auto add = [&](const char* name, requests takes, std::function<void(call_ptr, byte_chain)> handler) {
    routes.add(std::string("/kiln.test.Echo/") + name, {takes, std::move(handler)});
  };
  add("Unary", requests::one, [](call_ptr call, byte_chain message) { call->reply(std::move(message)); });
  add("Download", requests::one, [](call_ptr call, byte_chain message) {
    auto self = std::make_shared<download>(download{std::move(call), 0, 0});
    std::sscanf(std::string(message.flatten().view()).c_str(), "%d %zu", &self->left, &self->size);
    download::go_on(self);
  });
  add("Upload", requests::many,
      [](call_ptr call, byte_chain) { upload::go_on(std::make_shared<upload>(upload{std::move(call)})); });
  add("Bidi", requests::many, [](call_ptr call, byte_chain) { echo_all(call); });
  auto hold = [&held](call_ptr call, byte_chain message) { held.put({std::move(call), std::move(message)}); };
  add("Hold", requests::one, hold);
  add("HoldMany", requests::many, hold);
  add("Drop", requests::one, [](call_ptr, byte_chain) {});
  add("Throw", requests::one, [](call_ptr, byte_chain) { throw std::runtime_error("out of luck"); });
  add("Fail", requests::one, [](call_ptr call, byte_chain message) {
    error fault(errc::failed_precondition, std::string(message.flatten().view()));
    fault.add_detail(violation_detail("MISSING", "blobs/abc/3", "not here"));
    call->finish(std::move(fault));
  });
}

}  // namespace

grpc_plugin::grpc_options default_options() {
  faults collected;
  store_refs stores;
  grpc_plugin::grpc_options options;
  auto empty = parse_document("{}", "test.yaml");
  grpc_plugin::grpc_schema().read(empty->root(), options, collected, stores);
  if (!collected.empty()) throw std::logic_error("the defaults are refused");
  return options;
}

grpc_fixture::grpc_fixture(const std::function<void(grpc_plugin::grpc_options&)>& change,
                           thread_pool_source* pools)
    : pools_(pools) {
  add_routes(routes, held);
  auto options = default_options();
  client = make(options);
  options.listen = {"127.0.0.1:0"};
  if (change) change(options);
  server = make(options);
  if (auto serving = server->serve(routes); !serving) throw std::runtime_error(serving.error().to_string());
  way = client->dial(address());
}

std::unique_ptr<grpc_plugin::grpc_transport> grpc_fixture::make(const grpc_plugin::grpc_options& options) {
  transport_context context{
      {&system_clock(), nullptr, nullptr, &metrics}, options.listen.empty() ? "out" : "in", {}, &hooks};
  if (pools_ != nullptr && !options.listen.empty()) context.env.pools = pools_;
  auto made = grpc_plugin::make_grpc_transport(options, context);
  if (!made) throw std::runtime_error(made.error().to_string());
  return std::unique_ptr<grpc_plugin::grpc_transport>(
      static_cast<grpc_plugin::grpc_transport*>(made->release()));
}

client_call grpc_fixture::start(const std::string& method, std::optional<duration> timeout) {
  return client_call(way->start({"/kiln.test.Echo/" + method, {}, timeout}));
}

expected<std::string> grpc_fixture::ask(const std::string& method, std::string message) {
  auto kept = std::make_shared<mailbox<expected<byte_chain>>>();
  way->ask({"/kiln.test.Echo/" + method, {}, {}}, bytes::adopt(std::move(message)),
           [kept](expected<byte_chain> reply) { kept->put(std::move(reply)); });
  auto reply = kept->take();
  if (!reply) return fail(reply.error());
  return std::string(reply->flatten().view());
}

std::uint64_t grpc_fixture::ended_with(errc status) {
  auto& ended = metrics.counters("kiln_calls_total", "", {"transport", "status"});
  return ended.with({"in", std::string(name_of(status))}).value();
}

void grpc_fixture::await_no_calls() {
  auto end = std::chrono::steady_clock::now() + patience;
  while (server->held().calls != 0) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("calls are left over");
    std::this_thread::yield();
  }
}

}  // namespace kiln::test
