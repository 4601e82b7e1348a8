#include "plugins/transports/http/http_status.hpp"

#include <utility>

namespace kiln::http_plugin {

int status_of(errc code) noexcept {
  switch (code) {
    case errc::ok:
      return 200;
    case errc::invalid_argument:
    case errc::failed_precondition:
    case errc::out_of_range:
      return 400;
    case errc::unauthenticated:
      return 401;
    case errc::permission_denied:
      return 403;
    case errc::not_found:
      return 404;
    case errc::already_exists:
    case errc::aborted:
      return 409;
    case errc::resource_exhausted:
      return 429;
    case errc::cancelled:
      return 499;
    case errc::unimplemented:
      return 501;
    case errc::unavailable:
      return 503;
    case errc::deadline_exceeded:
      return 504;
    default:
      return 500;
  }
}

std::string_view reason_of(int status) noexcept {
  static constexpr std::pair<int, std::string_view> known[] = {
      {200, "OK"},
      {201, "Created"},
      {204, "No Content"},
      {206, "Partial Content"},
      {207, "Multi-Status"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {499, "Client Closed Request"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto& [code, words] : known)
    if (code == status) return words;
  return {};
}

}  // namespace kiln::http_plugin
