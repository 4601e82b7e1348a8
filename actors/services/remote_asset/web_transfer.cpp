#include "actors/services/remote_asset/web_transfer.hpp"

#include <curl/curl.h>
#include <unistd.h>

#include <memory>
#include <optional>

namespace kiln {
namespace {

using easy_handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using url_handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

struct list_end {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using header_list = std::unique_ptr<curl_slist, list_end>;

// Once, before any other thread uses it.
bool library_is_ready() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

std::string part_of(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

// The library's own reading, for it is the library that goes there.
expected<web_target> target_of(CURLU* url) {
  web_target target;
  target.scheme = part_of(url, CURLUPART_SCHEME);
  target.host = part_of(url, CURLUPART_HOST);
  if (target.host.starts_with('[')) target.host = target.host.substr(1, target.host.size() - 2);
  target.port = static_cast<std::uint16_t>(
      std::strtoul(part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str(), nullptr, 10));
  if (!part_of(url, CURLUPART_ZONEID).empty())
    return fail(errc::permission_denied, "address {} has a zone", target.host);
  return target;
}

// What a server's answer other than 200 means to who asked us.
error refusal(long status, const web_target& from) {
  auto code = errc::aborted;
  if (status == 404 || status == 410) code = errc::not_found;
  if (status == 401 || status == 403 || status == 407 || status == 451) code = errc::permission_denied;
  if (status == 408 || status == 425 || status == 429 || status >= 500) code = errc::unavailable;
  return {code, fmt::format("{} answers with status {}", from.host, status)};
}

bool is_redirect(long status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// One request and its answer; a redirect is a hop of its own.
class hop {
public:
  hop(const web_rules& rules, const web_manners& manners, const std::atomic<bool>& stop,
      const std::function<expected<void>(std::string_view)>& sink)
      : rules_(rules), manners_(manners), stop_(stop), sink_(sink) {}

  /// Where it leads on, or nothing once the body has come.
  expected<std::optional<std::string>> go(CURLU* url, curl_slist* headers, duration at_most) {
    auto target = target_of(url);
    if (!target) return failure(target.error());
    target_ = std::move(*target);
    if (auto allowed = rules_.check(target_); !allowed) return failure(allowed.error());
    if (!curl_) return fail(errc::resource_exhausted, "no memory for a transfer");
    prepare(url, headers, at_most);
    CURLcode end = curl_easy_perform(curl_.get());
    if (!refused_.ok()) return fail(refused_);
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    bool answered = end == CURLE_OK || skips_body_;
    if (!answered) return fail(cause_of(end));
    if (status == 200) return std::nullopt;
    curl_header* location = nullptr;
    if (is_redirect(status) &&
        curl_easy_header(curl_.get(), "Location", 0, CURLH_HEADER, -1, &location) == CURLHE_OK)
      return std::string(location->value);
    return fail(refusal(status, target_));
  }

private:
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(curl_.get(), option, value);
  }

  void prepare(CURLU* url, curl_slist* headers, duration at_most) {
    auto milliseconds = [](duration time) {
      return std::max<long>(1, std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
    };
    set(CURLOPT_CURLU, url);
    set(CURLOPT_PROTOCOLS_STR, target_.scheme.c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, manners_.proxy.c_str());  // an empty one keeps the environment's away
    set(CURLOPT_NOPROXY, "");
    set(CURLOPT_USERAGENT, "kiln");
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_TIMEOUT_MS, milliseconds(at_most));
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(at_most, manners_.connect_timeout)));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, std::max(1L, milliseconds(manners_.stall_timeout) / 1000));
    set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(manners_.max_size));
    set(CURLOPT_BUFFERSIZE, 256L << 10);
    if (!manners_.certificate_bundle.empty()) set(CURLOPT_CAINFO, manners_.certificate_bundle.c_str());
    set(CURLOPT_WRITEFUNCTION, &hop::take_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_OPENSOCKETFUNCTION, &hop::open_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &hop::go_on);
    set(CURLOPT_XFERINFODATA, this);
  }

