#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "plugins/stores/filesystem/store.hpp"

namespace kiln::filesystem {
namespace {

// Dropped on any thread: the store hears of it by message, and if there is no store any more, nobody needs
// to.
class hold {
public:
  hold(caf::weak_actor_ptr store, pins held) : store_(std::move(store)), held_(std::move(held)) {}
  ~hold() {
    if (auto store = caf::actor_cast<inner_actor>(store_.lock()))
      caf::anon_send(store, hold_dropped{std::move(held_)});
  }
  hold(const hold&) = delete;
  hold& operator=(const hold&) = delete;

private:
  caf::weak_actor_ptr store_;
  pins held_;
};

}  // namespace

std::shared_ptr<const void> store::hold_of(pins held) {
  return std::make_shared<hold>(caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<inner_actor>(this)),
                                std::move(held));
}

caf::result<leased> store::lease(lease_blobs order) {
  auto reply = make_answer<leased>(this);
  auto grant = [this, blobs = order.blobs, reply]() mutable {
    leased result;
    pins held;
    for (const auto& blob : blobs) {
      if (auto there = index_.find(blob)) {
        index_.use(*there);
        held.emplace_back(blob, index_.pin(*there));
      } else if (with_->what != holds::content || !is_empty_blob(blob)) {
        result.missing.push_back(blob);
      }
    }
    result.hold = hold_of(std::move(held));
    reply.deliver(std::move(result));
  };
  std::vector<digest> unknown;
  if (scanning_)
    for (const auto& blob : order.blobs)
      if (!index_.find(blob)) unknown.push_back(blob);
  if (unknown.empty())
    grant();
  else
    look_on_disk(std::move(unknown), std::move(grant));
  return reply;
}

caf::result<lent_file> store::lend(lend_file order) {
  if (with_->what != holds::content)
    return to_caf(
        {errc::unimplemented, fmt::format("store {} holds results and lends no files", with_->name)});
  if (is_empty_blob(order.blob)) return lent_file{with_->folder->path_of_empty(), hold_of({})};
  auto reply = make_answer<lent_file>(this);
  if (auto there = index_.find(order.blob)) {
    lend_known(*there, reply);
  } else if (scanning_) {
    look_on_disk({order.blob}, [this, order, reply]() mutable {
      if (auto found = index_.find(order.blob))
        lend_known(*found, reply);
      else
        reply.deliver(fail(errc::not_found, "no blob {} in store {}", order.blob, with_->name));
    });
  } else {
    reply.deliver(fail(errc::not_found, "no blob {} in store {}", order.blob, with_->name));
  }
  return reply;
}

// It is pinned first, and then looked at: what is lent is there, and has been proved once.
void store::lend_known(blob_index::slot& which, answer<lent_file> reply) {
  index_.use(which);
  const digest blob = which.first;
  const std::uint64_t serial = index_.pin(which);
  std::shared_ptr<const void> held = hold_of({{blob, serial}});
  auto look = [with = with_, blob, proved = which.second.verified]() -> expected<file_stamp> {
    auto opened = open_blob(*with, blob);
    if (!opened) return fail(std::move(opened).error());
    if (with->verifies() && opened->stamp != proved)
      if (auto right = prove(*with, *opened, blob); !right) return fail(std::move(right).error());
    return opened->stamp;
  };
  auto taken =
      on_crew(std::move(look), [this, blob, serial, held, reply](expected<file_stamp> found) mutable {
        auto there = slot_of(blob, serial);
        if (found) {
          if (there && with_->verifies()) there->second.verified = *found;
          return reply.deliver(lent_file{with_->folder->path_of(blob), held});
        }
        if (there && found.error().code() == errc::not_found) drop_broken(blob, found.error());
        reply.deliver(fail(std::move(found).error()));
      });
  if (!taken) reply.deliver(fail(std::move(taken).error()));
}

caf::result<forgotten> store::forget(forget_blob order) {
  auto reply = make_answer<forgotten>(this);
  auto drop = [this, blob = order.blob, reply]() mutable {
    auto there = index_.find(blob);
    if (!there) return reply.deliver(forgotten{false});
    index_.erase(*there);
    dismiss({blob});
    auto ticket = tickets_.issue<disk_result<void>>(
        [reply](disk_result<void>) mutable { reply.deliver(forgotten{true}); });
    if (auto taken = lane_->submit({{std::nullopt, nullptr, false, ticket}}); !taken) {
      tickets_.cancel(ticket);
      reply.deliver(fail(std::move(taken).error()));
    }
  };
  if (scanning_ && !index_.find(order.blob))
    look_on_disk({order.blob}, std::move(drop));
  else
    drop();
  return reply;
}

}  // namespace kiln::filesystem
