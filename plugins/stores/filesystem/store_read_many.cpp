#include <algorithm>

#include "plugins/stores/filesystem/open_read.hpp"
#include "plugins/stores/filesystem/store.hpp"

namespace kiln::filesystem {
namespace {

// What one batch may read on the actor's own time.
constexpr std::uint64_t inline_budget = 512 << 10;
constexpr std::size_t worth_a_share = 8;

}  // namespace

struct store::gathering {
  gathering(std::vector<digest> asked, answer<blob_batch> to)
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
  auto mine = std::make_shared<gathering>(std::move(order.blobs), reply);
  std::vector<digest> unknown;
  if (scanning_)
    for (const auto& blob : mine->blobs)
      if (!index_.find(blob)) unknown.push_back(blob);
  if (unknown.empty())
    gather_inline(mine);
  else
    look_on_disk(std::move(unknown), [this, mine] { gather_inline(mine); });
  return reply;
}

void store::gather_inline(const std::shared_ptr<gathering>& which) {
  std::vector<std::size_t> open;
  std::uint64_t budget = inline_budget;
  for (std::size_t i = 0; i < which->blobs.size(); ++i) {
    const digest& blob = which->blobs[i];
    auto there = index_.find(blob);
    if (!there) {
      if (with_->what == holds::content && is_empty_blob(blob))
        which->results[i] = bytes();
      else
        which->results[i] = fail(errc::not_found, "no blob {} in store {}", blob, with_->name);
      continue;
    }
    index_.use(*there);
    std::uint64_t size = there->second.size;
    bool hot = !there->second.hot.empty();
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
    gather_on_crew(which, std::move(open));
}

void store::gather_on_crew(const std::shared_ptr<gathering>& which, std::vector<std::size_t> open) {
  std::size_t shares = std::clamp<std::size_t>(open.size() / worth_a_share, 1, with_->wishes.io_threads);
  which->pending = shares;
  figures_.disk_reads.add(open.size());
  for (std::size_t share = 0; share < shares; ++share) {
    struct job {
      std::size_t index;
      digest blob;
      std::uint64_t serial;
      file_stamp proved;
    };
    std::vector<job> jobs;
    for (std::size_t at = open.size() * share / shares; at < open.size() * (share + 1) / shares; ++at) {
      auto there = index_.find(which->blobs[open[at]]);
      jobs.push_back({open[at], there->first, there->second.serial, there->second.verified});
    }
    auto read_all = [with = with_, jobs] {
      std::vector<expected<opened_read>> result;
      result.reserve(jobs.size());
      for (const auto& one : jobs) result.push_back(read_whole(*with, one.blob, one.proved));
      return result;
    };
    auto taken = on_crew(std::move(read_all), [this, which, jobs](std::vector<expected<opened_read>> read) {
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        auto there = slot_of(jobs[i].blob, jobs[i].serial);
        if (read[i]) {
          if (there && read[i]->proved) there->second.verified = read[i]->stamp;
          if (there && (read[i]->proved || !with_->verifies())) index_.warm(*there, read[i]->head);
          which->results[jobs[i].index] = std::move(read[i]->head);
        } else {
          if (there && read[i].error().code() == errc::not_found) drop_broken(jobs[i].blob, read[i].error());
          which->results[jobs[i].index] = fail(std::move(read[i]).error());
        }
      }
      if (--which->pending == 0) which->finish();
    });
    if (taken) continue;
    for (const auto& one : jobs) which->results[one.index] = fail(taken.error());
    if (--which->pending == 0) which->finish();
  }
}

}  // namespace kiln::filesystem