  static std::size_t take_body(char* data, std::size_t, std::size_t size, void* me) noexcept {
    auto* self = static_cast<hop*>(me);
    long status = 0;
    curl_easy_getinfo(self->curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    // Only the right answer has a body that anybody wants; any other need not be waited for.
    self->skips_body_ = status != 200;
    if (self->skips_body_) return 0;
    self->taken_ += size;
    if (self->taken_ > self->manners_.max_size)
      self->refused_ = self->too_large();
    else if (auto written = self->sink_({data, size}); !written)
      self->refused_ = written.error();
    return self->refused_.ok() ? size : 0;
  }

  // The only place that makes connections: the address is the one that is used, so no name can stand for
  // another between the check and the connection. Behind a proxy it is the proxy's.
  static curl_socket_t open_socket(void* me, curlsocktype, curl_sockaddr* to) noexcept {
    auto* self = static_cast<hop*>(me);
    if (self->manners_.proxy.empty()) {
      auto address = address_of(&to->addr);
      auto allowed = address ? self->rules_.check(*address, self->target_)
                             : failure(error(errc::permission_denied, "no address of the internet"));
      if (!allowed) {
        self->forbidden_ = allowed.error();
        return CURL_SOCKET_BAD;
      }
    }
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }

  static int go_on(void* me, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return static_cast<hop*>(me)->stop_.load(std::memory_order_relaxed) ? 1 : 0;
  }

  error too_large() const {
    return {errc::aborted,
            fmt::format("{} sends more than the {} bytes that are taken", target_.host, manners_.max_size)};
  }

  error cause_of(CURLcode end) const {
    auto told = [&](errc code) {
      return error(code, fmt::format("fetching from {}: {}", target_.host, curl_easy_strerror(end)));
    };
    switch (end) {
      case CURLE_COULDNT_CONNECT:
        return forbidden_.ok() ? told(errc::unavailable) : forbidden_;
      case CURLE_FILESIZE_EXCEEDED:
        return too_large();
      case CURLE_OPERATION_TIMEDOUT:
        return told(errc::deadline_exceeded);
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CONNECT_ERROR:
      case CURLE_SSL_CACERT_BADFILE:
        return told(errc::aborted);
      default:
        return told(errc::unavailable);
    }
  }

  const web_rules& rules_;
  const web_manners& manners_;
  const std::atomic<bool>& stop_;
  const std::function<expected<void>(std::string_view)>& sink_;
  // A handle of its own for every hop, so that no connection is used that was checked for another name.
  easy_handle curl_{curl_easy_init(), curl_easy_cleanup};
  web_target target_;
  std::uint64_t taken_ = 0;
  bool skips_body_ = false;
  error refused_;    // why the body was not taken
  error forbidden_;  // the last address that was not connected to
};

header_list headers_of(const web_request& request) {
  header_list list;
  for (const auto& [name, value] : request.headers) {
    // To the library a colon with nothing behind it means: leave this header out.
    auto line = value.empty() ? name + ";" : name + ": " + value;
    list.reset(curl_slist_append(list.release(), line.c_str()));
  }
  return list;
}

std::string origin_of(CURLU* url) {
  return fmt::format("{}://{}:{}", part_of(url, CURLUPART_SCHEME), part_of(url, CURLUPART_HOST),
                     part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

}  // namespace

expected<void> transfer(const web_request& request, const web_rules& rules, const web_manners& manners,
                        const clock& time, steady_time deadline, const std::atomic<bool>& stop,
                        const std::function<expected<void>(std::string_view)>& sink) {
  if (!library_is_ready()) return fail(errc::internal, "libcurl does not start");
  url_handle url(curl_url(), curl_url_cleanup);
  if (!url || curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
    return fail(errc::not_found, "that is no URL to fetch from");
  auto headers = headers_of(request);
  auto first = origin_of(url.get());
  for (unsigned redirects = 0;; ++redirects) {
    auto left = deadline - time.now();
    if (left <= duration::zero()) return fail(errc::deadline_exceeded, "no time is left to fetch it");
    bool at_home = origin_of(url.get()) == first;
    auto next = hop(rules, manners, stop, sink).go(url.get(), at_home ? headers.get() : nullptr, left);
    if (!next) return failure(next.error());
    if (!*next) return {};
    if (redirects == manners.redirects)
      return fail(errc::aborted, "it is redirected more than {} times", manners.redirects);
    // Relative to where it came from, as the header may be.
    if (curl_url_set(url.get(), CURLUPART_URL, (*next)->c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
      return fail(errc::aborted, "it is redirected to what is no URL");
  }
}

}  // namespace kiln
