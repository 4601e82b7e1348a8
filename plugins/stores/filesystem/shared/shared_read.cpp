#include <algorithm>

#include "core/observe/log.hpp"
#include "plugins/stores/filesystem/shared/result_file.hpp"
#include "plugins/stores/filesystem/shared/shared_store.hpp"
#include "plugins/stores/filesystem/store/named_once.hpp"

namespace kiln::filesystem {
namespace {

// Some ten milliseconds' worth of a thread.
constexpr std::size_t looked_at_once = 4096;
constexpr std::size_t read_at_once = 32;

struct found_file {
  file_stamp stamp = 0;
  bool damaged = false;
  expected<opened_read> read = fail(errc::internal, "nothing was read");
};

// What was found is told with the error: a damaged file goes, whatever its process is doing.
found_file open_shared(const shared_engine_ptr& with, const read_blob& order, file_stamp proved,
                       file_source::judge tell) {
  found_file found;
  auto opened = open_blob(*with, blob_tree::content, order.blob);
  if (!opened) {
    found.read = fail(std::move(opened).error());
    return found;
  }
  with->uses->note(order.blob);
  found.stamp = opened->stamp;
  if (order.offset > opened->size) {
    found.read = fail(errc::out_of_range, "blob {} has no offset {}", order.blob, order.offset);
    return found;
  }
  found.read = read_opened(with, std::move(*opened), order, proved, std::move(tell));
  found.damaged = !found.read && found.read.error().code() == errc::not_found;
  return found;
}

struct read_one {
  expected<bytes> content = fail(errc::internal, "nothing was read");
  file_stamp stamp = 0;
  bool damaged = false;
};

read_one read_all_of(const shared_engine_ptr& with, const digest& blob) {
  read_one found;
  if (with->what == store_role::results) {
    found.content = read_result(*with, blob, found.stamp);
    found.damaged = !found.content && found.stamp != 0 && found.content.error().code() == errc::not_found;
    return found;
  }
  if (is_empty_blob(blob)) {
    found.content = bytes();
    return found;
  }
  auto opened = open_blob(*with, blob_tree::content, blob);
  if (!opened) {
    found.content = fail(std::move(opened).error());
    return found;
  }
  with->uses->note(blob);
  found.stamp = opened->stamp;
  auto whole = read_whole_of(*with, *opened, blob);
  found.damaged = !whole && whole.error().code() == errc::not_found;
  if (whole)
    found.content = std::move(whole->head);
  else
    found.content = fail(std::move(whole).error());
  return found;
}

}  // namespace

struct shared_store::search {
  std::vector<digest> blobs;
  named_once missing;
  std::size_t done = 0;
  explicit search(std::vector<digest> asked) : blobs(std::move(asked)), missing(blobs.size()) {}
};

answer<missing_blobs> shared_store::take(find_missing& order) {
  auto reply = make_answer<missing_blobs>(self_);
  look_on(std::make_shared<search>(std::move(order.blobs)), reply);
  return reply;
}

// Many are looked at in several jobs, so that others get their turn on the pool.
void shared_store::look_on(const std::shared_ptr<search>& which, answer<missing_blobs> reply) {
  if (which->done == which->blobs.size()) return reply.deliver(missing_blobs{which->missing.take()});
  auto look = [with = deps_, which]() -> expected<bool> {
    const auto end = std::min(which->blobs.size(), which->done + looked_at_once);
    for (; which->done < end; ++which->done) {
      const digest& blob = which->blobs[which->done];
      if (with->what == store_role::content && is_empty_blob(blob)) continue;
      if (!is_kept(*with, blob)) which->missing.add(blob, std::hash<digest>()(blob));
    }
    return true;
  };
  on_pool(std::move(look), [this, which, reply](const expected<bool>& done) mutable {
    if (done)
      look_on(which, reply);
    else
      reply.deliver(failure(done.error()));
  });
}

answer<blob_content> shared_store::take(read_blob& order) {
  auto reply = make_answer<blob_content>(self_);
  if (deps_->what == store_role::results)
    read_result_of(order, reply);
  else if (!is_empty_blob(order.blob))
    read_content(order, reply);
  else if (order.offset == 0)
    reply.deliver(blob_content{});
  else
    reply.deliver(fail(errc::out_of_range, "the empty blob has no offset {}", order.offset));
  return reply;
}

void shared_store::read_content(const read_blob& order, answer<blob_content> reply) {
  const digest blob = order.blob;
  // Told at the end of a long read: it may have proved the blob on the way, or found it broken.
  auto late = tell_home<read_verdict>(me(), [this, blob](const read_verdict& found) {
    if (found.found == blob_state::proved) proved_.note(blob, found.stamp, now());
    if (found.found == blob_state::broken && found.why.code() == errc::not_found)
      drop_broken(blob, found.stamp);
  });
  auto work = [with = deps_, order, proved = proved_.find(blob, now()),
               late = std::move(late)]() -> expected<found_file> {
    return open_shared(with, order, proved, late);
  };
  on_pool(std::move(work), [this, blob, reply](expected<found_file> found) mutable {
    if (!found) return reply.deliver(fail(std::move(found).error()));
    if (found->damaged) drop_broken(blob, found->stamp);
    auto& read = found->read;
    if (!read) return reply.deliver(fail(std::move(read).error()));
    if (read->proved) proved_.note(blob, read->stamp, now());
    reply.deliver(blob_content{std::move(read->head), std::move(read->rest)});
  });
}

void shared_store::read_result_of(const read_blob& order, answer<blob_content> reply) {
  on_pool([with = deps_, blob = order.blob]() -> expected<read_one> { return read_all_of(with, blob); },
          [this, order, reply](expected<read_one> found) mutable {
            if (!found) return reply.deliver(fail(std::move(found).error()));
            if (found->damaged) drop_broken(order.blob, found->stamp);
            auto& content = found->content;
            if (!content) return reply.deliver(fail(std::move(content).error()));
            if (order.offset > content->size())
              return reply.deliver(
                  fail(errc::out_of_range, "blob {} has no offset {}", order.blob, order.offset));
            bytes part = content->slice(order.offset, order.limit > 0 ? order.limit : std::string_view::npos);
            reply.deliver(blob_content{std::move(part), nullptr});
          });
}

answer<blob_batch> shared_store::take(read_blobs& order) {
  auto reply = make_answer<blob_batch>(self_);
  batch_answer<blob_batch> all(reply, order.blobs.size());
  for (std::size_t from = 0; from < order.blobs.size(); from += read_at_once) {
    const auto end = std::min(order.blobs.size(), from + read_at_once);
    std::vector<digest> some(order.blobs.begin() + static_cast<std::ptrdiff_t>(from),
                             order.blobs.begin() + static_cast<std::ptrdiff_t>(end));
    auto work = [with = deps_, some]() -> expected<std::vector<read_one>> {
      std::vector<read_one> found;
      found.reserve(some.size());
      for (const auto& blob : some) found.push_back(read_all_of(with, blob));
      return found;
    };
    on_pool(std::move(work), [this, some, from, all](expected<std::vector<read_one>> found) {
      for (std::size_t i = 0; i < some.size(); ++i) {
        auto place = all[from + i];
        if (!found) {
          place.deliver(failure(found.error()));
          continue;
        }
        if ((*found)[i].damaged) drop_broken(some[i], (*found)[i].stamp);
        place.deliver(std::move((*found)[i].content));
      }
    });
  }
  return reply;
}

void shared_store::drop_broken(const digest& blob, file_stamp stamp) {
  proved_.forget(blob);
  stats_.broken.add();
  if (deps_->env.log)
    deps_->env.log->warn("a blob was damaged on the disk, and is dropped",
                         {{"store", deps_->name}, {"blob", blob.to_string()}});
  submit_name({blob, nullptr, {}, stamp, [this, blob](const named& how) {
                 if (how.done && how.was_there) listeners_.tell_damaged(blob);
               }});
}

}  // namespace kiln::filesystem
