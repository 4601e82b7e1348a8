#include "core/compress/zstd.hpp"

#include <array>
#include <string>

#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr unsigned window_log = 14;
// The window, a block, and the decoder's own tables.
constexpr std::size_t max_memory = (std::size_t{1} << window_log) + (1 << 20);

struct decoded {
  std::string text;
  bool good = false;
};

decoded decode(std::string_view wire, std::uint64_t size, std::size_t step_in, std::size_t step_out) {
  zstd_decoder decoder(size, window_log);
  decoded result;
  std::array<char, 4096> room;
  while (!wire.empty()) {
    auto from = wire.substr(0, step_in);
    wire.remove_prefix(from.size());
    for (bool more = true; more;) {
      auto wrote = decoder.decode(from, room.data(), step_out);
      must(decoder.memory() <= max_memory, "a decoder holds no more than its window asks for");
      if (!wrote) return result;
      must(*wrote <= step_out, "no more is written than there is room");
      result.text.append(room.data(), *wrote);
      must(result.text.size() <= size, "no more comes out than was announced");
      must(decoder.remaining() == size - result.text.size(), "what comes is counted");
      more = *wrote == step_out;
      must(more || from.empty(), "what there is room for is taken");
    }
  }
  result.good = decoder.end().has_value();
  must(!result.good || result.text.size() == size, "what ends well is complete");
  return result;
}

void encode_and_back(std::string_view text) {
  auto frame = zstd_encode(text, 1, text.size() + 1024);
  must(frame.has_value(), "anything can be encoded");
  auto back = zstd_decode(frame->view(), text.size(), 27);
  must(back && back->view() == text, "what was encoded is decoded");
}

}  // namespace

// First byte: what is tried, and how large the pieces are; the next two: how many bytes are announced.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const auto choice = take_choice(text);
  if (choice < 32) return encode_and_back(text), 0;
  const std::size_t piece = choice - 31;
  std::uint64_t announced = take_choice(text);
  announced |= static_cast<std::uint64_t>(take_choice(text)) << 8;
  auto in_pieces = decode(text, announced, piece, 1 + 16 * (piece - 1));
  auto at_once = zstd_decode(text, announced, window_log);
  if (!text.empty())
    must(in_pieces.good == at_once.has_value(), "pieces make no difference to whether it is a frame");
  if (at_once) must(at_once->view() == in_pieces.text, "pieces make no difference to what is decoded");
  return 0;
}
