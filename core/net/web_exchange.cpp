#include "core/net/web_exchange.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace kiln {
namespace {

constexpr std::size_t received_at_most = 1 << 20;  // waiting for a reader; then the server has to wait
constexpr std::size_t largest_head = 64 << 10;
constexpr long piece_size = 256 << 10;

long milliseconds_in(duration time) {
  return std::max<long>(1, std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}
long seconds_in(duration time) {
  return std::max<long>(1, (milliseconds_in(time) + 999) / 1000);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// The body of an answer, as whoever reads it sees it.
class web_body final : public blob_source {
public:
  web_body(std::shared_ptr<web_loop> loop, std::shared_ptr<web_exchange> of)
      : loop_(std::move(loop)), of_(std::move(of)) {}
  ~web_body() override {
    loop_->post([of = of_] { of->give_up(); });
  }
  void read(next then) override {
    loop_->post([of = of_, then = ensure_called(std::move(then))]() mutable { of->want(std::move(then)); });
  }
  void cancel(const error&) noexcept override {
    loop_->post([of = of_] { of->give_up(); });
  }

private:
  const std::shared_ptr<web_loop> loop_;
  const std::shared_ptr<web_exchange> of_;
};

}  // namespace

std::optional<std::uint64_t> web_head::length() const {
  const auto text = header("content-length");
  std::uint64_t size = 0;
  const auto* end = text.data() + text.size();
  if (auto parsed = std::from_chars(text.data(), end, size); parsed.ec != std::errc() || parsed.ptr != end)
    return std::nullopt;
  return text.empty() ? std::nullopt : std::optional(size);
}

std::optional<wall_time> parse_web_date(std::string_view text) {
  const auto seconds = curl_getdate(std::string(text).c_str(), nullptr);
  if (text.empty() || seconds < 0) return std::nullopt;
  return wall_time(std::chrono::duration_cast<wall_time::duration>(std::chrono::seconds(seconds)));
}

web_exchange::web_exchange(std::shared_ptr<web_loop> loop, web_order order, web_client::done<web_reply> then)
    : loop_(std::move(loop)), order_(std::move(order)), then_(std::move(then)), to_send_(order_.body) {
  if (!order_.source) order_.length = order_.body.size();
}

web_exchange::~web_exchange() {
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
}

void web_exchange::start() {
  if (order_.until != steady_time::max()) {
    const auto left = order_.until - loop_->now();
    if (left <= duration::zero())
      return fail(error(errc::deadline_exceeded, fmt::format("no time is left to ask {}", host())));
    late_ = loop_->later(left, [weak = weak_from_this()] {
      auto self = weak.lock();
      if (!self) return;
      self->late_.reset();  // it has come, and is not to be called off
      self->fail(
          error(errc::deadline_exceeded, fmt::format("the time was over while {} was asked", self->host())));
    });
  }
  loop_->begin(shared_from_this());
}

CURL* web_exchange::prepare() {
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return nullptr;
  const auto& options = loop_->options();
  set(CURLOPT_URL, order_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a name that is being looked up holds up nobody
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROXY,
      order_.past_proxy ? "" : options.proxy.c_str());  // an empty one keeps the environment's away
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_USERAGENT, "kiln");
  set(CURLOPT_BUFFERSIZE, piece_size);
  set(CURLOPT_UPLOAD_BUFFERSIZE, piece_size);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds_in(options.connect_timeout));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, seconds_in(options.stall_timeout));
  if (!options.certificate_bundle.empty()) set(CURLOPT_CAINFO, options.certificate_bundle.c_str());
  set(CURLOPT_HEADERFUNCTION, &web_exchange::take_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &web_exchange::take_body);
  set(CURLOPT_WRITEDATA, this);
  set_up_body();
  set_up_identity();
  // Nobody is asked whether he wants the body, but by signed requests: libcurl counts this line as signed.
  bool complete = !order_.identity.signature.empty() || add_header("Expect:");
  for (const auto& [name, value] : order_.headers) complete = complete && add_header(name + ": " + value);
  if (!complete) return nullptr;
  set(CURLOPT_HTTPHEADER, list_.get());
  return easy_;
}

