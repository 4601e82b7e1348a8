#include "plugins/stores/filesystem/files/file_upload.hpp"

#include <cerrno>
#include <utility>

#include "plugins/stores/filesystem/files/inspect.hpp"
#include "plugins/stores/filesystem/files/write_error.hpp"

namespace kiln::filesystem {
namespace {

// From here on a file is synced by the thread that wrote it; smaller ones wait for their group.
constexpr std::uint64_t synced_alone = 1 << 20;
constexpr std::size_t cached_step = 256 << 10;
// The disk is asked for room before bytes come that fill less than this is worth.
constexpr std::uint64_t allocated_from = 1 << 20;

disk_result<void> complete(const file_engine& with, uploaded& what, bool to_be_kept) {
  if (auto ended = what.file.end(); !ended) return ended;
  if (to_be_kept && with.durable() && what.size >= synced_alone)
    if (auto synced = what.file.sync(); !synced) return synced;
  auto facts = with.on().facts(what.file.file());
  if (!facts) return tl::unexpected(facts.error());
  what.stamp = stamp_of(*facts);
  if (what.file.synced()) what.file.close();
  return {};
}

disk_result<std::shared_ptr<uploaded>> make_file(const file_engine_ptr& with, const bytes& content,
                                                 bool to_be_kept) {
  auto result = std::make_shared<uploaded>();
  auto made = temp_file::create(with);
  if (!made) return tl::unexpected(made.error());
  result->file = std::move(*made);
  result->size = content.size();
  auto done = result->file.append(content);
  if (done) done = complete(*with, *result, to_be_kept);
  if (!done) return tl::unexpected(done.error());
  result->file.close();  // of many small files; they are synced together
  return result;
}

}  // namespace

expected<std::shared_ptr<uploaded>> store_whole(const file_engine_ptr& with, const digest& blob,
                                                const bytes& content) {
  if (content.size() != static_cast<std::uint64_t>(blob.size))
    return fail(errc::invalid_argument, "blob {} came with {} bytes", blob, content.size());
  if (with->verifies())
    if (digest found = digest_of(content.view(), blob.function); found != blob)
      return fail(errc::invalid_argument, "the bytes of blob {} have the hash {}", blob, found.hex());
  auto result = make_file(with, content, true);
  if (!result) return fail(write_error(result.error(), fmt::format("storing blob {}", blob)));
  return std::move(*result);
}

expected<std::shared_ptr<uploaded>> store_copy(const file_engine_ptr& with, const digest& blob,
                                               const bytes& content) {
  auto result = make_file(with, content, false);
  if (!result) return fail(result.error().in_words(fmt::format("copying blob {} to be lent", blob)));
  return std::move(*result);
}

upload::upload(file_engine_ptr with, order what, ended then, stop when_stopped)
    : deps_(std::move(with)),
      what_(std::move(what)),
      then_(std::move(then)),
      when_stopped_(std::move(when_stopped)),
      result_(std::make_shared<uploaded>()),
      granted_(what_.granted) {
  if (deps_->verifies()) hash_.emplace(what_.blob.function);
}

upload::~upload() {
  report(fail(errc::cancelled, "the upload of blob {} was dropped by its source", what_.blob));
}

void upload::start() {
  ask();
}

// The answer may come before `read` returns or later, here or on another thread. Only what comes at once on a
// thread pool thread could be taken without a hop, and `take` sees to that.
void upload::ask() {
  what_.source->read([self = shared_from_this()](piece next) { self->take_on_pool(std::move(next)); });
}

void upload::take_on_pool(piece next) {
  auto shared = std::make_shared<piece>(std::move(next));
  auto posted = deps_->pool->post([self = shared_from_this(), shared] { self->take(std::move(*shared)); });
  if (!posted) {
    what_.source->cancel(posted.error());
    report(fail(std::move(posted).error()));
  }
}

void upload::take(piece next) {
  try {
    for (;;) {
      if (given_up_.load(std::memory_order_acquire)) return;
      if (!next) return report(fail(std::move(next).error()));
      if (next->empty()) return finish();
      if (!store(std::move(*next))) return;
      // Sources that have everything at hand are drained on this thread.
      struct turn {
        std::atomic<int> parties{0};
        piece next;
      };
      auto mine = std::make_shared<turn>();
      what_.source->read([self = shared_from_this(), mine](piece more) {
        mine->next = std::move(more);
        if (mine->parties.exchange(1, std::memory_order_acq_rel) == 1)
          self->take_on_pool(std::move(mine->next));
      });
      if (mine->parties.exchange(1, std::memory_order_acq_rel) == 0) return;  // the answer is still to come
      next = std::move(mine->next);
    }
  } catch (...) {
    const error why = write_refused(current_fault()).in_context(fmt::format("storing blob {}", what_.blob));
    what_.source->cancel(why);
    report(fail(why));
  }
}

// False when the upload ended or has to wait.
bool upload::store(byte_chain next) {
  auto refuse = [this](error why) {
    what_.source->cancel(why);
    report(fail(std::move(why)));
    return false;
  };
  if (auto fits = check_more(next.size()); !fits) return refuse(std::move(fits).error());
  if (result_->size + next.size() > granted_) return wait_for_room(std::move(next), true);
  // A full disk may have room another time, once.
  auto stuck = [&](const disk_error& why, byte_chain rest) {
    if (why.number != ENOSPC || std::exchange(retried_, true))
      return refuse(why.in_words(fmt::format("storing blob {}", what_.blob)));
    return wait_for_room(std::move(rest), false);
  };
  if (!result_->file)
    if (auto made = create(); !made) return stuck(made.error(), std::move(next));
  if (granted_ > allocated_ && granted_ >= allocated_from) {
    if (auto done = result_->file.allocate(granted_); !done) return stuck(done.error(), std::move(next));
    allocated_ = granted_;
  }
  // In steps that stay in the processor's cache from the hash to the copy into the page cache.
  for (std::size_t done = 0; done < next.size();) {
    byte_chain step = next.slice(done, cached_step);
    if (auto written = result_->file.append(step); !written) return stuck(written.error(), next.slice(done));
    if (hash_) hash_->update(step);
    result_->size += step.size();
    done += step.size();
  }
  return true;
}

disk_result<void> upload::create() {
  const bool is_direct = deps_->is_direct(static_cast<std::uint64_t>(what_.blob.size));
  auto made = temp_file::create(deps_, is_direct ? temp_file::way::direct : temp_file::way::cached);
  if (!made) return tl::unexpected(made.error());
  result_->file = std::move(*made);
  return {};
}

bool upload::wait_for_room(byte_chain rest, bool beyond_grant) {
  const auto wanted = result_->size + rest.size();
  unwritten_ = std::move(rest);
  when_stopped_({shared_from_this(), wanted, beyond_grant});
  return false;
}

void upload::go_on(std::uint64_t granted) {
  granted_ = granted;
  go_on();
}

void upload::go_on() {
  auto posted = deps_->pool->post([self = shared_from_this()] {
    byte_chain again = std::move(self->unwritten_);
    self->unwritten_.clear();
    self->take(std::move(again));
  });
  if (!posted) give_up(std::move(posted).error());
}

void upload::give_up(error why) {
  given_up_.store(true, std::memory_order_release);
  what_.source->cancel(why);
  report(fail(std::move(why)));
}

expected<void> upload::check_more(std::uint64_t more) const {
  if (more <= static_cast<std::uint64_t>(what_.blob.size) - result_->size) return {};
  return fail(errc::invalid_argument, "blob {} has more bytes than its digest says", what_.blob);
}

expected<void> upload::check_whole() {
  if (result_->size != static_cast<std::uint64_t>(what_.blob.size))
    return fail(errc::invalid_argument, "blob {} ended after {} bytes", what_.blob, result_->size);
  if (!hash_) return {};
  digest found = hash_->finish();
  if (found != what_.blob)
    return fail(errc::invalid_argument, "the bytes of blob {} have the hash {}", what_.blob, found.hex());
  return {};
}

void upload::finish() {
  if (auto right = check_whole(); !right) return report(fail(std::move(right).error()));
  if (!result_->file)  // not even one byte
    if (auto made = create(); !made)
      return report(fail(made.error().in_words(fmt::format("storing blob {}", what_.blob))));
  if (auto done = complete(*deps_, *result_, true); !done)
    return report(fail(done.error().in_words(fmt::format("storing blob {}", what_.blob))));
  report(std::move(result_));
}

void upload::report(expected<std::shared_ptr<uploaded>> result) {
  if (reported_.exchange(true)) return;
  auto then = std::move(then_);
  then(std::move(result));
}

}  // namespace kiln::filesystem
