#include "plugins/stores/filesystem/packs/small_write.hpp"

#include "plugins/stores/filesystem/files/write_error.hpp"

namespace kiln::filesystem {
namespace {

expected<void> check(const engine& with, const digest& blob, const bytes& content) {
  if (with.what != store_role::content) return {};
  if (content.size() != static_cast<std::size_t>(blob.size))
    return fail(errc::invalid_argument, "blob {} came with {} bytes", blob, content.size());
  if (!with.verifies()) return {};
  digest found = digest_of(content.view(), blob.function);
  if (found != blob)
    return fail(errc::invalid_argument, "the bytes of blob {} have the hash {}", blob, found.hex());
  return {};
}

class gathering {
public:
  gathering(engine_ptr with, std::shared_ptr<pack_writer> writer, small_blob what, std::uint64_t limit,
            std::function<void(placed_blob)> then)
      : deps_(std::move(with)),
        writer_(std::move(writer)),
        what_(std::move(what)),
        limit_(limit),
        then_(std::move(then)) {}
  ~gathering() {
    if (then_) report(fail(errc::cancelled, "the upload of blob {} was dropped by its source", what_.blob));
  }

  expected<void> take(byte_chain piece) {
    if (piece.size() > limit_ - pieces_.size()) {
      if (deps_->what == store_role::content)
        return fail(errc::invalid_argument, "blob {} has more bytes than its digest says", what_.blob);
      return fail(errc::resource_exhausted,
                  "the result of {} has more than the {} bytes that are stored here", what_.blob, limit_);
    }
    pieces_.append(std::move(piece));
    return {};
  }

  static void end(const std::shared_ptr<gathering>& self, expected<void> result) {
    if (!result) return self->report(fail(std::move(result).error()));
    auto posted = self->deps_->pool->post([self] {
      auto gathered = caught([&]() -> expected<void> {
        self->what_.content = self->pieces_.flatten();
        return {};
      });
      if (!gathered) return self->report(fail(write_refused(gathered.error())));
      place_all(self->deps_, self->writer_, {self->what_}, [self](std::vector<placed_blob> placed) {
        std::exchange(self->then_, nullptr)(std::move(placed.front()));
      });
    });
    if (!posted) self->report(fail(write_refused(posted.error())));
  }

private:
  void report(failure why) { std::exchange(then_, nullptr)(placed_blob{{}, std::move(why), what_.sequence}); }

  const engine_ptr deps_;
  const std::shared_ptr<pack_writer> writer_;
  small_blob what_;
  const std::uint64_t limit_;
  std::function<void(placed_blob)> then_;
  byte_chain pieces_;
};

}  // namespace

void place_all(const engine_ptr& with, const std::shared_ptr<pack_writer>& writer,
               std::vector<small_blob> blobs, std::function<void(std::vector<placed_blob>)> then) {
  struct share {
    std::vector<placed_blob> placed;
    std::vector<pack_writer::order> orders;
    std::vector<std::size_t> which;  // beside the orders: their places among the placed
  };
  auto mine = std::make_shared<share>();
  auto submitted = caught([&]() -> expected<void> {
    mine->placed.reserve(blobs.size());
    for (auto& one : blobs) {
      auto right = check(*with, one.blob, one.content);
      if (!right) {
        mine->placed.push_back({{}, fail(std::move(right).error()), one.sequence});
        continue;
      }
      mine->which.push_back(mine->placed.size());
      mine->orders.push_back({one.blob, one.content, one.sequence, record_kind::blob});
      mine->placed.push_back({one.content, pack_place{}, one.sequence});
    }
    if (mine->orders.empty()) return {};
    writer->submit(std::move(mine->orders), [mine, then](pack_writer::places places) {
      for (std::size_t i = 0; i < mine->which.size(); ++i)
        mine->placed[mine->which[i]].place = std::move(places[i]);
      then(std::move(mine->placed));
    });
    return {};
  });
  if (submitted && mine->which.empty()) return then(std::move(mine->placed));
  if (submitted) return;
  std::vector<placed_blob> failed;
  for (const auto& one : blobs) failed.push_back({{}, fail(write_refused(submitted.error())), one.sequence});
  then(std::move(failed));
}

void gather_and_place(const engine_ptr& with, const std::shared_ptr<pack_writer>& writer, small_blob what,
                      blob_source_ptr source, std::uint64_t limit, std::function<void(placed_blob)> then) {
  auto mine = std::make_shared<gathering>(with, writer, std::move(what), limit, std::move(then));
  pump(
      std::move(source), [mine](byte_chain piece) { return mine->take(std::move(piece)); },
      [mine](expected<void> result) { gathering::end(mine, std::move(result)); });
}

}  // namespace kiln::filesystem
