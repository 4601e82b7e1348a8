#include <grpc/byte_buffer.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "plugins/transports/grpc/slices.hpp"
#include "plugins/transports/grpc/unpack.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr std::size_t limit = 1 << 16;

// A message as gRPC delivers it: in slices of this size, and still compressed.
grpc::ByteBuffer arrived(std::string_view content, grpc_compression_algorithm algorithm, std::size_t cut) {
  std::vector<grpc_slice> slices;
  for (; !content.empty(); content.remove_prefix(std::min(cut, content.size())))
    slices.push_back(grpc_slice_from_copied_buffer(content.data(), std::min(cut, content.size())));
  grpc::ByteBuffer message;
  *reinterpret_cast<grpc_byte_buffer**>(&message) =
      grpc_raw_compressed_byte_buffer_create(slices.data(), slices.size(), algorithm);
  for (auto& slice : slices) grpc_slice_unref(slice);
  return message;
}

std::optional<std::string> unpacked(std::string_view content, grpc_compression_algorithm algorithm,
                                    std::size_t cut) {
  auto message = arrived(content, algorithm, cut);
  if (!grpc_plugin::unpack(message, limit)) return std::nullopt;  // which fault shows first is all the same
  auto plain = grpc_plugin::take_message(message, {});
  must(plain.size() <= limit, "no more is unpacked than the limit");
  return std::string(plain.flatten().view());
}

}  // namespace

// First byte: how it is compressed, and how large the slices are in which it comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const auto choice = take_choice(text);
  const auto algorithm = choice % 2 == 0 ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_DEFLATE;
  must(unpacked(text, algorithm, 1 + choice / 2) == unpacked(text, algorithm, limit),
       "slices make no difference to what is unpacked");
  return 0;
}
