#include "core/store_kit/blob_cutter.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

#include "core/contract/on_response.hpp"

namespace kiln {
namespace {

constexpr std::size_t stored_at_once = 4 << 20;  // bytes

// What came out of a piece, and of the end of the blob with its last one.
using chunks = std::vector<write_blobs::entry>;

class cutter_state {
public:
  cutter_state(blob_cutter_actor::pointer self, const fast_cdc_parameters& parameters, store_actor blobs,
               std::shared_ptr<thread_pool> pool)
      : self_(self),
        chunker_(std::make_shared<chunker>(parameters)),
        blobs_(std::move(blobs)),
        pool_(std::move(pool)) {}

  caf::result<blob_chunks> begin(cut_blob& order) {
    asker_ = make_answer<blob_chunks>(self_);
    blob_ = order.blob;
    until_ = order.until;
    rest_ = std::move(order.content.rest);
    order.content.head.empty() && rest_ ? read() : cut(std::move(order.content.head));
    return *asker_;
  }

private:
  /// `then` for what was found out elsewhere. What failed there, and what it throws, ends the cutting.
  template <class News>
  auto hears(void (cutter_state::*then)(News)) {
    return [this, then](expected<News> news) {
      auto done = caught([&]() -> expected<void> {
        if (!news) return failure(std::move(news).error());
        (this->*then)(std::move(*news));
        return {};
      });
      if (!done) end(failure(std::move(done).error()));
    };
  }
  void came(byte_chain piece) {
    if (piece.empty()) rest_.reset();
    cut(std::move(piece));
  }
  // No chunk is written that is there: neither in the store nor earlier in the blob.
  void was_cut(chunks all) {
    for (auto& chunk : all) {
      parts_.push_back(chunk.blob);
      if (!seen_.insert(chunk.blob).second) continue;
      waiting_bytes_ += chunk.content.size();
      waiting_.push_back(std::move(chunk));
    }
    if (waiting_.empty() || (waiting_bytes_ < stored_at_once && rest_)) return go_on();
    store();
  }
  auto fails() {
    return [this](const caf::error& fault) { end(fail(from_caf(fault))); };
  }

  void read() { rest_->read(come_home<byte_chain>(blob_cutter_actor(self_), hears(&cutter_state::came))); }

  void cut(byte_chain piece) {
    auto work = [cutting = chunker_, function = blob_.function, piece = std::move(piece),
                 last = !rest_]() mutable -> expected<chunks> {
      cutting->feed(std::move(piece));
      if (last) cutting->end();
      chunks all;
      while (auto chunk = cutting->next())
        all.push_back({digest_of(chunk->view(), function), std::move(*chunk)});
      return all;
    };
    offload(blob_cutter_actor(self_), *pool_, std::move(work), hears(&cutter_state::was_cut));
  }

  void store() {
    auto batch = std::exchange(waiting_, {});
    waiting_bytes_ = 0;
    find_missing order{{}, until_};
    for (const auto& chunk : batch) order.blobs.push_back(chunk.blob);
    on_response(
        self_->request(blobs_, caf::infinite, std::move(order)),
        [this, batch = std::move(batch)](const missing_blobs& missing) {
          const std::unordered_set<digest> wanted(missing.blobs.begin(), missing.blobs.end());
          write_blobs fresh{{}, until_};
          // Copied, for each chunk would keep its neighbours' memory too.
          for (const auto& chunk : batch)
            if (wanted.contains(chunk.blob))
              fresh.entries.push_back({chunk.blob, bytes::copy_of(chunk.content.view())});
          fresh.entries.empty() ? go_on() : write(std::move(fresh));
        },
        fails());
  }
  void write(write_blobs fresh) {
    on_response(
        self_->request(blobs_, caf::infinite, std::move(fresh)),
        [this](const receipts& kept) {
          for (const auto& one : kept.results)
            if (!one) return end(failure(one.error()));
          go_on();
        },
        fails());
  }

  void go_on() {
    if (rest_) return read();
    std::int64_t size = 0;
    for (const auto& part : parts_) size += part.size;
    if (size != blob_.size) return end(fail(errc::data_loss, "{} bytes were read of blob {}", size, blob_));
    end(blob_chunks{std::move(parts_)});
  }
  void end(expected<blob_chunks> outcome) {
    if (rest_ && !outcome) rest_->cancel(outcome.error());
    asker_->deliver(std::move(outcome));
    self_->quit();
  }

  blob_cutter_actor::pointer self_;
  const std::shared_ptr<chunker> chunker_;
  const store_actor blobs_;
  const std::shared_ptr<thread_pool> pool_;
  std::optional<answer<blob_chunks>> asker_;
  digest blob_;
  steady_time until_ = waits_for_ever;
  blob_source_ptr rest_;
  std::vector<digest> parts_;
  std::unordered_set<digest> seen_;
  chunks waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace

blob_cutter_actor spawn_blob_cutter(caf::actor_system& system, const fast_cdc_parameters& parameters,
                                    store_actor blobs, std::shared_ptr<thread_pool> pool) {
  using pointer = blob_cutter_actor::stateful_pointer<std::unique_ptr<cutter_state>>;
  return system.spawn([=](pointer self) -> blob_cutter_actor::behavior_type {
    self->state = std::make_unique<cutter_state>(self, parameters, blobs, pool);
    auto* state = self->state.get();
    return {
        [state](cut_blob& order) { return guarded<blob_chunks>([&] { return state->begin(order); }); },
        resuming(),
    };
  });
}

}  // namespace kiln
