#include "plugins/transports/http/exchange.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "core/base/thread_pool.hpp"
#include "plugins/transports/http/http_status.hpp"

namespace kiln::http_plugin {
namespace {

constexpr std::size_t largest_whole_request = 4 << 20;

error call_is_over() {
  return {errc::cancelled, "the call is over"};
}

// A service's words must not become fields of their own.
std::string on_one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return line;
}

std::string date_of(wall_time when) {
  const auto seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  // The C locale is the only one in this process.
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

exchange::exchange(std::shared_ptr<session> on, call_info info, const request_head& head)
    : on_(std::move(on)),
      info_(std::move(info)),
      head_only_(head.method == "HEAD"),
      old_(head.old),
      keep_alive_(head.keep_alive) {}

// What is thrown, for want of memory perhaps, is this call's end and nobody else's.
template <class Work>
void exchange::in_turn(Work work) {
  on_->context().run_on(on_->place(), [self = shared_from_this(), work = std::move(work)]() mutable {
    try {
      work();
    } catch (...) {
      self->conclude(current_fault(), std::nullopt);
    }
  });
}

void exchange::begin() {
  auto entered = on_->context().admitting->admit(info_, *on_->context().routes);
  if (!entered) return conclude(std::move(entered).error(), std::nullopt);
  admitted_ = std::move(entered->call);
  if (entered->where->takes == requests::many) return dispatch(*entered->where, shared_from_this(), {});
  read_whole(*entered->where, {});
}

void exchange::read_whole(const route& where, byte_chain so_far) {
  on_->read_body(admitted_, [self = shared_from_this(), &where, so_far](session::piece more) mutable {
    if (!more) return self->conclude(std::move(more).error(), std::nullopt);
    if (!*more) return dispatch(where, self, std::move(so_far));
    self->admitted_->received(self->info_, **more);
    so_far.append(std::move(**more));
    if (so_far.size() > largest_whole_request)
      return self->conclude({errc::resource_exhausted, "the request is larger than is taken here"},
                            std::nullopt);
    self->read_whole(where, std::move(so_far));
  });
}

// ---- reading

void exchange::read(message_in then) {
  in_turn([this, then = std::move(then)]() mutable {
    if (concluded_ || reading_ || on_->lost()) return then(fail(call_is_over()));
    reading_ = true;
    on_->read_body(admitted_, [self = shared_from_this(), then = std::move(then)](session::piece more) {
      self->reading_ = false;
      if (more && *more) self->admitted_->received(self->info_, **more);
      // A client that takes too much is told so.
      if (!more && more.error().code() != errc::cancelled) self->conclude(more.error(), std::nullopt);
      try {
        then(std::move(more));
      } catch (...) {
        self->conclude(current_fault(), std::nullopt);
      }
    });
  });
}

// ---- answering

void exchange::set_head(call_metadata fields) {
  in_turn([this, fields = std::move(fields)]() mutable {
    if (head_sent_) return;
    for (auto& [name, value] : fields) {
      if (name == ":status")
        std::from_chars(value.data(), value.data() + value.size(), status_);
      else
        fields_.emplace_back(std::move(name), on_one_line(value));
    }
  });
}

void exchange::write(byte_chain message, std::function<void(bool)> then) {
  auto held = admitted_->take_answer(message.size());
  if (!held) {
    finish(held.error());
    return then(false);
  }
  auto kept = std::make_shared<byte_charge>(std::move(*held));
  in_turn([this, message = std::move(message), then = std::move(then), kept]() mutable {
    start_write(std::move(message), [then = std::move(then), kept](bool well) mutable {
      kept.reset();
      then(well);
    });
  });
}

void exchange::start_write(byte_chain message, const std::function<void(bool)>& then) {
  if (concluded_ || writing_ || on_->lost()) return then(false);
  writing_ = true;
  auto out = framed(std::move(message), false);
  on_->send(std::move(out), [self = shared_from_this(), then](bool well) {
    self->writing_ = false;
    try {
      then(well);
    } catch (...) {
      self->conclude(current_fault(), std::nullopt);
    }
    if (self->concluded_ && !self->writing_) self->say_last_word();
  });
}

void exchange::finish(error status) {
  in_turn([this, status = std::move(status)]() mutable { conclude(std::move(status), std::nullopt); });
}

void exchange::reply(byte_chain message) {
  auto held = admitted_->take_answer(message.size());
  if (!held) return finish(std::move(held).error());
  auto kept = std::make_shared<byte_charge>(std::move(*held));
  in_turn([this, message = std::move(message), kept]() mutable {
    if (concluded_) return;
    last_charge_ = std::move(*kept);
    conclude({}, std::move(message));
  });
}

void exchange::conclude(error status, std::optional<byte_chain> last) {
  if (std::exchange(concluded_, true)) return;
  std::function<void()> unneeded;
  {
    std::lock_guard lock(cancel_mutex_);
    finished_ = true;
    std::swap(unneeded, cancel_then_);
  }
  last_status_ = std::move(status);
  last_message_ = std::move(last);
  if (!writing_) say_last_word();
}

void exchange::say_last_word() {
  if (on_->lost()) return over(call_is_over(), false);
  auto last = std::move(last_message_).value_or(byte_chain());
  auto status = last_status_;
  if (!status.ok() && head_sent_) {
    // Too late to say what is wrong: the client must see that this is not all.
    on_->cut();
    return over(status, false);
  }
  if (!status.ok()) {
    last = byte_chain(bytes::adopt(on_one_line(status.message()) + "\n"));
    make_error_head(status, last.size());
  }
  auto out = framed(std::move(last), true);
  const bool whole = bodiless_ || !declared_ || sent_ == *declared_;
  const bool keep = whole && keep_alive_ && (chunked_ || declared_ || bodiless_);
  if (!whole) {
    on_->cut();
    return over({errc::internal, "the answer has another length than its head says"}, false);
  }
  if (out.empty()) return over(status, keep);
  on_->send(std::move(out), [self = shared_from_this(), status, keep](bool well) {
    self->last_charge_ = {};
    self->over(well ? status : call_is_over(), keep && well);
  });
}

void exchange::over(const error& status, bool keep) {
  if (admitted_) admitted_->settle(info_, status);
  on_->exchange_over(keep, status.ok());
}

void exchange::make_error_head(const error& fault, std::size_t size) {
  if (status_ == 0) status_ = status_of(fault.code());
  std::erase_if(fields_, [](const auto& field) {
    return field.first.starts_with("content-") && field.first != "content-range";
  });
  fields_.emplace_back("content-type", "text/plain; charset=utf-8");
  if (status_ == 429 || status_ == 503) fields_.emplace_back("retry-after", "1");
  fields_.emplace_back("content-length", std::to_string(size));
}

byte_chain exchange::framed(byte_chain message, bool last) {
  byte_chain out;
  if (!std::exchange(head_sent_, true)) {
    std::optional<std::uint64_t> size;
    if (last) size = message.size();
    out.append(bytes::adopt(make_head(size)));
  }
  if (bodiless_) return out;
  sent_ += message.size();
  if (!chunked_) {
    out.append(std::move(message));
    return out;
  }
  if (!message.empty()) {
    out.append(bytes::adopt(fmt::format("{:x}\r\n", message.size())));
    out.append(std::move(message));
    out.append(bytes::of_static("\r\n"));
  }
  if (last) out.append(bytes::of_static("0\r\n\r\n"));
  return out;
}

// `size`: of all that follows, where it is known.
std::string exchange::make_head(std::optional<std::uint64_t> size) {
  const int status = status_ == 0 ? 200 : status_;
  const bool never_a_body = status == 204 || status == 304;
  bodiless_ = head_only_ || never_a_body;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\ndate: {}\r\n", status, reason_of(status),
                                 date_of(on_->context().time.wall()));
  for (const auto& [name, value] : fields_) {
    head += name + ": " + value + "\r\n";
    std::uint64_t length = 0;
    if (name == "content-length" &&
        std::from_chars(value.data(), value.data() + value.size(), length).ec == std::errc())
      declared_ = length;
  }
  if (!declared_ && size && !never_a_body) {
    declared_ = size;
    head += fmt::format("content-length: {}\r\n", *size);
  }
  chunked_ = !declared_ && !bodiless_ && !old_;
  if (chunked_) head += "transfer-encoding: chunked\r\n";
  if (on_->context().admitting->closing() || (!declared_ && !chunked_ && !bodiless_)) keep_alive_ = false;
  if (!keep_alive_)
    head += "connection: close\r\n";
  else if (old_)
    head += "connection: keep-alive\r\n";
  return head + "\r\n";
}

// ---- the end of the client

void exchange::on_cancel(std::function<void()> then) {
  {
    std::lock_guard lock(cancel_mutex_);
    if (finished_) return;
    if (!cancelled_) {
      cancel_then_ = std::move(then);
      return;
    }
  }
  then();
}

void exchange::gone() {
  std::function<void()> then;
  {
    std::lock_guard lock(cancel_mutex_);
    cancelled_ = true;
    std::swap(then, cancel_then_);
    if (finished_) then = nullptr;
  }
  if (!then) return;
  try {
    then();
  } catch (...) {  // NOLINT: nobody is left to be told
  }
}

}  // namespace kiln::http_plugin
