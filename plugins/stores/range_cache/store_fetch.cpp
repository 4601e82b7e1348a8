#include "plugins/stores/range_cache/store_fetch.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/contract/on_response.hpp"
#include "core/contract/resume.hpp"

namespace kiln::range_cache {
namespace {

// One read of the store below, pulled as fast as it comes: its chunk has room for all of it. Confined to the
// actor. Kept by what it waits for; its owner holds a `leash`.
class store_fetch : public std::enable_shared_from_this<store_fetch> {
public:
  store_fetch(resumable_store::pointer self, fetch_events events) : self_(self), events_(std::move(events)) {}

  void begin(const store_actor& inner, const read_blob& order) {
    auto mine = shared_from_this();
    on_response(
        self_->request(inner, caf::infinite, order), [mine](blob_content& content) { mine->opened(content); },
        [mine](const caf::error& fault) { mine->end(failure(from_caf(fault))); });
  }
  void give_up() noexcept {
    is_over_ = true;
    if (auto rest = std::exchange(rest_, nullptr))
      rest->cancel({errc::cancelled, "nobody wants the rest of the chunk any more"});
  }

private:
  void opened(blob_content& content) {
    if (is_over_) {
      if (content.rest) content.rest->cancel({errc::cancelled, "nobody wants the chunk any more"});
      return;
    }
    rest_ = std::move(content.rest);
    if (!content.head.empty()) events_.arrived(content.head);
    go_on();
  }
  void go_on() {
    if (is_over_) return;
    if (!rest_) return end({});
    rest_->read(come_home<byte_chain>(
        resumable_store(self_),
        [mine = shared_from_this()](const expected<byte_chain>& piece) { mine->take(piece); }));
  }
  void take(const expected<byte_chain>& piece) {
    if (is_over_) return;
    if (!piece) return end(failure(piece.error()));
    if (piece->empty()) return end({});
    events_.arrived(*piece);
    go_on();
  }
  void end(const expected<void>& how) {
    if (!std::exchange(is_over_, true)) events_.ended(how);
  }

  const resumable_store::pointer self_;
  const fetch_events events_;
  blob_source_ptr rest_;
  bool is_over_ = false;
};

struct leash {
  explicit leash(std::shared_ptr<store_fetch> on_) : on(std::move(on_)) {}
  ~leash() { on->give_up(); }
  leash(const leash&) = delete;
  leash& operator=(const leash&) = delete;
  const std::shared_ptr<store_fetch> on;
};

}  // namespace

origin origin_in(resumable_store::pointer self, store_actor inner, const digest& blob) {
  return [=, inner = std::move(inner)](std::uint64_t offset, std::uint64_t size, order_deadline until,
                                       fetch_events events) -> fetch {
    auto one = std::make_shared<store_fetch>(self, std::move(events));
    one->begin(inner, {blob, offset, size, until});
    return std::make_shared<leash>(std::move(one));
  };
}

}  // namespace kiln::range_cache
