#include "actors/services/remote_asset/web_spool.hpp"

#include <fcntl.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace kiln {
namespace {

constexpr std::uint64_t piece = 1 << 20;

}  // namespace

expected<std::shared_ptr<web_spool>> web_spool::open(disk& on, const std::string& folder) {
  auto opened = on.open_folder(folder);
  // Whatever is wrong with it is ours; a client that heard NOT_FOUND would believe it of the asset.
  if (!opened) return fail(errc::internal, "{}", opened.error().in_words("opening " + folder).message());
  auto file = on.open(*opened, ".", O_TMPFILE | O_RDWR, 0600);
  if (!file) return fail(file.error().in_words("making a temporary file in " + folder));
  return std::shared_ptr<web_spool>(new web_spool(on, std::move(*file)));
}

expected<void> web_spool::append(std::string_view content) {
  if (auto written = write_all(on_, file_, content, size_); !written)
    return fail(written.error().in_words("writing a temporary file"));
  size_ += content.size();
  return {};
}

expected<void> web_spool::clear() {
  if (auto cleared = on_.resize(file_, 0); !cleared)
    return fail(cleared.error().in_words("clearing a temporary file"));
  size_ = 0;
  return {};
}

blob_source_ptr source_of(std::shared_ptr<const web_spool> from, std::shared_ptr<thread_pool> pool) {
  class spool_source final : public blob_source, public std::enable_shared_from_this<spool_source> {
  public:
    spool_source(std::shared_ptr<const web_spool> from, std::shared_ptr<thread_pool> pool)
        : from_(std::move(from)), pool_(std::move(pool)) {}

    void read(next then) override {
      auto work = [self = shared_from_this(), then] { then(self->take()); };
      if (auto posted = pool_->post(work); !posted) then(failure(posted.error()));
    }

  private:
    expected<byte_chain> take() {
      try {
        auto wanted = static_cast<std::size_t>(std::min(from_->size_ - offset_, piece));
        if (wanted == 0) return byte_chain();
        buffer room(wanted);
        auto count = read_all(from_->on_, from_->file_, {room.data(), wanted}, offset_);
        if (!count) return fail(count.error().in_words("reading a temporary file"));
        if (*count != wanted) return fail(errc::data_loss, "a temporary file became shorter");
        offset_ += wanted;
        return byte_chain(room.freeze(wanted));
      } catch (const std::exception& fault) {
        return fail(errc::internal, "reading a temporary file: {}", fault.what());
      }
    }

    const std::shared_ptr<const web_spool> from_;
    const std::shared_ptr<thread_pool> pool_;
    std::uint64_t offset_ = 0;
  };
  return std::make_shared<spool_source>(std::move(from), std::move(pool));
}

}  // namespace kiln
