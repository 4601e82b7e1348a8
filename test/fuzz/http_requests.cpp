#include <algorithm>
#include <array>
#include <string>

#include "core/net/first_bytes.hpp"
#include "plugins/transports/http/chunked_body.hpp"
#include "plugins/transports/http/request_head.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace kiln::http_plugin;

namespace {

// What was made of a request.
struct reading {
  enum class end : std::uint8_t { incomplete, refused, whole } how = end::incomplete;
  std::string head;
  std::string body;
  std::string rest;
  bool operator==(const reading&) const = default;
};

reading refused() {
  reading none;
  none.how = reading::end::refused;
  return none;
}

// As the session reads it, when so much comes at a time.
reading read_request(std::string_view from, std::size_t step) {
  reading made;
  request_parser parser;
  std::string waiting;
  auto more = [&] {
    if (from.empty()) return false;
    waiting += from.substr(0, step);
    from.remove_prefix(std::min(step, from.size()));
    return true;
  };
  for (bool complete = false; !complete;) {
    if (!more()) return made;
    auto put = parser.put_head(waiting);
    if (!put) return refused();
    must(put->used <= waiting.size(), "no more of a head is used than came");
    waiting.erase(0, put->used);
    complete = put->complete;
  }
  auto head = parser.head();
  if (!head) return refused();
  must(!head->target.empty() && (head->target[0] == '/' || head->target == "*"), "a target is a path");
  must(!(head->chunked && head->length), "a body has one length");
  made.head = head->method + ' ' + head->target;
  for (const auto& [name, value] : head->fields) made.head += '\n' + name + ':' + value;
  chunked_body chunks;
  for (std::array<char, 7> room{}; head->chunked;) {
    auto put = chunks.put(waiting, room.data(), room.size());
    if (!put) return refused();
    must(put->used <= waiting.size() && put->written <= room.size(),
         "no more of a body is written than fits");
    waiting.erase(0, put->used);
    made.body.append(room.data(), put->written);
    if (put->complete) break;
    if (put->written < room.size() && !more()) return made;
  }
  made.how = reading::end::whole;
  made.rest = waiting + std::string(from);
  return made;
}

}  // namespace

// A request is the same however it comes, and is told apart from what is none without reading past its end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const std::size_t step = take_choice(text) % 16 + 1;
  what_speaks(text, false);
  what_speaks(text, true);
  const auto whole = read_request(text, std::max<std::size_t>(text.size(), 1));
  const auto slow = read_request(text, step);
  // What is wrong may be seen before the end has come, or not.
  if (whole.how != slow.how)
    must(whole.how != reading::end::whole && slow.how != reading::end::whole, "who is slow is not refused");
  else
    must(whole.how != reading::end::whole || whole == slow, "a request is the same however it comes");
  return 0;
}
