#include <fcntl.h>

#include <algorithm>

#include "plugins/stores/filesystem/files/open_read.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"
#include "plugins/stores/filesystem/store/named_once.hpp"

namespace kiln::filesystem {
namespace {

// What may be read, and hashed, without leaving the actor: some tens of microseconds at most.
constexpr std::uint64_t read_inline_limit = 256 << 10;
constexpr std::uint64_t prove_inline_limit = 64 << 10;
// Some milliseconds' worth: a message has room for tens of thousands.
constexpr std::size_t looked_up_at_once = 8192;

}  // namespace

// Many are looked up in several turns.
struct store::search {
  std::vector<digest> blobs;
  named_once missing;
  std::size_t done = 0;

  explicit search(std::vector<digest> asked) : blobs(std::move(asked)), missing(blobs.size()) {}
  std::span<const digest> next() const {
    return std::span(blobs).subspan(done, std::min(looked_up_at_once, blobs.size() - done));
  }
};

caf::result<missing_blobs> store::find(find_missing order) {
  if (!still_looking() && order.blobs.size() <= looked_up_at_once) {
    search all(std::move(order.blobs));
    look_up(all);
    return missing_blobs{all.missing.take()};
  }
  auto mine = std::make_shared<search>(std::move(order.blobs));
  auto reply = make_answer<missing_blobs>(this);
  when_known(mine->blobs, [this, mine, reply] { look_up_all(mine, reply); });
  return reply;
}

void store::look_up_all(const std::shared_ptr<search>& which, answer<missing_blobs> reply) {
  look_up(*which);
  if (which->done == which->blobs.size()) return reply.deliver(missing_blobs{which->missing.take()});
  later([this, which, reply] { look_up_all(which, reply); });
}

// Each once, in the order in which they were asked; those that are there are used.
void store::look_up(search& in) {
  const auto some = in.next();
  index_.find_all(some, [&](std::size_t at, std::uint64_t hash, slot* there) {
    if (there && index_.stands(*there))
      index_.use(*there);
    else if (deps_->what != store_role::content || !is_empty_blob(some[at]))
      in.missing.add(some[at], hash);
  });
  in.done += some.size();
}

caf::result<blob_content> store::read(read_blob order) {
  auto reply = make_answer<blob_content>(this);
  when_known({order.blob}, [this, order, reply] { read_now(order, reply); });
  return reply;
}

void store::read_now(const read_blob& order, answer<blob_content> reply) {
  if (auto there = index_.find(order.blob); there && !index_.is_doubtful(*there))
    read_known(order, *there, std::move(reply));
  else if (deps_->what != store_role::content || !is_empty_blob(order.blob))
    reply.deliver(fail(errc::not_found, "no blob {} in store {}", order.blob, deps_->name));
  else if (order.offset == 0)
    reply.deliver(blob_content{});
  else
    reply.deliver(fail(errc::out_of_range, "the empty blob has no offset {}", order.offset));
}

void store::read_known(const read_blob& order, slot& which, answer<blob_content> reply) {
  index_.use(which);
  std::uint64_t size = which.size();
  if (order.offset > size)
    return reply.deliver(fail(errc::out_of_range, "blob {} has no offset {}", order.blob, order.offset));
  std::uint64_t wanted = size - order.offset;
  if (order.limit > 0) wanted = std::min(wanted, order.limit);
  if (wanted == 0) return reply.deliver(blob_content{});
  if (auto read = read_inline(which, order.offset, wanted))
    return reply.deliver(blob_content{std::move(*read), nullptr});
  stats_.disk_reads.add();
  if (which.packed())
    read_packed_on_pool(order, which, std::move(reply));
  else if (index_.verified(which) == 0 && is_proved_first(*deps_, order, size))
    read_after_proof(order, which, std::move(reply));
  else
    read_on_pool(order, which, std::move(reply));
}

// Nothing, if it cannot be had without waiting or proving at length. What is wrong shows on the thread pool.
std::optional<bytes> store::read_inline(slot& which, std::uint64_t offset, std::uint64_t size) {
  if (const bytes& hot = index_.hot(which); !hot.empty()) {
    stats_.hot_reads.add();
    return hot.slice(offset, size);
  }
  if (!which.packed()) return read_file_inline(which, offset, size);
  if (which.size() > read_inline_limit) return {};
  auto content = read_packed_cached(*deps_, index_.name_of(which), index_.place_of(which));
  if (!content) return {};
  stats_.cached_reads.add();
  index_.warm(which, *content);
  return content->slice(offset, size);
}

std::optional<bytes> store::read_file_inline(slot& which, std::uint64_t offset, std::uint64_t size) {
  const digest blob = index_.name_of(which);
  if (size > read_inline_limit) return {};
  disk& on = deps_->on();
  const descriptor& tree = deps_->folder->tree(blob_tree::content, blob.function);
  auto file = on.open(tree, blob_name(blob).path(), O_RDONLY, 0, disk::lookup::cached);
  if (!file) return {};
  bool whole = size == which.size();
  bool prove_here = deps_->verifies() && whole;
  if (prove_here && size > prove_inline_limit) return {};
  if (deps_->verifies() && !prove_here) {
    auto facts = on.facts(*file);
    if (!facts || facts->size != which.size() || stamp_of(*facts) != index_.verified(which)) return {};
  }
  buffer into(size);
  auto count = on.read_cached(*file, {into.data(), size}, offset);
  if (!count || *count != size) return {};
  bytes content = into.freeze(size);
  if (prove_here && digest_of(content.view(), blob.function) != blob) return {};
  if (prove_here) now_readable(which);
  if (whole) index_.warm(which, content);
  stats_.cached_reads.add();
  return content;
}

void store::read_packed_on_pool(const read_blob& order, const slot& which, answer<blob_content> reply) {
  auto work = [with = deps_, blob = order.blob, place = index_.place_of(which)]() -> expected<packed_read> {
    return read_packed(*with, blob, place);
  };
  auto taken = on_pool(
      std::move(work), [this, order, serial = which.serial, reply](expected<packed_read> result) mutable {
        if (!result) return reply.deliver(fail(std::move(result).error()));
        auto there = slot_of(order.blob, serial);
        auto& read = result->content;
        if (!read) {
          if (there) drop_broken(order.blob, read.error(), result->may_pass);
          return reply.deliver(fail(std::move(read).error()));
        }
        if (there && there->size() == read->size()) index_.warm(*there, *read);
        bytes part = read->slice(order.offset, order.limit > 0 ? order.limit : std::string_view::npos);
        reply.deliver(blob_content{std::move(part), nullptr});
      });
  if (!taken) reply.deliver(fail(std::move(taken).error()));
}

// Several readers at once cost one proof: the others wait until the first was answered.
void store::read_after_proof(const read_blob& order, const slot& which, answer<blob_content> reply) {
  auto [proof, first] = proving_.try_emplace(order.blob);
  if (!first) return proof->second.push_back([this, order, reply] { read_now(order, reply); });
  read_on_pool(order, which, std::move(reply), [this, blob = order.blob] {
    auto waiting = proving_.extract(blob);
    for (auto& again : waiting.mapped()) outlive(again);
  });
}

// `then` runs once the thread pool has answered, or will not.
void store::read_on_pool(const read_blob& order, const slot& which, answer<blob_content> reply,
                         std::function<void()> then) {
  const std::uint64_t serial = which.serial;
  // Told at the end of a long read: it may have proved the blob on the way, or found it broken.
  auto late = tell_home<read_verdict>(me(), [this, blob = order.blob, serial](const read_verdict& found) {
    auto there = slot_of(blob, serial);
    if (!there || there->packed()) return;
    if (found.found == blob_state::proved) {
      now_readable(*there);
      index_.set_verified(*there, found.stamp);
    }
    if (found.found == blob_state::broken) judge_file(blob, serial, found.why);
  });
  auto work = [with = deps_, order, proved = index_.verified(which), late = std::move(late)] {
    return open_read(with, order, proved, late);
  };
  auto opened = [this, order, serial, reply, then](expected<opened_read> result) mutable {
    auto there = slot_of(order.blob, serial);
    if (there && result && result->proved) {
      now_readable(*there);
      index_.set_verified(*there, result->stamp);
      if (result->head.size() == there->size()) index_.warm(*there, result->head);
    }
    if (result)
      reply.deliver(blob_content{std::move(result->head), std::move(result->rest)});
    else
      reply.deliver(fail(judge_file(order.blob, serial, std::move(result).error())));
    if (then) then();
  };
  auto taken = on_pool(std::move(work), std::move(opened));
  if (taken) return;
  reply.deliver(fail(std::move(taken).error()));
  if (then) then();
}

}  // namespace kiln::filesystem
