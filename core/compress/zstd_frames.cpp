#include "core/compress/zstd_frames.hpp"

#include <zstd.h>

#include <new>

namespace kiln {

struct frame_context_release {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

namespace {

failure no_such_frame(std::string_view why) {
  return fail(errc::invalid_argument, "a frame of zstd is refused: {}", why);
}

}  // namespace

struct zstd_frame_encoder::state {
  const int level;
  std::unique_ptr<ZSTD_CCtx, frame_context_release> context{};
  std::unique_ptr<char[]> scratch{};
  std::size_t room = 0;

  void open() {
    if (context) return;
    context.reset(ZSTD_createCCtx());
    if (!context) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  }
};

zstd_frame_encoder::zstd_frame_encoder(int level) : state_(new state{level}) {}
zstd_frame_encoder::~zstd_frame_encoder() = default;

// Into memory that is used again and again: what is kept then has no room to spare behind it.
expected<bytes> zstd_frame_encoder::encode(const byte_chain& content) {
  state_->open();
  const bytes whole = content.flatten();
  if (const auto most = ZSTD_compressBound(whole.size()); most > state_->room) {
    state_->scratch.reset(new char[most]);
    state_->room = most;
  }
  const auto size =
      ZSTD_compress2(state_->context.get(), state_->scratch.get(), state_->room, whole.data(), whole.size());
  if (ZSTD_isError(size) != 0U)
    return fail(errc::internal, "compressing {} bytes: {}", whole.size(), ZSTD_getErrorName(size));
  return bytes::copy_of({state_->scratch.get(), size});
}

struct zstd_frame_decoder::state {
  std::unique_ptr<ZSTD_DCtx, frame_context_release> context{};
};

zstd_frame_decoder::zstd_frame_decoder() : state_(new state) {}
zstd_frame_decoder::~zstd_frame_decoder() = default;

// A skippable frame says that it has no content, and old formats begin otherwise, so neither passes.
expected<bytes> zstd_frame_decoder::decode(const byte_chain& frame, std::size_t size) {
  const bytes whole = frame.flatten();
  if (whole.size() < 4 || whole.view().substr(0, 4) != std::string_view("\x28\xb5\x2f\xfd", 4))
    return no_such_frame("it is none");
  if (ZSTD_getFrameContentSize(whole.data(), whole.size()) != size)
    return no_such_frame("its content has another size");
  if (ZSTD_findFrameCompressedSize(whole.data(), whole.size()) != whole.size())
    return no_such_frame("it ends elsewhere");
  if (!state_->context) state_->context.reset(ZSTD_createDCtx());
  if (!state_->context) throw std::bad_alloc();
  buffer out(size);
  const auto wrote =
      ZSTD_decompressDCtx(state_->context.get(), out.data(), out.capacity(), whole.data(), whole.size());
  if (ZSTD_isError(wrote) != 0U) return no_such_frame(ZSTD_getErrorName(wrote));
  if (wrote != size) return no_such_frame("its content ends early");
  return out.freeze(size);
}

}  // namespace kiln
