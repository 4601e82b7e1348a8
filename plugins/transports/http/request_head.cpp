#include "plugins/transports/http/request_head.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <limits>

namespace kiln::http_plugin {
namespace {

namespace http = boost::beast::http;
using parser = http::request_parser<http::buffer_body>;

tl::unexpected<bad_request> bad(int status, std::string why) {
  return tl::unexpected<bad_request>({status, std::move(why)});
}

tl::unexpected<bad_request> broken(const boost::system::error_code& fault) {
  if (fault == http::error::header_limit)
    return bad(431, fmt::format("the head of a request has at most {} bytes", request_parser::largest_head));
  if (fault == http::error::bad_version) return bad(505, "this port speaks HTTP/1.1");
  return bad(400, "no request of HTTP/1.1: " + fault.message());
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// "http://host/path" is what a proxy would be sent; servers must take it, too.
std::string_view without_host(std::string_view target) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    auto slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target;
}

// What two readers could take for two different requests is no request.
std::optional<bad_request> ambiguity_in(const parser::value_type& message, bool chunked) {
  const bool old = message.version() == 10;
  if (message.version() != 11 && !old) return bad_request{505, "this port speaks HTTP/1.1"};
  const auto hosts = message.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && !old)) return bad_request{400, "a request names its Host once"};
  const auto length = message[http::field::content_length];
  if (message.count(http::field::content_length) > 1 || length.find(',') != length.npos)
    return bad_request{400, "Content-Length is given more than once"};
  if (message.count(http::field::transfer_encoding) == 0) return std::nullopt;
  if (message.count(http::field::content_length) > 0)
    return bad_request{400, "Content-Length and Transfer-Encoding exclude each other"};
  if (old || !chunked || !boost::beast::iequals(message[http::field::transfer_encoding], "chunked"))
    return bad_request{501, "the only Transfer-Encoding that is taken is chunked"};
  return std::nullopt;
}

}  // namespace

struct request_parser::state {
  parser parts;
  std::size_t head_size = 0;  // so far
};

request_parser::request_parser() : state_(std::make_unique<state>()) {
  state_->parts.header_limit(static_cast<std::uint32_t>(largest_head));
  // How much comes is the services' business. (Beast 1.74 takes boost::none for nothing at all.)
  state_->parts.body_limit(std::numeric_limits<std::uint64_t>::max());
}
request_parser::~request_parser() = default;
request_parser::request_parser(request_parser&&) noexcept = default;
request_parser& request_parser::operator=(request_parser&&) noexcept = default;

tl::expected<request_parser::progress, bad_request> request_parser::put_head(std::string_view bytes) {
  auto& parts = state_->parts;
  progress made;
  if (bytes.empty()) return made;
  boost::system::error_code fault;
  made.used = parts.put(boost::asio::const_buffer(bytes.data(), bytes.size()), fault);
  if (fault && fault != http::error::need_more && fault != http::error::need_buffer) return broken(fault);
  made.complete = parts.is_header_done();
  // Beast's own bound is one of what is looked at in one go.
  state_->head_size += made.used;
  const auto unused = made.complete ? 0 : bytes.size() - made.used;
  if (state_->head_size + unused > largest_head) return broken(http::error::header_limit);
  return made;
}

tl::expected<request_head, bad_request> request_parser::head() const {
  const auto& parts = state_->parts;
  const auto& message = parts.get();
  if (auto wrong = ambiguity_in(message, parts.chunked())) return tl::unexpected<bad_request>(*wrong);
  request_head head;
  head.method = std::string(view(message.method_string()));
  head.target = std::string(without_host(view(message.target())));
  if (head.target.empty() || (head.target[0] != '/' && head.target != "*"))
    return bad(400, "the target of a request is a path that begins with /");
  for (const auto& field : message)
    head.fields.emplace_back(lower(view(field.name_string())), std::string(view(field.value())));
  head.old = message.version() == 10;
  head.keep_alive = parts.keep_alive();
  head.chunked = parts.chunked();
  if (auto length = parts.content_length()) head.length = *length;
  auto expects = message[http::field::expect];
  head.awaits_continue = !head.old && boost::beast::iequals(expects, "100-continue");
  if (!expects.empty() && !head.awaits_continue && !head.old)
    return bad(417, "the only Expect that is known is 100-continue");
  return head;
}

}  // namespace kiln::http_plugin
