#include "plugins/stores/chunked/proven_source.hpp"

#include <atomic>
#include <utility>

#include "core/contract/checked_source.hpp"

namespace kiln::chunked {
namespace {

// Tells of how a source ends: the error is ok where all of it was read.
class heard_source final : public blob_source {
public:
  using hearer = std::function<void(const error&)>;
  heard_source(blob_source_ptr source, hearer hear) : source_(std::move(source)), hear_(std::move(hear)) {}

  void read(next then) override {
    source_->read([hear = hear_, then = std::move(then)](expected<byte_chain> piece) {
      if (!piece || piece->empty()) hear(piece ? error() : piece.error());
      then(std::move(piece));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  const blob_source_ptr source_;
  const hearer hear_;
};

}  // namespace

blob_source_ptr proven_source(caf::actor_system& system, const store_actor& inner, const digest& blob,
                              const composition& whole, order_deadline until,
                              std::shared_ptr<thread_pool> hashing, proof_heard heard, read_ahead ahead) {
  auto unreadable = std::make_shared<std::atomic<bool>>(false);
  auto parts =
      std::make_shared<heard_source>(join_reads(system, inner, reads_of(whole, until), std::move(ahead)),
                                     [unreadable](const error& fault) { *unreadable = !fault.ok(); });
  auto hashed = checked(std::move(parts), blob, std::move(hashing), errc::data_loss);
  return std::make_shared<heard_source>(std::move(hashed),
                                        [unreadable, heard = std::move(heard)](const error& fault) {
                                          if (fault.ok()) return heard.right();
                                          if (!*unreadable && fault.code() == errc::data_loss) heard.wrong();
                                        });
}

}  // namespace kiln::chunked
