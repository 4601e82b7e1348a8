#include "core/compress/zstd.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>

namespace kiln {

struct zstd_release {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

namespace {

using decoding = std::unique_ptr<ZSTD_DCtx, zstd_release>;
using encoding = std::unique_ptr<ZSTD_CCtx, zstd_release>;

constexpr std::size_t magic_size = 4;
constexpr std::size_t longest_header = 18;  // RFC 8878, 3.1.1.1

failure refused(std::string_view why) {
  return fail(errc::invalid_argument, "the zstd data is refused: {}", why);
}

expected<void> check_magic(const char* head) {
  std::uint32_t magic = 0;
  for (std::size_t i = 0; i < magic_size; ++i)
    magic |= static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])) << (8 * i);
  if (magic == ZSTD_MAGICNUMBER) return {};
  if ((magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START)
    return refused("a frame of it carries no content");
  return refused("what stands where a frame should begin is none");
}

encoding make_encoding(int level) {
  encoding context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  return context;
}

}  // namespace

struct zstd_decoder::state {
  explicit state(std::uint64_t size_) : context(ZSTD_createDCtx()), size(size_) {
    if (!context) throw std::bad_alloc();
  }

  expected<void> take_header(std::string_view& from);
  expected<void> begin_frame();
  expected<std::size_t> step(std::string_view& from, char* into, std::size_t room);

  decoding context;
  const std::uint64_t size;
  std::uint64_t written = 0;
  // The header of a frame is looked at before zstd sees it: zstd would skip frames and take old formats.
  std::array<char, longest_header> head{};
  std::size_t head_size = 0;
  bool in_frame = false;
  bool more = false;  // the output was full, so zstd may still hold some
};

zstd_decoder::zstd_decoder(std::uint64_t size, unsigned window_log) : state_(std::make_unique<state>(size)) {
  [[maybe_unused]] auto set =
      ZSTD_DCtx_setParameter(state_->context.get(), ZSTD_d_windowLogMax, static_cast<int>(window_log));
  assert(!ZSTD_isError(set));
}
zstd_decoder::~zstd_decoder() = default;
zstd_decoder::zstd_decoder(zstd_decoder&&) noexcept = default;
zstd_decoder& zstd_decoder::operator=(zstd_decoder&&) noexcept = default;

// A byte at a time, for nothing but zstd itself knows how long the header is.
expected<void> zstd_decoder::state::take_header(std::string_view& from) {
  while (!in_frame && !from.empty()) {
    head[head_size++] = from.front();
    from.remove_prefix(1);
    if (head_size == magic_size)
      if (auto fine = check_magic(head.data()); !fine) return fine;
    if (head_size <= magic_size) continue;
    auto declared = ZSTD_getFrameContentSize(head.data(), head_size);
    // An error is a header that is not whole yet, or that zstd will refuse when it sees it.
    if (declared == ZSTD_CONTENTSIZE_ERROR && head_size < longest_header) continue;
    if (declared < ZSTD_CONTENTSIZE_ERROR && declared > size - written)
      return fail(errc::invalid_argument,
                  "the zstd data is refused: a frame declares {} bytes where {} are to come", declared,
                  size - written);
    if (auto begun = begin_frame(); !begun) return begun;
  }
  return {};
}

expected<void> zstd_decoder::state::begin_frame() {
  in_frame = true;
  std::string_view header(head.data(), std::exchange(head_size, 0));
  char nothing = 0;
  auto taken = step(header, &nothing, 0);
  more = false;
  return taken.map([](std::size_t) {});
}

expected<std::size_t> zstd_decoder::state::step(std::string_view& from, char* into, std::size_t room) {
  ZSTD_inBuffer in{from.data(), from.size(), 0};
  ZSTD_outBuffer out{into, room, 0};
  auto hint = ZSTD_decompressStream(context.get(), &out, &in);
  if (ZSTD_isError(hint)) return refused(ZSTD_getErrorName(hint));
  from.remove_prefix(in.pos);
  more = out.pos == out.size;
  if (hint == 0) in_frame = more = false;
  return out.pos;
}

