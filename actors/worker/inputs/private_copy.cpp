#include "actors/worker/inputs/private_copy.hpp"

#include <fcntl.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

#include "actors/worker/fault_owners.hpp"
#include "core/digest/hasher.hpp"

namespace kiln {
namespace {

failure copy_fault(const disk_error& why, const std::string& doing) {
  return failure(fault_of(purpose::own_folder, why.number, doing));
}

/// A file of the blobs' folder; whoever drops it has it removed.
class owned_file {
public:
  owned_file(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> pool, std::string name)
      : root_(std::move(root)), pool_(std::move(pool)), name_(std::move(name)) {}
  ~owned_file() {
    auto unlink = [root = root_, name = name_] { (void)root->on().remove(root->blobs(), name.c_str()); };
    // What the thread pool cannot take stays until the folder is wiped at the next start.
    (void)pool_->post(unlink);
  }
  const std::string& name() const noexcept { return name_; }

private:
  std::shared_ptr<work_root> root_;
  std::shared_ptr<thread_pool> pool_;
  std::string name_;
};

/// A copy that is being written. One thread at a time.
class copying {
public:
  static expected<std::unique_ptr<copying>> begin(std::shared_ptr<work_root> root,
                                                  std::shared_ptr<thread_pool> pool,
                                                  const wanted_input& which) {
    const auto& blob = which.blob;
    static std::atomic<std::uint64_t> next{0};
    auto name = blob.hex() + "-" + std::to_string(next++);
    auto& on = root->on();
    auto file = on.open(root->blobs(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!file) return copy_fault(file.error(), "making a file for input " + blob.to_string());
    auto path = root->blobs_path() + "/" + name;
    auto owned = std::make_shared<owned_file>(std::move(root), std::move(pool), std::move(name));
    return std::unique_ptr<copying>(
        new copying(on, which, std::move(path), std::move(*file), std::move(owned)));
  }

  expected<void> add(std::string_view piece) {
    if (seen_.size() + static_cast<std::int64_t>(piece.size()) > blob_.size)
      return fail(errc::data_loss, "input {} came with more bytes than it has", blob_);
    const auto offset = static_cast<std::uint64_t>(seen_.size());
    seen_.update(piece);
    if (auto written = write_all(on_, file_, piece, offset); !written)
      return copy_fault(written.error(), "writing input " + blob_.to_string());
    return {};
  }

  expected<lent_input_ptr> finish() {
    if (auto real = seen_.finish(); real != blob_)
      return fail(errc::data_loss, "input {} came with the bytes of {}", blob_, real);
    return publish();
  }

  /// Instead of adding pieces.
  expected<lent_input_ptr> clone(const std::string& lent_path) {
    auto lent = on_.open(descriptor(), lent_path.c_str(), O_RDONLY);
    if (!lent && lent.error().number == ENOENT)
      return failure(
          owned_by(fault_owner::elsewhere,
                   {errc::unavailable, fmt::format("input {} is gone from the cache that lent it", blob_)}));
    if (!lent) return copy_fault(lent.error(), "opening the lent file " + lent_path);
    const std::atomic<bool> never{false};
    if (auto copied = copy_content(on_, *lent, file_, never); !copied)
      return failure(std::move(copied).error());
    return publish();
  }

private:
  expected<lent_input_ptr> publish() {
    // It was ours alone until here: this is the one moment at which its mode may be set.
    auto done = on_.set_mode(file_, mode_);
    auto facts = done ? on_.facts(file_) : tl::unexpected(done.error());
    if (!facts) return copy_fault(facts.error(), "publishing input " + blob_.to_string());
    return std::make_shared<const lent_input>(
        lent_input{blob_, path_, mark_of(*facts), owned_, std::make_shared<lent_input::sharing>()});
  }

  copying(disk& on, const wanted_input& which, std::string path, descriptor file,
          std::shared_ptr<owned_file> owned)
      : on_(on),
        blob_(which.blob),
        mode_(which.executable ? 0555 : 0444),
        path_(std::move(path)),
        file_(std::move(file)),
        owned_(std::move(owned)),
        seen_(blob_.function) {}

  disk& on_;
  const digest blob_;
  const unsigned mode_;
  std::string path_;
  descriptor file_;
  std::shared_ptr<owned_file> owned_;
  hasher seen_;
};

/// Reads a piece, has it written, reads the next.
class receiving : public std::enable_shared_from_this<receiving> {
public:
  using done_fn = std::function<void(expected<lent_input_ptr>)>;
  receiving(std::unique_ptr<copying> into, std::shared_ptr<thread_pool> pool, blob_source_ptr from,
            done_fn done)
      : into_(std::move(into)), pool_(std::move(pool)), from_(std::move(from)), done_(std::move(done)) {}
  ~receiving() {
    if (done_) done_(fail(errc::unavailable, "an input stopped coming"));
  }

  void next() {
    auto source = from_;  // it outlives its own `read`, even if the end comes meanwhile
    source->read([self = shared_from_this()](expected<byte_chain> piece) {
      auto work = [self, piece = std::move(piece)] { self->take(piece); };
      if (auto posted = self->pool_->post(work); !posted) self->end(failure(posted.error()));
    });
  }

private:
  void take(const expected<byte_chain>& piece) {
    if (!piece) return end(failure(piece.error()));
    if (piece->empty()) return end(into_->finish());
    for (const auto& part : piece->pieces())
      if (auto added = into_->add(part.view()); !added) {
        from_->cancel(added.error());
        return end(failure(std::move(added).error()));
      }
    next();
  }
  void end(expected<lent_input_ptr> result) {
    from_.reset();
    if (auto done = std::exchange(done_, nullptr)) done(std::move(result));
  }

  std::unique_ptr<copying> into_;
  std::shared_ptr<thread_pool> pool_;
  blob_source_ptr from_;
  done_fn done_;
};

}  // namespace

expected<lent_input_ptr> make_private_copy(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> pool,
                                           const wanted_input& which, const bytes& content) {
  auto file = copying::begin(std::move(root), std::move(pool), which);
  if (!file) return failure(std::move(file).error());
  if (auto added = (*file)->add(content.view()); !added) return failure(std::move(added).error());
  return (*file)->finish();
}

void make_private_copy(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> pool,
                       const wanted_input& which, blob_source_ptr content,
                       std::function<void(expected<lent_input_ptr>)> done) {
  auto shared_done = std::make_shared<decltype(done)>(std::move(done));
  auto begin = [root = std::move(root), pool, which, content = std::move(content), shared_done] {
    auto file = copying::begin(root, pool, which);
    if (!file) return (*shared_done)(failure(std::move(file).error()));
    std::make_shared<receiving>(std::move(*file), pool, content, *shared_done)->next();
  };
  if (auto posted = pool->post(begin); !posted) (*shared_done)(failure(std::move(posted).error()));
}

expected<lent_input_ptr> make_private_copy(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> pool,
                                           const wanted_input& which, const std::string& lent_path) {
  auto file = copying::begin(std::move(root), std::move(pool), which);
  if (!file) return failure(std::move(file).error());
  return (*file)->clone(lent_path);
}

}  // namespace kiln
