#include "plugins/stores/redis/redis_connection.hpp"

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "core/wire/status.hpp"

namespace kiln::redis_store {
namespace {

namespace asio = boost::asio;
using any_endpoint = asio::generic::stream_protocol::endpoint;

constexpr std::size_t read_at_once = 128 << 10;
// hiredis moves what is left of its buffer whenever a reply is taken: little is cheap.
constexpr std::size_t fed_at_once = 16 << 10;
// Beside the largest answer that is ever asked for.
constexpr std::size_t more_than_any_answer = 4 << 20;

// As it is said to subscribers.
bool is_pong(const resp_reply& one) noexcept {
  return one.items.size() == 2 && one.items[0].text.view() == "pong";
}

}  // namespace

redis_connection::redis_connection(engine_ptr engine, server_address to, greeting hello, opened then)
    : engine_(std::move(engine)),
      address_(std::move(to)),
      name_(address_.to_string()),
      hello_(std::move(hello)),
      then_(std::move(then)),
      resolver_(engine_->loop->io()),
      reader_(std::max(engine_->options.max_bytes.bytes, std::uint64_t{16} << 20) + more_than_any_answer),
      room_(read_at_once),
      silence_(*engine_->loop) {}

redis_connection::~redis_connection() {
  if (state_ == state::open) redis_figures::move(engine_->figures.connections, -1);
}

connection_ptr redis_connection::open(engine_ptr engine, server_address to, greeting hello, opened then) {
  connection_ptr made(
      new redis_connection(std::move(engine), std::move(to), std::move(hello), std::move(then)));
  made->engine_->loop->enroll(made);
  made->start();
  return made;
}

error redis_connection::broken(const std::string& how) const {
  return try_again(errc::unavailable, fmt::format("{} {}", name_, how));
}

// A name that nobody resolves must not keep it beyond its end, so the resolver knows it weakly.
void redis_connection::start() {
  kept_ = shared_from_this();
  silence_.set(engine_->options.connect_timeout, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->give_up_opening(self->broken(
          fmt::format("does not let us in within {}", to_string(self->engine_->options.connect_timeout))));
  });
  if (address_.is_socket())
    return connect_to({any_endpoint(asio::local::stream_protocol::endpoint(address_.host))}, 0);
  resolver_.async_resolve(
      address_.host, address_.port,
      [weak = weak_from_this()](const wire_fault& fault, const asio::ip::tcp::resolver::results_type& found) {
        auto self = weak.lock();
        if (!self || self->state_ != state::opening) return;
        if (fault) return self->give_up_opening(self->broken("is not found: " + fault.message()));
        std::vector<any_endpoint> where;
        for (const auto& one : found) where.emplace_back(one.endpoint());
        self->connect_to(std::move(where), 0);
      });
}

void redis_connection::connect_to(std::vector<any_endpoint> where, std::size_t next) {
  connecting_ = std::make_unique<wire_socket>(engine_->loop->io());
  auto& socket = *connecting_;
  const auto to = where[next];
  socket.async_connect(
      to, [self = shared_from_this(), where = std::move(where), next](const wire_fault& fault) mutable {
        if (self->state_ != state::opening) return;
        if (!fault) return self->encrypt(std::move(*self->connecting_));
        if (next + 1 < where.size()) return self->connect_to(std::move(where), next + 1);
        self->give_up_opening(self->broken("cannot be reached: " + fault.message()));
      });
}

void redis_connection::encrypt(wire_socket connected) {
  connecting_.reset();
  const auto& wanted = engine_->options.tls.server_name;
  wire_ = make_redis_wire(std::move(connected), address_.encrypted ? engine_->tls : nullptr,
                          wanted.empty() ? address_.host : wanted);
  wire_->begin([self = shared_from_this()](const wire_fault& fault) {
    if (self->state_ != state::opening) return;
    if (fault) return self->give_up_opening(self->broken("and we do not agree on TLS: " + fault.message()));
    self->greet();
  });
}

void redis_connection::greet() {
  read();
  send(hello_.commands(), [self = shared_from_this()](replies answers) {
    if (self->state_ != state::opening) return;
    std::vector<resp_reply> said;
    for (auto& one : answers) {
      if (!one) return self->give_up_opening(one.error());
      said.push_back(std::move(*one));
    }
    if (auto good = self->hello_.judge(said, self->name_); !good) return self->give_up_opening(good.error());
    self->state_ = state::open;
    self->kept_.reset();
    self->silence_.call_off();
    self->watching_ = false;
    redis_figures::move(self->engine_->figures.connections, 1);
    std::exchange(self->then_, nullptr)(self);
  });
}

void redis_connection::give_up_opening(const error& why) {
  auto then = std::exchange(then_, nullptr);
  close(why);
  if (then) then(failure(why));
}

