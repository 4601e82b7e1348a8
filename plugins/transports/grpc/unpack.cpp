#include "plugins/transports/grpc/unpack.hpp"

#include <grpc/byte_buffer.h>
#include <zlib.h>

#include <vector>

namespace kiln::grpc_plugin {
namespace {

constexpr std::size_t block_size = 64 * 1024;

// The wrapper hides how the message is compressed. It consists of the pointer alone; gRPC itself relies on
// it.
grpc_compression_algorithm compression_of(const grpc::ByteBuffer& message) {
  static_assert(sizeof(grpc::ByteBuffer) == sizeof(grpc_byte_buffer*));
  return (*reinterpret_cast<grpc_byte_buffer* const*>(&message))->data.raw.compression;
}

// An open inflation, closed with its scope.
struct inflation : z_stream {
  explicit inflation(grpc_compression_algorithm algorithm) : z_stream{} {
    constexpr int window = 15;
    constexpr int gzip = 16;
    ready = inflateInit2(this, algorithm == GRPC_COMPRESS_GZIP ? window + gzip : window) == Z_OK;
  }
  ~inflation() {
    if (ready) inflateEnd(this);
  }
  inflation(const inflation&) = delete;
  inflation& operator=(const inflation&) = delete;
  bool ready = false;
};

// One block of what comes out.
grpc::Slice next_block(inflation& from, int& result) {
  grpc::Slice block(block_size);
  from.next_out = const_cast<Bytef*>(block.begin());
  from.avail_out = block_size;
  result = inflate(&from, Z_NO_FLUSH);
  return block.sub(0, block_size - from.avail_out);
}

}  // namespace

bool is_packed(const grpc::ByteBuffer& message) {
  return message.Valid() && compression_of(message) != GRPC_COMPRESS_NONE;
}

expected<void> unpack(grpc::ByteBuffer& message, std::size_t limit) {
  auto algorithm = compression_of(message);
  if (algorithm == GRPC_COMPRESS_NONE) return {};
  std::vector<grpc::Slice> packed;
  std::vector<grpc::Slice> plain;
  inflation source(algorithm);
  if (!source.ready || !message.Dump(&packed).ok())
    return fail(errc::internal, "a message cannot be unpacked");
  std::size_t size = 0;
  int result = Z_OK;
  for (auto input = packed.begin(); input != packed.end() && result != Z_STREAM_END; ++input) {
    source.next_in = const_cast<Bytef*>(input->begin());
    source.avail_in = static_cast<uInt>(input->size());
    do {
      plain.push_back(next_block(source, result));
      size += plain.back().size();
      // Z_BUF_ERROR only says that there was nothing to do.
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return fail(errc::invalid_argument, "a compressed message is damaged");
      if (size > limit)
        return fail(errc::resource_exhausted, "a message is larger than {} bytes when it is unpacked", limit);
    } while (source.avail_out == 0 && result != Z_STREAM_END);
  }
  if (result != Z_STREAM_END) return fail(errc::invalid_argument, "a compressed message is cut off");
  grpc::ByteBuffer unpacked(plain.data(), plain.size());
  packed.clear();  // before what they are slices of, see held_message
  message.Swap(&unpacked);
  return {};
}

}  // namespace kiln::grpc_plugin
