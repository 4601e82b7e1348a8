#include <algorithm>

#include "plugins/transports/http/exchange.hpp"
#include "plugins/transports/http/session.hpp"

/// How the body of a request is read.
namespace kiln::http_plugin {
namespace {

constexpr std::size_t largest_piece = 256 << 10;
constexpr std::size_t largest_chunked_piece = 64 << 10;
constexpr std::size_t chunked_at_once = 16 << 10;

error end_of_body() {
  return {errc::cancelled, "the client has left"};
}

}  // namespace

/// A piece of a body on its way in.
struct body_piece {
  std::size_t room;
  buffer memory;
  byte_charge charge;
  std::function<void(session::piece)> then;
  std::size_t filled = 0;

  void hand_on() {
    struct held {
      bytes content;
      byte_charge charge;
    };
    auto kept = std::make_shared<held>(held{memory.freeze(filled), std::move(charge)});
    auto content = kept->content;
    then(std::optional<byte_chain>(bytes(content.data(), content.size(), std::move(kept))));
  }
};

void session::read_body(const std::shared_ptr<admitted_call>& charge, std::function<void(piece)> then) {
  if (lost_) return then(fail(end_of_body()));
  if (body_done_) return then(std::optional<byte_chain>());
  const auto room = chunked_ ? largest_chunked_piece
                             : static_cast<std::size_t>(std::min<std::uint64_t>(left_, largest_piece));
  auto held = charge ? charge->take(room) : expected<byte_charge>();
  if (!held) return then(failure(std::move(held).error()));
  reading_body_ = true;
  auto come = [self = shared_from_this(), then = std::move(then)](piece more) {
    self->reading_body_ = false;
    then(std::move(more));
  };
  auto into = std::make_shared<body_piece>(body_piece{room, buffer(room), std::move(*held), std::move(come)});
  continue_then([self = shared_from_this(), into] {
    self->expect_more(self->context_->options.stall_timeout);
    self->chunked_ ? self->fill_chunk(into) : self->fill_piece(into);
  });
}

// A client that asked whether it may send is told so when somebody wants what it has.
void session::continue_then(std::function<void()> then) {
  if (!std::exchange(owes_continue_, false)) return then();
  send(bytes::of_static("HTTP/1.1 100 Continue\r\n\r\n"), [then = std::move(then)](bool) { then(); });
}

void session::fill_piece(const std::shared_ptr<body_piece>& into) {
  auto come = std::min(buffered_.size(), into->room - into->filled);
  std::copy_n(buffered_.data(), come, into->memory.data() + into->filled);
  buffered_.erase(0, come);
  into->filled += come;
  if (into->filled == into->room) {
    expect_nothing();
    left_ -= into->filled;
    body_done_ = left_ == 0;
    if (body_done_) watch_for_the_end();
    return into->hand_on();
  }
  wire_->read_some(into->memory.data() + into->filled, into->room - into->filled,
                   [self = shared_from_this(), into](const error_code& fault, std::size_t size) {
                     if (fault) {
                       self->lose();
                       return into->then(fail(end_of_body()));
                     }
                     into->filled += size;
                     self->expect_more(self->context_->options.stall_timeout);
                     self->fill_piece(into);
                   });
}

void session::fill_chunk(const std::shared_ptr<body_piece>& into) {
  auto made = chunks_.put(buffered_, into->memory.data() + into->filled, into->room - into->filled);
  if (!made) {
    keep_alive_ = false;
    expect_nothing();
    return into->then(fail(errc::invalid_argument, "{}", made.error().why));
  }
  buffered_.erase(0, made->used);
  into->filled += made->written;
  body_done_ = made->complete;
  if (into->filled == into->room || body_done_) {
    expect_nothing();
    if (body_done_) watch_for_the_end();
    if (into->filled == 0) return into->then(std::optional<byte_chain>());
    return into->hand_on();
  }
  const auto had = buffered_.size();
  buffered_.resize(had + chunked_at_once);
  wire_->read_some(buffered_.data() + had, chunked_at_once,
                   [self = shared_from_this(), into, had](const error_code& fault, std::size_t size) {
                     self->buffered_.resize(had + size);
                     if (fault) {
                       self->lose();
                       return into->then(fail(end_of_body()));
                     }
                     self->expect_more(self->context_->options.stall_timeout);
                     self->fill_chunk(into);
                   });
}

// The answer was given before the request was read: what follows it is found behind the rest.
void session::discard_rest(std::uint64_t at_most) {
  if (body_done_) return next_request();
  if (at_most == 0) return linger();
  read_body(nullptr, [self = shared_from_this(), at_most](const piece& more) {
    if (!more) return self->linger();
    if (!*more) return self->next_request();
    self->context_->run_on(self->place_,
                           [self, left = at_most - std::min<std::uint64_t>(at_most, (*more)->size())] {
                             self->discard_rest(left);
                           });
  });
}

}  // namespace kiln::http_plugin
