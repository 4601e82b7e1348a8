#include "actors/worker/outputs/output_uploader.hpp"

#include <utility>
#include <vector>

#include "actors/worker/inputs/batch_size.hpp"
#include "actors/worker/outputs/output_source.hpp"
#include "core/wire/too_large.hpp"

namespace kiln {
namespace {

constexpr std::size_t uploads_at_once = 8;

class uploading : public std::enable_shared_from_this<uploading> {
public:
  uploading(action_self* self, worker_resources_ptr resources, blob_table blobs,
            std::shared_ptr<const std::atomic<bool>> stop, std::function<void(expected<void>)> then)
      : self_(self),
        shop_(std::move(resources)),
        blobs_(std::move(blobs)),
        stop_(std::move(stop)),
        then_(std::move(then)) {}

  void begin() {
    if (blobs_.empty()) return end({});
    find_missing order;
    for (const auto& [blob, origin] : blobs_) order.blobs.push_back(blob);
    self_->request(shop_->cas, caf::infinite, std::move(order))
        .then(
            [me = shared_from_this()](missing_blobs& found) {
              me->missing_ = std::move(found.blobs);
              me->write_more();
            },
            [me = shared_from_this()](const caf::error& fault) {
              me->end(with_context(from_caf(fault), "asking which outputs are missing"));
            });
  }

private:
  void write_more() {
    while (then_ && !missing_.empty() && running_ < uploads_at_once) {
      auto found = blobs_.find(missing_.back());
      if (found == blobs_.end())
        return end(fail(errc::internal, "a store misses a blob it was not asked for"));
      if (found->second.open)
        write_stream(found->first, std::move(found->second));
      else
        write_batch();
    }
    if (missing_.empty() && running_ == 0) end({});
  }

  void write_stream(const digest& blob, blob_origin origin) {
    missing_.pop_back();
    ++running_;
    auto source = make_file_source(*shop_->env.files, std::move(origin.open), blob.size, shop_->pool, stop_);
    self_->request(shop_->cas, caf::infinite, write_blob{blob, std::move(source)})
        .then([me = shared_from_this()](const receipt&) { me->written({}); },
              [me = shared_from_this(), blob, path = std::move(origin.path)](const caf::error& fault) {
                me->refused(blob, path, from_caf(fault));
              });
  }

  /// Small ones from the end of what is missing, until the batch is full or a large one stands there.
  void write_batch() {
    write_blobs order;
    std::vector<std::string> paths;
    for (std::int64_t size = 0; !missing_.empty() && order.entries.size() < batch_blobs;) {
      auto found = blobs_.find(missing_.back());
      if (found == blobs_.end() || found->second.open) break;
      size += found->first.size;
      if (size > batch_bytes && !order.entries.empty()) break;
      order.entries.push_back({found->first, std::move(found->second.content)});
      paths.push_back(std::move(found->second.path));
      missing_.pop_back();
    }
    ++running_;
    std::vector<digest> blobs;
    for (const auto& entry : order.entries) blobs.push_back(entry.blob);
    self_->request(shop_->cas, caf::infinite, std::move(order))
        .then(
            [me = shared_from_this(), blobs = std::move(blobs),
             paths = std::move(paths)](const receipts& answered) {
              const auto& all = answered.results;
              for (std::size_t i = 0; i < all.size() && i < blobs.size(); ++i)
                if (!all[i]) return me->refused(blobs[i], paths[i], all[i].error());
              me->written({});
            },
            [me = shared_from_this()](const caf::error& fault) { me->written(failure(from_caf(fault))); });
  }

  /// A cache that is only full may have room when another worker tries.
  void refused(const digest& blob, const std::string& path, const error& why) {
    const auto size = static_cast<std::uint64_t>(blob.size);
    auto most = max_taken(why);
    if (!most) return written(with_context(why, "output \"{}\"", path));
    if (*most < size) shop_->room->cache_holds(*most);
    written(failure(refused_as_too_large(path, size, *most)));
  }

  void written(expected<void> how) {
    --running_;
    if (!how) return end(with_context(how.error(), "uploading outputs"));
    write_more();
  }

  void end(expected<void> result) {
    if (auto then = std::exchange(then_, nullptr)) then(std::move(result));
  }

  action_self* const self_;
  const worker_resources_ptr shop_;
  blob_table blobs_;
  const std::shared_ptr<const std::atomic<bool>> stop_;
  std::vector<digest> missing_;
  std::size_t running_ = 0;
  std::function<void(expected<void>)> then_;
};

}  // namespace

void upload_outputs(action_self* self, const worker_resources_ptr& resources, blob_table blobs,
                    std::shared_ptr<const std::atomic<bool>> stop, std::function<void(expected<void>)> then) {
  std::make_shared<uploading>(self, resources, std::move(blobs), std::move(stop), std::move(then))->begin();
}

}  // namespace kiln