expected<std::size_t> zstd_decoder::decode(std::string_view& from, char* into, std::size_t room) {
  std::size_t total = 0;
  while (total < room) {
    if (!state_->in_frame)
      if (auto fine = state_->take_header(from); !fine) return failure(fine.error());
    if (!state_->in_frame || (from.empty() && !state_->more)) break;
    auto allowed = std::min<std::uint64_t>(room - total, remaining());
    char excess = 0;
    auto wrote = allowed > 0 ? state_->step(from, into + total, allowed) : state_->step(from, &excess, 1);
    if (!wrote) return wrote;
    if (allowed == 0 && *wrote > 0)
      return fail(errc::invalid_argument, "the zstd data is refused: it holds more than {} bytes",
                  state_->size);
    total += *wrote;
    state_->written += *wrote;
  }
  return total;
}

expected<void> zstd_decoder::end() const {
  if (state_->in_frame || state_->head_size > 0) return refused("it ends within a frame");
  if (remaining() > 0)
    return fail(errc::invalid_argument, "the zstd data holds {} bytes of {}", state_->written, state_->size);
  return {};
}

std::uint64_t zstd_decoder::remaining() const noexcept {
  return state_->size - state_->written;
}

std::size_t zstd_decoder::memory() const noexcept {
  return ZSTD_sizeof_DCtx(state_->context.get());
}

struct zstd_encoder::state {
  encoding context;
  std::uint64_t left;
  bool done = false;
};

zstd_encoder::zstd_encoder(std::uint64_t size, int level)
    : state_(std::make_unique<state>(state{make_encoding(level), size})) {
  ZSTD_CCtx_setPledgedSrcSize(state_->context.get(), size);
}
zstd_encoder::~zstd_encoder() = default;
zstd_encoder::zstd_encoder(zstd_encoder&&) noexcept = default;
zstd_encoder& zstd_encoder::operator=(zstd_encoder&&) noexcept = default;

expected<std::size_t> zstd_encoder::encode(std::string_view& from, bool last, char* into, std::size_t room) {
  // Checked here, since zstd believes what comes at once more than what was announced.
  if (from.size() > state_->left || (last && from.size() < state_->left))
    return fail(errc::internal, "{} bytes came to be compressed where {} were to come", from.size(),
                state_->left);
  ZSTD_inBuffer in{from.data(), from.size(), 0};
  ZSTD_outBuffer out{into, room, 0};
  auto left = ZSTD_compressStream2(state_->context.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
  if (ZSTD_isError(left)) return fail(errc::internal, "compressing with zstd: {}", ZSTD_getErrorName(left));
  from.remove_prefix(in.pos);
  state_->left -= in.pos;
  state_->done = last && left == 0;
  return out.pos;
}

bool zstd_encoder::done() const noexcept {
  return state_->done;
}

std::size_t zstd_encoder::memory() const noexcept {
  return ZSTD_sizeof_CCtx(state_->context.get());
}

expected<bytes> zstd_decode(std::string_view from, std::uint64_t size, unsigned window_log) {
  zstd_decoder decoder(size, window_log);
  buffer whole(size + 1);  // so that the decoder sees the end of the last frame, too
  auto wrote = decoder.decode(from, whole.data(), whole.capacity());
  if (!wrote) return failure(wrote.error());
  if (auto ended = decoder.end(); !ended) return failure(ended.error());
  return whole.freeze(*wrote);
}

expected<bytes> zstd_encode(std::string_view from, int level, std::size_t limit) {
  auto context = make_encoding(level);
  buffer frame(limit);
  auto size = ZSTD_compress2(context.get(), frame.data(), frame.capacity(), from.data(), from.size());
  if (ZSTD_isError(size))
    return fail(errc::resource_exhausted, "compressing {} bytes into {}: {}", from.size(), limit,
                ZSTD_getErrorName(size));
  return frame.freeze(size);
}

}  // namespace kiln
