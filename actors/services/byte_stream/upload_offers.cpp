#include "actors/services/byte_stream/upload_offers.hpp"

#include <algorithm>
#include <atomic>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/contract/on_response.hpp"

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
  on_response(
      self_->request(blobs_, caf::infinite, measure_store{}),
      [this](const store_stats& stats) {
        capacity_ = stats.capacity;
        // Parked uploads have half: the rest is for what comes otherwise, and can give back nothing.
        if (capacity_ > 0) uploads_.set_capacity(capacity_);
      },
      [](const caf::error&) {});  // a store without stats
}

// What could never fit is the store's to refuse: it is promised no room.
std::uint64_t upload_offers::counted(const digest& blob) const {
  const auto size = static_cast<std::uint64_t>(blob.size);
  return capacity_ > 0 && size > capacity_ ? 0 : size;
}

bool upload_offers::has_share(const std::string& client, std::uint64_t size) const {
  auto found = held_.find(client);
  const auto held = found == held_.end() ? 0 : found->second;
  const auto share = capacity_ / 2;
  return capacity_ == 0 || size == 0 || held == 0 || (held <= share && size <= share - held);
}

void upload_offers::offer(std::uint64_t number, const std::string& client, write_blob order, outcome then) {
  auto what =
      std::make_shared<offered>(offered{number, client, counted(order.blob), order.blob,
                                        std::move(order.source), std::move(order.sent), std::move(then)});
  if (has_share(client, what->size) && queued_of_.count(client) == 0) return admit(what);
  queued_.push_back(what);
  ++queued_of_[client];
  uploads_.give_back(what->size, &client);
}

void upload_offers::admit(const offered_ptr& what) {
  if (what->size > 0) held_[what->client] += what->size;
  ask(what);
}

// In the order of asking, each client's by itself.
void upload_offers::admit_queued() {
  std::unordered_set<std::string> full;
  for (auto one = queued_.begin(); one != queued_.end();) {
    auto next = one++;
    auto what = *next;
    if (full.contains(what->client)) continue;
    if (!has_share(what->client, what->size)) {
      full.insert(what->client);
      continue;
    }
    queued_.erase(next);
    if (--queued_of_[what->client] == 0) queued_of_.erase(what->client);
    admit(what);
  }
}

// Once, and what never fitted holds nothing: its client may have no entry.
void upload_offers::give_share_back(offered& what) {
  const auto size = std::exchange(what.size, 0);
  if (size == 0) return;
  auto mine = held_.find(what.client);
  mine->second -= size;
  if (mine->second == 0) held_.erase(mine);
}

// The store waits as long as the upload goes on, which may outlive the call that began it.
void upload_offers::ask(const offered_ptr& what) {
  uploads_.set_offered(what->number, true);
  auto source = std::make_shared<offered_source>(what->source);
  on_response(
      self_->request(blobs_, caf::infinite, write_blob{what->blob, source, {}, waits_for_ever, what->sent}),
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
  give_share_back(*what);
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
  admit_queued();
}

}  // namespace kiln
