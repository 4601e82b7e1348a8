#include <algorithm>

#include "plugins/stores/filesystem/files/open_read.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

// What one batch may read on the actor's own time.
constexpr std::uint64_t inline_budget = 512 << 10;
constexpr std::size_t reads_worth_a_share = 8;

}  // namespace

struct store::wanted_blob {
  std::size_t index = 0;
  digest blob;
  std::uint64_t serial = 0;
  std::optional<pack_place> place;
};

struct store::read_answer {
  expected<opened_read> found;
  bool may_pass = false;
};

store::read_answer store::read_one(const engine& with, const wanted_blob& which) {
  if (!which.place) return {read_whole(with, which.blob)};
  auto read = read_packed(with, which.blob, *which.place);
  if (!read.content) return {fail(std::move(read.content).error()), read.may_pass};
  return {opened_read{0, true, std::move(*read.content), nullptr}};
}

expected<bytes> store::collected(const wanted_blob& which, read_answer read) {
  auto there = slot_of(which.blob, which.serial);
  auto& found = read.found;
  if (found) {
    if (there && found->proved && !there->packed()) {
      now_readable(*there);
      index_.set_verified(*there, found->stamp);
    }
    if (there && found->head.size() == there->size()) index_.warm(*there, found->head);
    return std::move(found->head);
  }
  if (!which.place) return fail(judge_file(which.blob, which.serial, std::move(found).error()));
  if (there && found.error().code() == errc::not_found) drop_broken(which.blob, found.error(), read.may_pass);
  return fail(std::move(found).error());
}

// A batch on its way out: each result is filled in where it is asked, the last one answers.
struct store::collection {
  collection(std::vector<digest> asked, answer<blob_batch> to)
      : blobs(std::move(asked)), results(blobs.size()), reply(std::move(to)) {}

  void finish() {
    blob_batch batch;
    batch.results.reserve(results.size());
    for (auto& one : results) batch.results.push_back(std::move(*one));
    reply.deliver(std::move(batch));
  }

  std::vector<digest> blobs;
  std::vector<std::optional<expected<bytes>>> results;
  answer<blob_batch> reply;
  std::size_t pending = 0;
};

caf::result<blob_batch> store::read_many(read_blobs order) {
  auto reply = make_answer<blob_batch>(this);
  auto mine = std::make_shared<collection>(std::move(order.blobs), reply);
  when_known(still_looking() ? mine->blobs : std::vector<digest>(), [this, mine] { collect_inline(mine); });
  return reply;
}

void store::collect_inline(const std::shared_ptr<collection>& which) {
  std::vector<std::size_t> open;
  std::uint64_t budget = inline_budget;
  for (std::size_t i = 0; i < which->blobs.size(); ++i) {
    const digest& blob = which->blobs[i];
    auto there = index_.find(blob);
    if (!there || index_.is_doubtful(*there)) {
      if (deps_->what == store_role::content && is_empty_blob(blob))
        which->results[i] = bytes();
      else
        which->results[i] = fail(errc::not_found, "no blob {} in store {}", blob, deps_->name);
      continue;
    }
    index_.use(*there);
    std::uint64_t size = there->size();
    bool hot = there->hot != 0;
    if (size == 0) {
      which->results[i] = bytes();
    } else if (auto read = hot || size <= budget ? read_inline(*there, 0, size) : std::nullopt) {
      if (!hot) budget -= size;
      which->results[i] = std::move(*read);
    } else {
      open.push_back(i);
    }
  }
  if (open.empty())
    which->finish();
  else
    collect_on_pool(which, std::move(open));
}

void store::collect_on_pool(const std::shared_ptr<collection>& which, std::vector<std::size_t> open) {
  std::size_t shares =
      std::clamp<std::size_t>(open.size() / reads_worth_a_share, 1, deps_->options.io_threads);
  which->pending = shares;
  stats_.disk_reads.add(open.size());
  for (std::size_t share = 0; share < shares; ++share) {
    std::vector<wanted_blob> jobs;
    for (std::size_t at = open.size() * share / shares; at < open.size() * (share + 1) / shares; ++at) {
      const slot& there = *index_.find(which->blobs[open[at]]);
      wanted_blob one{open[at], index_.name_of(there), there.serial, {}};
      if (there.packed()) one.place = index_.place_of(there);
      jobs.push_back(std::move(one));
    }
    auto read_all = [with = deps_, jobs]() -> expected<std::vector<read_answer>> {
      std::vector<read_answer> result;
      result.reserve(jobs.size());
      for (const auto& one : jobs) result.push_back(read_one(*with, one));
      return result;
    };
    auto taken = on_pool(std::move(read_all), [this, which, jobs](expected<std::vector<read_answer>> read) {
      for (std::size_t i = 0; i < jobs.size(); ++i)
        which->results[jobs[i].index] =
            read ? collected(jobs[i], std::move((*read)[i])) : expected<bytes>(fail(read.error()));
      if (--which->pending == 0) which->finish();
    });
    if (taken) continue;
    for (const auto& one : jobs) which->results[one.index] = fail(taken.error());
    if (--which->pending == 0) which->finish();
  }
}

}  // namespace kiln::filesystem