bool web_exchange::add_header(const std::string& line) {
  auto* longer = curl_slist_append(list_.get(), line.c_str());
  if (longer == nullptr) return false;
  (void)list_.release();
  list_.reset(longer);
  return true;
}

void web_exchange::set_up_body() {
  if (order_.method == "HEAD") return set(CURLOPT_NOBODY, 1L);
  if (!has_body()) {
    if (order_.method != "GET") set(CURLOPT_CUSTOMREQUEST, order_.method.c_str());
    return;
  }
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(order_.length));
  if (order_.method != "PUT") set(CURLOPT_CUSTOMREQUEST, order_.method.c_str());
  set(CURLOPT_READFUNCTION, &web_exchange::give_body);
  set(CURLOPT_READDATA, this);
  set(CURLOPT_SEEKFUNCTION, &web_exchange::rewind);
  set(CURLOPT_SEEKDATA, this);
}

void web_exchange::set_up_identity() {
  const auto& who = order_.identity;
  if (who.user.empty()) return;
  set(CURLOPT_USERNAME, who.user.c_str());
  set(CURLOPT_PASSWORD, who.password.c_str());
  if (who.signature.empty())
    set(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  else
    set(CURLOPT_AWS_SIGV4, who.signature.c_str());
}

std::size_t web_exchange::take_header(char* data, std::size_t, std::size_t size, void* me) noexcept {
  auto* self = static_cast<web_exchange*>(me);
  try {
    return self->header_line({data, size});
  } catch (...) {
    return 0;
  }
}

std::size_t web_exchange::header_line(std::string_view line) {
  if (has_head_) return line.size();  // trailers
  head_size_ += line.size();
  if (head_size_ > largest_head) {
    fault_ = error(errc::internal, fmt::format("{} answers with too many headers", host()));
    return 0;
  }
  if (line.starts_with("HTTP/")) {
    reply_.headers.clear();
    const auto space = line.find(' ');
    const auto code = space == std::string_view::npos ? std::string_view() : line.substr(space + 1, 3);
    reply_.status = 0;
    std::from_chars(code.data(), code.data() + code.size(), reply_.status);
    return line.size();
  }
  if (trimmed(line).empty()) {
    if (reply_.status < 200) return line.size();
    has_head_ = true;
    note();
    return line.size();
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name(line.substr(0, colon));
  for (char& letter : name)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  reply_.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
  return line.size();
}

std::size_t web_exchange::take_body(char* data, std::size_t, std::size_t size, void* me) noexcept {
  auto* self = static_cast<web_exchange*>(me);
  try {
    return self->body_piece({data, size});
  } catch (...) {
    return 0;
  }
}

std::size_t web_exchange::body_piece(std::string_view piece) {
  if (!received_.empty() && received_.size() + piece.size() > received_at_most) {
    receive_paused_ = true;
    loop_->later(loop_->options().park_after, [weak = weak_from_this(), before = served_] {
      auto self = weak.lock();
      if (self && self->served_ == before) self->park_if_nobody_reads();
    });
    return CURL_WRITEFUNC_PAUSE;
  }
  received_.append(bytes::copy_of(piece));
  note();
  return piece.size();
}

void web_exchange::park_if_nobody_reads() {
  if (over_ || !receive_paused_) return;
  loop_->leave(*this);
  end_with(error(errc::aborted, "the connection was given to others, for nobody read from it"));
}

std::size_t web_exchange::give_body(char* into, std::size_t, std::size_t room, void* me) noexcept {
  auto* self = static_cast<web_exchange*>(me);
  try {
    return self->next_of_body(into, room);
  } catch (...) {
    return CURL_READFUNC_ABORT;
  }
}

std::size_t web_exchange::next_of_body(char* into, std::size_t room) {
  if (sent_ == order_.length) return 0;
  if (to_send_.empty()) {
    if (!order_.source) return CURL_READFUNC_ABORT;
    send_paused_ = true;
    if (!pulling_) {
      pulling_ = true;
      loop_->post([self = shared_from_this()] { self->pull_source(); });
    }
    return CURL_READFUNC_PAUSE;
  }
  std::size_t given = 0;
  for (const auto& piece : to_send_.pieces()) {
    const auto some = std::min(piece.size(), room - given);
    std::memcpy(into + given, piece.data(), some);
    given += some;
    if (given == room) break;
  }
  to_send_ = to_send_.slice(given);
  sent_ += given;
  return given;
}

int web_exchange::rewind(void* me, curl_off_t offset, int origin) noexcept {
  auto* self = static_cast<web_exchange*>(me);
  if (origin != SEEK_SET || offset != 0 || self->order_.source) return CURL_SEEKFUNC_CANTSEEK;
  try {
    self->to_send_ = self->order_.body;
    self->sent_ = 0;
    return CURL_SEEKFUNC_OK;
  } catch (...) {
    return CURL_SEEKFUNC_FAIL;
  }
}

void web_exchange::pull_source() {
  if (over_) return;
  order_.source->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
    self->loop_->post(
        [self, piece = std::move(piece)]() mutable { self->take_from_source(std::move(piece)); });
  }));
}

