#include "actors/worker/persistent/work_protocol.hpp"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "blaze/worker/worker_protocol.pb.h"
#include "core/wire/message.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::size_t longest_length = 5;  // of a length that fits in 32 bits, as a varint
constexpr std::size_t most_quoted = 64;

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

template <class Message>
work_answer answer_of(Message&& said) {
  return {said.request_id(), said.exit_code(), std::move(*said.mutable_output()), said.was_cancelled()};
}

bool is_space(char one) noexcept {
  return one == ' ' || one == '\n' || one == '\r' || one == '\t';
}

}  // namespace

expected<std::string> encode_request(work_protocol protocol, const blaze::worker::WorkRequest& request) {
  std::string text;
  if (protocol == work_protocol::proto) {
    append_varint(text, request.ByteSizeLong());
    request.AppendToString(&text);
    return text;
  }
  if (auto written = google::protobuf::util::MessageToJsonString(request, &text); !written.ok())
    return fail(errc::invalid_argument, "the request cannot be written as JSON: {}",
                std::string(written.message()));
  return text += '\n';
}

expected<void> answer_reader::take(std::string_view piece, const std::function<void(work_answer)>& then) {
  pending_ += piece;
  for (;;) {
    auto taken = protocol_ == work_protocol::proto ? take_message(then) : take_object(then);
    if (!taken) return failure(std::move(taken).error());
    if (!*taken) return {};
  }
}

/// False if it is not whole yet.
expected<bool> answer_reader::take_message(const std::function<void(work_answer)>& then) {
  std::uint64_t size = 0;
  std::size_t at = 0;
  for (;; ++at) {
    if (at == pending_.size()) return false;
    if (at == longest_length) return fail(no_answer("it begins with no length"));
    const auto byte = static_cast<unsigned char>(pending_[at]);
    size |= std::uint64_t{byte & 0x7fU} << (7 * at);
    if (byte < 0x80) break;
  }
  ++at;
  if (size > most_) return fail(no_answer("it is longer than an answer may be"));
  if (pending_.size() - at < size) return false;
  blaze::worker::WorkResponse said;
  if (auto parsed = parse_into(said, byte_chain(bytes(pending_.data() + at, size, nullptr))); !parsed)
    return fail(no_answer("it is no WorkResponse"));
  pending_.erase(0, at + size);
  then(answer_of(said));
  return true;
}

expected<bool> answer_reader::take_object(const std::function<void(work_answer)>& then) {
  if (seen_ == 0)
    pending_.erase(0, static_cast<std::size_t>(std::find_if_not(pending_.begin(), pending_.end(), is_space) -
                                               pending_.begin()));
  if (pending_.empty()) return false;
  if (pending_.front() != '{') return fail(no_answer("it is no JSON object"));
  const bool whole = find_end();
  if (seen_ > most_) return fail(no_answer("it is longer than an answer may be"));
  if (!whole) return false;
  blaze::worker::WorkResponseText said;
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;
  const google::protobuf::StringPiece object(pending_.data(), static_cast<std::ptrdiff_t>(seen_));
  if (auto parsed = google::protobuf::util::JsonStringToMessage(object, &said, lenient); !parsed.ok())
    return fail(no_answer("it is no WorkResponse: " + std::string(parsed.message())));
  pending_.erase(0, std::exchange(seen_, 0));
  then(answer_of(said));
  return true;
}

/// Of the object: by its braces, those in texts left out. What else it has in it is the parser's to say.
bool answer_reader::find_end() {
  while (seen_ < pending_.size()) {
    const char one = pending_[seen_++];
    if (std::exchange(escaped_, false)) continue;
    if (in_text_) {
      escaped_ = one == '\\';
      in_text_ = one != '"';
    } else if (one == '"') {
      in_text_ = true;
    } else if (one == '{') {
      ++depth_;
    } else if (one == '}' && --depth_ == 0) {
      return true;
    }
  }
  return false;
}

error answer_reader::no_answer(std::string_view why) const {
  return {errc::invalid_argument, fmt::format("what it wrote is no answer, for {}: \"{}\"", why,
                                              escaped(std::string_view(pending_).substr(0, most_quoted)))};
}

}  // namespace kiln
