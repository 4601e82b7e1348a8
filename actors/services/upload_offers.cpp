#include "actors/services/upload_offers.hpp"

#include <algorithm>
#include <atomic>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/contract/hear.hpp"

namespace kiln {
namespace {

// What a store refuses before it has read a byte can be offered again.
class offered_source final : public blob_source {
public:
  explicit offered_source(blob_source_ptr source) : source_(std::move(source)) {}

  void read(next then) override {
    touched_ = true;
    source_->read(std::move(then));
  }
  void cancel(const error& why) noexcept override {
    if (touched_) source_->cancel(why);
  }
  bool touched() const noexcept { return touched_; }

private:
  const blob_source_ptr source_;
  std::atomic<bool> touched_{false};
};

}  // namespace

upload_offers::upload_offers(byte_stream_actor::pointer self, store_actor blobs, upload_table& uploads)
    : self_(self), blobs_(std::move(blobs)), uploads_(uploads) {
  hear(
      self_->request(blobs_, caf::infinite, measure_store{}),
      [this](const store_figures& figures) {
        capacity_ = figures.capacity;
        // Parked uploads have half: the rest is for what comes otherwise, and can give back nothing.
        if (capacity_ > 0) uploads_.set_capacity(capacity_);
      },
      [](const caf::error&) {});  // a store without figures
}

expected<void> upload_offers::check_share(const std::string& client, const digest& blob) {
  const auto share = capacity_ / 2;
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (size > capacity_) return {};  // the store says so, and promises nothing
  auto beyond = [&] {
    const auto held = uploads_.sizes_of(client);
    if (share == 0 || held == 0 || (held <= share && size <= share - held)) return std::uint64_t{0};
    return std::min(held, held + size - share);
  };
  if (auto more = beyond(); more > 0) uploads_.give_back(more, &client);
  if (beyond() == 0) return {};
  return fail(
      busy(fmt::format("client {} has uploads of {} bytes under way; with {} it would have more than "
                       "its share of {} bytes",
                       client, uploads_.sizes_of(client), blob, share)));
}

void upload_offers::offer(std::uint64_t number, const digest& blob, blob_source_ptr source, outcome then) {
  ask(std::make_shared<offered>(offered{number, blob, std::move(source), std::move(then)}));
}

void upload_offers::ask(const offered_ptr& what) {
  uploads_.set_offered(what->number, true);
  auto source = std::make_shared<offered_source>(what->source);
  hear(
      self_->request(blobs_, caf::infinite, write_blob{what->blob, source}),
      [this, what](const receipt& kept) { end(what, kept); },
      [this, what, source](const caf::error& fault) {
        auto why = from_caf(fault);
        if (!source->touched()) {
          if (why.code() == errc::resource_exhausted && wait_for_others(what)) return;
          what->source->cancel(why);
        }
        end(what, fail(std::move(why)));
      });
}

bool upload_offers::wait_for_others(const offered_ptr& what) {
  uploads_.set_offered(what->number, false);
  const auto size = static_cast<std::uint64_t>(what->blob.size);
  if (capacity_ > 0 && size > capacity_) return false;
  // One at a time, for how much is short only the store knows.
  for (auto number : uploads_.give_back(1)) what->waits_for.insert(number);
  if (what->waits_for.empty()) return false;
  waiting_.push_back(what);
  return true;
}

void upload_offers::end(const offered_ptr& what, expected<receipt> how) {
  if (auto then = std::exchange(what->then, nullptr)) then(std::move(how));
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    auto waits = one;
    ++one;
    (*waits)->waits_for.erase(what->number);
    if (!(*waits)->waits_for.empty()) continue;
    auto next = *waits;
    waiting_.erase(waits);
    ask(next);
  }
}

}  // namespace kiln
