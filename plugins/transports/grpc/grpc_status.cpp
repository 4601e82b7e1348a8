#include "plugins/transports/grpc/grpc_status.hpp"

#include "core/wire/status.hpp"

namespace kiln::grpc_plugin {
namespace {

// Clients take 8 KiB of trailers by default and turn what is longer into an error of their own, whose code
// says nothing. Percent-encoding triples the sentence at worst, base64 adds a third to the details.
constexpr std::size_t longest_sentence = 1024;
constexpr std::size_t largest_details = 3072;

// Cut where a character of UTF-8 begins.
std::string shortened(std::string sentence) {
  if (sentence.size() <= longest_sentence) return sentence;
  std::size_t end = longest_sentence;
  while (end > 0 && (static_cast<unsigned char>(sentence[end]) & 0xC0) == 0x80) --end;
  return sentence.substr(0, end) + " ...";
}

}  // namespace

grpc::Status to_status(const error& fault) {
  if (fault.ok()) return grpc::Status::OK;
  auto code = static_cast<grpc::StatusCode>(fault.code());
  std::string sentence = shortened(fault.message());
  if (fault.details().empty()) return {code, sentence};
  // The details that fit, in order.
  error told(fault.code(), sentence);
  std::size_t room = largest_details;
  for (const error_detail& detail : fault.details()) {
    std::size_t size = detail.type_url.size() + detail.value.size() + 16;
    if (size > room) continue;
    room -= size;
    told.add_detail(detail);
  }
  return {code, sentence, told.details().empty() ? std::string() : pack_status(told)};
}

error from_status(const grpc::Status& status) {
  return unpack_status(static_cast<int>(status.error_code()), status.error_message(), status.error_details());
}

}  // namespace kiln::grpc_plugin
