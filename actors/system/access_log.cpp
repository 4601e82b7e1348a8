#include "actors/system/access_log.hpp"

#include <algorithm>

#include "actors/services/http_cache/http_cache.hpp"
#include "actors/services/http_cache/http_path.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr std::size_t longest_in_log = 256;
constexpr std::string_view remote_apis = "/build.bazel.remote.";
constexpr std::string_view byte_stream_service = "/google.bytestream.ByteStream/";
constexpr std::string_view asks_of_an_operation = "/WaitExecution";  // it names an operation

std::string_view cut_for_log(std::string_view text) {
  return text.substr(0, longest_in_log);
}

// Field 1, if the message begins with it and it is text: that is where an instance and the name of a blob
// stand in every request of these protocols.
std::string_view first_text(const byte_chain& message) {
  if (message.pieces().empty()) return {};
  auto rest = message.pieces().front().view();
  constexpr char tag = 1 << 3 | 2;
  if (rest.empty() || rest.front() != tag) return {};
  rest.remove_prefix(1);
  std::size_t size = 0;
  for (unsigned shift = 0; !rest.empty() && shift < 28; shift += 7) {
    const auto part = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    size |= static_cast<std::size_t>(part & 0x7f) << shift;
    if (part < 0x80) return rest.substr(0, size);
  }
  return {};
}

std::string_view in_front_of_keyword(std::string_view name) {
  for (std::string_view keyword : {"blobs/", "compressed-blobs/", "uploads/"})
    if (name.starts_with(keyword)) return {};
  auto end = name.size();
  for (std::string_view keyword : {"/blobs/", "/compressed-blobs/", "/uploads/"})
    end = std::min(end, name.find(keyword));
  return end < name.size() ? name.substr(0, end) : std::string_view();
}

}  // namespace

std::string instance_of_message(std::string_view method, const byte_chain& first) {
  if (method.starts_with(byte_stream_service))
    return std::string(cut_for_log(in_front_of_keyword(first_text(first))));
  if (!method.starts_with(remote_apis) || method.ends_with(asks_of_an_operation)) return {};
  return std::string(cut_for_log(first_text(first)));
}

void log_calls(call_hooks& hooks, logger& log) {
  hooks.subject = [](const call_info& info, const byte_chain& first) {
    return instance_of_message(info.method, first);
  };
  hooks.ended.emplace_back([&log](const ended_call& call) {
    std::string_view method = call.info.method;
    auto instance = call.subject;
    std::string request;
    if (method.starts_with(http_prefix)) {
      // Behind the question mark may stand what is nobody's business.
      auto words = words_of(method);
      instance = instance_in(words.target);
      request = fmt::format("{} {}", cut_for_log(words.method),
                            cut_for_log(words.target.substr(0, words.target.find('?'))));
      method = request;
    }
    log.info("call", {{"peer", call.info.peer},
                      {"certificate", cut_for_log(call.info.certificate)},
                      {"method", cut_for_log(method)},
                      {"instance", cut_for_log(instance)},
                      {"status", name_of(call.status.code())},
                      {"bytes_in", call.received},
                      {"bytes_out", call.sent},
                      {"took", call.took}});
  });
}

}  // namespace kiln
