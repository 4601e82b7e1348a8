#include "plugins/transports/http/session.hpp"

#include <algorithm>

#include "plugins/transports/http/exchange.hpp"
#include "plugins/transports/http/http_status.hpp"

namespace kiln::http_plugin {
namespace {

constexpr std::size_t read_at_once = 16 << 10;
constexpr std::uint64_t max_unwanted = 64 << 20;  // bytes of a body behind its answer
constexpr auto goodbye = std::chrono::seconds(2);

std::int64_t ticks(steady_time when) noexcept {
  return when.time_since_epoch().count();
}

std::string bare_answer(int status, std::string_view words) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: "
      "close\r\n\r\n{}\n",
      status, reason_of(status), words.size() + 1, words);
}

}  // namespace

session::session(std::shared_ptr<server_context> context, std::uint64_t id, std::unique_ptr<wire> on,
                 executor place, std::string peer)
    : context_(std::move(context)),
      id_(id),
      wire_(std::move(on)),
      place_(std::move(place)),
      peer_(std::move(peer)) {}

session::~session() {
  context_->forget(id_);
}

void session::start() {
  expect_more(context_->options.head_timeout);
  wire_->begin([self = shared_from_this()](const error_code& fault) {
    if (fault) return self->cut();
    self->next_request();
  });
}

// ---- time

void session::expect_more(duration within) {
  read_until_ = ticks(context_->time.now() + within);
}

bool session::overdue(steady_time now) const noexcept {
  for (const auto* until : {&read_until_, &write_until_})
    if (auto when = until->load(std::memory_order_relaxed); when != never && when < ticks(now)) return true;
  return false;
}

void session::expire() {
  if (!overdue(context_->time.now()) || phase_ == phase::closed) return;
  if (phase_ == phase::head && write_until_ == never && !lost_)
    return refuse({408, "the head of the request did not come in time"}, true);
  cut();
}

// ---- the head of a request

void session::next_request() {
  parser_ = request_parser();
  phase_ = phase::idle;
  if (context_->admitting->closing()) return linger();
  if (buffered_.empty()) {
    expect_more(context_->options.idle_timeout);
    return read_head();
  }
  phase_ = phase::head;
  expect_more(context_->options.head_timeout);
  take_head();
}

void session::read_head() {
  const auto had = buffered_.size();
  buffered_.resize(had + read_at_once);
  wire_->read_some(buffered_.data() + had, read_at_once,
                   [self = shared_from_this(), had](const error_code& fault, std::size_t size) {
                     self->buffered_.resize(had + size);
                     if (self->phase_ != phase::idle && self->phase_ != phase::head) return;
                     if (fault) return self->cut();
                     if (self->phase_ == phase::idle) {
                       self->phase_ = phase::head;
                       self->expect_more(self->context_->options.head_timeout);
                     }
                     self->take_head();
                   });
}

void session::take_head() {
  auto made = parser_.put_head(buffered_);
  if (!made) return refuse(made.error());
  buffered_.erase(0, made->used);
  if (!made->complete) return read_head();
  expect_nothing();
  auto head = parser_.head();
  if (!head) return refuse(head.error());
  begin_exchange(std::move(*head));
}

void session::begin_exchange(request_head head) {
  phase_ = phase::exchange;
  keep_alive_ = head.keep_alive;
  puts_ = head.method == "PUT";
  chunked_ = head.chunked;
  chunks_ = {};
  left_ = head.length.value_or(0);
  body_done_ = !chunked_ && left_ == 0;
  owes_continue_ = head.awaits_continue && !body_done_;
  call_info info;
  info.method = "/kiln.http/" + head.method + head.target;
  info.peer = peer_;
  info.certificate = wire_->certificate();
  info.metadata = std::make_shared<call_metadata>(std::move(head.fields));
  current_ = std::make_shared<exchange>(shared_from_this(), std::move(info), head);
  auto now = current_;
  now->begin();
  if (body_done_) watch_for_the_end();
}

// What is no request ends the connection, for nobody knows where the next would begin.
void session::refuse(const bad_request& why, bool reading) {
  phase_ = phase::exchange;
  body_done_ = false;
  send(bytes::adopt(bare_answer(why.status, why.why)),
       [self = shared_from_this(), reading](bool) { self->linger(reading); });
}

// ---- answers

void session::send(byte_chain what, std::function<void(bool)> then) {
  if (lost_) return then(false);
  auto patient = [this] { write_until_ = ticks(context_->time.now() + context_->options.stall_timeout); };
  patient();
  wire_->write(std::move(what), patient,
               [self = shared_from_this(), then = std::move(then)](const error_code& fault, std::size_t) {
                 self->write_until_ = never;
                 if (fault) self->lose();
                 then(!fault);
               });
}

void session::exchange_over(bool keep, bool well) {
  current_.reset();
  expect_nothing();
  if (lost_) return cut();
  if (reading_body_ || !keep || !keep_alive_ || owes_continue_ || context_->admitting->closing())
    return linger(reading_body_);
  if (body_done_) return next_request();
  // Who was told that all is well sends the rest of what is here already: as much as it has said, and a
  // service took. Whatever else nobody asked for is passed over within bounds.
  discard_rest(well && puts_ && !chunked_ ? left_ : max_unwanted);
}

// ---- the end

// A client whose connection breaks while its call is under way: the call is cancelled. Whoever has asked the
// next thing already is still there, and so is, perhaps, who has only said that it will ask nothing more.
void session::watch_for_the_end() {
  if (watching_ || !current_ || lost_ || !buffered_.empty()) return;
  watching_ = true;
  wire_->await_word([self = shared_from_this()](wire::word what) {
    self->watching_ = false;
    if (!self->current_) return;
    if (what == wire::word::nothing) self->watch_for_the_end();
    if (what == wire::word::end) self->keep_alive_ = false;
    if (what == wire::word::gone) self->lose();
  });
}

void session::lose() {
  if (std::exchange(lost_, true)) return;
  wire_->cut();
  if (auto call = current_) call->gone();
}

void session::cut() {
  phase_ = phase::closed;
  read_until_ = never;
  write_until_ = never;
  wire_->cut();
  lose();
}

void session::end_if_idle() {
  if (phase_ == phase::idle) linger(true);
}

// A connection that is closed while the client still sends loses what it was sent last.
void session::linger(bool reading) {
  if (phase_ == phase::lingering || phase_ == phase::closed) return;
  phase_ = phase::lingering;
  expect_more(goodbye);
  wire_->say_goodbye([self = shared_from_this(), reading] {
    if (reading) return self->cut();
    self->buffered_.assign(read_at_once, '\0');
    self->swallow(std::uint64_t{16} << 20);
  });
}

void session::swallow(std::uint64_t left) {
  wire_->read_some(buffered_.data(), buffered_.size(),
                   [self = shared_from_this(), left](const error_code& fault, std::size_t size) {
                     if (fault || size >= left) return self->cut();
                     self->swallow(left - size);
                   });
}

}  // namespace kiln::http_plugin
