#include "test/plugins/transports/http/http_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <thread>

namespace kiln::test {
namespace {

void echo(const call_ptr& call) {
  call->read([call](expected<std::optional<byte_chain>> message) {
    if (!message) return;
    if (!*message) return call->finish({});
    call->write(std::move(**message), [call](bool ok) {
      if (ok) echo(call);
    });
  });
}

void count(const call_ptr& call, std::size_t so_far) {
  call->read([call, so_far](expected<std::optional<byte_chain>> message) {
    if (!message) return call->finish(message.error());
    if (!*message) return call->reply(bytes::adopt(std::to_string(so_far) + " bytes"));
    count(call, so_far + (*message)->size());
  });
}

void pour(const call_ptr& call, int left) {
  if (left == 0) return call->finish({});
  call->write(bytes::adopt(std::string(100'000, 'x')), [call, left](bool ok) {
    if (ok) pour(call, left - 1);
  });
}

}  // namespace

void add_http_routes(router& routes, mailbox<call_ptr>& held) {
  auto add = [&](const char* target, std::function<void(call_ptr)> handler) {
    routes.add_prefix(std::string("/kiln.http/") + target,
                      {requests::many, [handler](call_ptr call, byte_chain) { handler(std::move(call)); }});
  };
  add("GET/hello", [](const call_ptr& call) { call->reply(bytes::of_static("hello")); });
  add("HEAD/hello", [](const call_ptr& call) {
    call->set_head({{"content-length", "5"}});
    call->finish({});
  });
  add("GET/info", [](const call_ptr& call) {
    call->reply(bytes::adopt(call->info().method + " " + call->info().certificate + " " +
                             std::string(call->info().value_of("x-thing"))));
  });
  add("PUT/echo", echo);
  add("PUT/count", [](const call_ptr& call) { count(call, 0); });
  add("PUT/ignore", [](const call_ptr& call) { call->reply(bytes::of_static("not read")); });
  add("PUT/refuse", [](const call_ptr& call) {
    call->set_head({{":status", "413"}});
    call->finish({errc::resource_exhausted, "too much"});
  });
  add("GET/pour", [](const call_ptr& call) { pour(call, 100); });
  add("GET/none", [](const call_ptr& call) { call->finish({errc::not_found, "nothing\nhere"}); });
  add("GET/drop", [](const call_ptr&) {});
  add("GET/throw", [](const call_ptr&) { throw std::runtime_error("out of luck"); });
  add("GET/short", [](const call_ptr& call) {
    call->set_head({{"content-length", "10"}});
    call->write(bytes::of_static("12345"), [call](bool) { call->finish({}); });
  });
  add("GET/part", [](const call_ptr& call) {
    call->set_head({{":status", "206"}, {"content-range", "bytes 0-1/5"}, {"x-evil", "a\r\nx-more: b"}});
    call->reply(bytes::of_static("he"));
  });
  auto hold = [&held](call_ptr call) { held.put(std::move(call)); };
  add("GET/hold", hold);
  add("PUT/hold", hold);
  routes.add("/kiln.http/PUT/whole", {requests::one, [](const call_ptr& call, byte_chain message) {
                                        call->reply(std::move(message));
                                      }});
}

raw_client::raw_client(const std::string& address)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
    throw std::runtime_error("nobody listens at " + address);
}

raw_client::~raw_client() {
  ::close(socket_);
}

void raw_client::send(std::string_view text) {
  while (!text.empty()) {
    auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the server takes nothing more");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void raw_client::half_close() {
  ::shutdown(socket_, SHUT_WR);
}

bool raw_client::fill() {
  pollfd wanted{socket_, POLLIN, 0};
  if (::poll(&wanted, 1, 60'000) != 1) throw std::runtime_error("nothing came in a minute");
  std::array<char, 65536> room{};
  auto got = ::recv(socket_, room.data(), room.size(), 0);
  if (got <= 0) return false;
  received_.append(room.data(), static_cast<std::size_t>(got));
  return true;
}

std::string raw_client::take_line() {
  for (;;) {
    auto end = received_.find("\r\n");
    if (end != std::string::npos) {
      auto line = received_.substr(0, end);
      received_.erase(0, end + 2);
      return line;
    }
    if (!fill()) throw std::runtime_error("the server has closed in the midst of: " + received_);
  }
}

std::string raw_client::take(std::size_t size) {
  while (received_.size() < size)
    if (!fill()) throw std::runtime_error("the server has closed in the midst of a body");
  auto taken = received_.substr(0, size);
  received_.erase(0, size);
  return taken;
}

raw_client::answer raw_client::next(bool bodiless) {
  answer come;
  come.status = std::stoi(take_line().substr(9, 3));
  for (auto line = take_line(); !line.empty(); line = take_line())
    come.fields[line.substr(0, line.find(':'))] = line.substr(line.find(": ") + 2);
  if (bodiless || come.status == 100 || come.status == 204) return come;
  if (come.fields.contains("content-length")) {
    come.body = take(std::stoul(come.fields["content-length"]));
  } else if (come.fields.contains("transfer-encoding")) {
    for (;;) {
      auto size = std::stoul(take_line(), nullptr, 16);
      come.body += take(size);
      take_line();
      if (size == 0) break;
    }
  } else {
    come.body = rest();
  }
  return come;
}

std::string raw_client::rest() {
  while (fill()) {
  }
  return std::exchange(received_, {});
}

bool raw_client::is_closed() {
  return rest().empty();
}

std::string get(std::string_view target, std::string_view fields, std::string_view method) {
  return fmt::format("{} {} HTTP/1.1\r\nHost: here\r\n{}\r\n", method, target, fields);
}

std::string put(std::string_view target, std::string_view body, std::string_view fields) {
  return fmt::format("PUT {} HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n{}\r\n{}", target, body.size(),
                     fields, body);
}

http_plugin::http_options default_http_options() {
  faults collected;
  store_refs stores;
  http_plugin::http_options options;
  auto empty = parse_document("{}", "test.yaml");
  http_plugin::http_schema().read(empty->root(), options, collected, stores);
  if (!collected.empty()) throw std::logic_error("the defaults are refused");
  return options;
}

http_fixture::http_fixture(const std::function<void(http_plugin::http_options&)>& change) {
  add_http_routes(routes, held);
  auto options = default_http_options();
  options.listen = {"127.0.0.1:0"};
  if (change) change(options);
  transport_context context{{&system_clock(), nullptr, nullptr, &metrics}, "web"};
  server = std::make_unique<http_plugin::http_transport>(options, context);
  if (auto serving = server->serve(routes); !serving) throw std::runtime_error(serving.error().to_string());
}

void http_fixture::await_no_calls() {
  auto end = std::chrono::steady_clock::now() + patience;
  while (server->held().calls != 0) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("calls are left over");
    std::this_thread::yield();
  }
}

}  // namespace kiln::test