void web_exchange::take_from_source(expected<byte_chain> piece) {
  pulling_ = false;
  if (over_) return;
  if (!piece) return fail(piece.error());
  if (piece->empty() || piece->size() > order_.length - sent_)
    return fail(error(errc::invalid_argument,
                      fmt::format("another number of bytes came than {}, as was said", order_.length)));
  to_send_ = std::move(*piece);
  if (std::exchange(send_paused_, false)) curl_easy_pause(easy_, CURLPAUSE_CONT);
  if (receive_paused_) receive_paused_ = false;
}

void web_exchange::note() {
  if (std::exchange(noted_, true)) return;
  loop_->note_ready(shared_from_this());
}

void web_exchange::finish(CURLcode how) {
  if (how != CURLE_OK && fault_.ok()) fault_ = cause_of(how);
  if (fault_.ok() && !has_head_)
    fault_ = error(errc::unavailable, fmt::format("{} closed the connection without an answer", host()));
  loop_->leave(*this);
  end_with(fault_);
}

void web_exchange::fail(error why) {
  if (over_) return;
  loop_->leave(*this);
  received_.clear();
  end_with(std::move(why));
}

void web_exchange::end_with(error fault) {
  over_ = true;
  fault_ = std::move(fault);
  if (late_) loop_->call_off(*std::exchange(late_, std::nullopt));
  // An answer may come before all was sent.
  if (order_.source && sent_ < order_.length)
    order_.source->cancel(fault_.ok() ? error(errc::aborted, "the other server wants no more") : fault_);
  order_.source.reset();
  order_.body.clear();
  to_send_.clear();
  note();
}

void web_exchange::serve() {
  noted_ = false;
  if (then_) {
    if (over_ && !fault_.ok() && (!has_head_ || received_.empty()))
      return std::exchange(then_, nullptr)(failure(fault_));
    if (!has_head_) return;
    auto reply = std::move(reply_);
    reply.body = std::make_shared<web_body>(loop_, shared_from_this());
    return std::exchange(then_, nullptr)(std::move(reply));
  }
  if (!wanting_) return;
  if (!received_.empty()) {
    ++served_;
    auto piece = std::exchange(received_, {});
    auto then = std::exchange(wanting_, nullptr);
    if (std::exchange(receive_paused_, false) && !over_) curl_easy_pause(easy_, CURLPAUSE_CONT);
    return then(std::move(piece));
  }
  if (!over_) return;
  auto then = std::exchange(wanting_, nullptr);
  fault_.ok() ? then(byte_chain()) : then(failure(fault_));
}

void web_exchange::want(blob_source::next then) {
  wanting_ = std::move(then);
  serve();
}

void web_exchange::give_up() {
  fail(error(errc::cancelled, "the answer is not wanted any more"));
}

std::string web_exchange::host() const {
  auto from = order_.url.find("://");
  from = from == std::string::npos ? 0 : from + 3;
  return order_.url.substr(from, order_.url.find_first_of("/?", from) - from);
}

error web_exchange::cause_of(CURLcode how) const {
  auto code = errc::unavailable;
  switch (how) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
      code = errc::failed_precondition;
      break;
    case CURLE_OUT_OF_MEMORY:
      code = errc::resource_exhausted;
      break;
    default:  // also what is no HTTP at all: an answer that was cut in its first line
      break;
  }
  return {code, fmt::format("asking {}: {}", host(), curl_easy_strerror(how))};
}

}  // namespace kiln