void redis_connection::send(std::vector<resp_command> commands, done then) {
  awaited next{commands.size(), 0, {}, std::move(then)};
  next.got.reserve(commands.size());
  for (const auto& one : commands) next.size += one.size();
  if (state_ == state::closed) {
    next.got.assign(commands.size(), failure(broken("was given up")));
    return engine_->loop->post([next = std::move(next)]() mutable { next.then(std::move(next.got)); });
  }
  redis_figures::count(engine_->figures.commands, commands.size());
  // Nothing was owed so far: it may think from now on.
  if (awaited_.empty()) progress_ = engine_->now();
  in_flight_ += next.size;
  // What is small goes together, and what is large is not copied.
  std::string small;
  for (auto& one : commands) {
    small += one.text;
    if (!one.payload.empty()) {
      unsent_.append(bytes::adopt(std::exchange(small, {})));
      unsent_.append(std::move(one.payload));
    }
    small += one.tail;
  }
  if (!small.empty()) unsent_.append(bytes::adopt(std::move(small)));
  awaited_.push_back(std::move(next));
  write();
  if (state_ == state::open) watch();
}

void redis_connection::write() {
  if (writing_ || unsent_.empty() || state_ == state::closed) return;
  writing_ = true;
  wire_->write(
      std::exchange(unsent_, {}),
      [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->progress_ = self->engine_->now();
      },
      [self = shared_from_this()](const wire_fault& fault) {
        self->writing_ = false;
        if (self->state_ == state::closed) return;
        if (fault) return self->close(self->broken("broke off: " + fault.message()));
        self->write();
      });
}

void redis_connection::read() {
  wire_->read_some(room_.data(), room_.size(),
                   [self = shared_from_this()](const wire_fault& fault, std::size_t size) {
                     if (self->state_ == state::closed) return;
                     if (fault) return self->close(self->broken("broke off: " + fault.message()));
                     self->progress_ = self->engine_->now();
                     self->took(size);
                     if (self->state_ != state::closed) self->read();
                   });
}

void redis_connection::took(std::size_t size) {
  for (std::size_t at = 0; at < size; at += fed_at_once) {
    auto fed = reader_.feed(room_.data() + at, std::min(fed_at_once, size - at));
    if (!fed) return close(broken("is not understood: " + fed.error().message()));
    for (;;) {
      auto next = reader_.next();
      if (!next) return close(broken("is not understood: " + next.error().message()));
      if (!*next) break;
      deliver(std::move(**next));
      if (state_ == state::closed) return;
    }
  }
}

void redis_connection::deliver(resp_reply one) {
  if (hear_ && (awaited_.empty() || !is_pong(one))) {
    auto hear = hear_;  // which may end this
    return hear(std::move(one));
  }
  if (awaited_.empty()) return close(broken("says what nobody has asked for"));
  auto& first = awaited_.front();
  first.got.emplace_back(std::move(one));
  if (first.got.size() < first.wanted) return;
  auto whole = std::move(first);
  awaited_.pop_front();
  in_flight_ -= whole.size;
  whole.then(std::move(whole.got));
}

// One timer for all that is awaited: it is set again for what is left when it was too early.
void redis_connection::watch() {
  if (watching_ || awaited_.empty()) return;
  watching_ = true;
  const auto left = progress_ + engine_->options.command_timeout - engine_->now();
  silence_.set(left, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self || self->state_ != state::open) return;
    self->watching_ = false;
    if (self->awaited_.empty()) return;
    const auto patience = self->engine_->options.command_timeout;
    if (self->engine_->now() - self->progress_ < patience) return self->watch();
    self->close({errc::deadline_exceeded,
                 fmt::format("{} has been silent for {}", self->name_, to_string(patience))});
  });
}

void redis_connection::close(const error& why) {
  if (state_ == state::closed) return;
  const bool was_open = state_ == state::open;
  state_ = state::closed;
  auto self = shared_from_this();
  kept_.reset();
  silence_.call_off();
  resolver_.cancel();
  if (connecting_) {
    wire_fault ignored;
    connecting_->close(ignored);
  }
  if (wire_) wire_->cut();
  unsent_.clear();
  if (was_open) {
    redis_figures::move(engine_->figures.connections, -1);
    redis_figures::count(engine_->figures.reconnects);
  }
  hear_ = nullptr;
  if (auto then = std::exchange(then_, nullptr)) then(failure(why));
  // Who has it first, so that nobody who hears of a failure is given the same connection again.
  if (auto ended = std::exchange(ended_, nullptr); ended && was_open) ended(why);
  fail_awaited(why);
}

void redis_connection::fail_awaited(const error& why) {
  in_flight_ = 0;
  for (auto all = std::exchange(awaited_, {}); auto& one : all) {
    while (one.got.size() < one.wanted) one.got.emplace_back(failure(why));
    one.then(std::move(one.got));
  }
}

}  // namespace kiln::redis_store
