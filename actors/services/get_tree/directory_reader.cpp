#include "actors/services/get_tree/directory_reader.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <unordered_set>
#include "core/contract/on_response.hpp"

namespace kiln {
namespace {

// What an entry takes beside its bytes.
constexpr std::uint64_t bookkeeping = 256;

}  // namespace

// On its way: two questions may be open, the answer to the last of them completes it.
struct directory_reader::batch {
  std::vector<digest> names;
  std::vector<expected<bytes>> found;
  std::size_t open = 0;
  std::optional<error> fault;
  arrival then;

  void answered() {
    if (--open > 0) return;
    fault ? then(fail(std::move(*fault))) : then(std::move(found));
  }
  void failed(const caf::error& why) {
    fault = from_caf(why);
    answered();
  }
};

directory_reader::directory_reader(tree_coalescer_actor::pointer self, store_actor from,
                                   const tree_cache_bounds& bounds, std::uint64_t max_bytes,
                                   const clock& time)
    : self_(self),
      from_(std::move(from)),
      known_({.max_weight = max_bytes, .max_entries = bounds.max_entries, .max_idle = bounds.max_idle},
             time) {}

// Clients name the empty directory without having uploaded it, so no store is asked for it.
void directory_reader::read(std::vector<digest> names, arrival then) {
  auto all = std::make_shared<batch>();
  all->then = std::move(then);
  all->found.resize(names.size());
  std::vector<digest> remembered;
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (is_empty_blob(names[i])) continue;
    if (const bytes* known = known_.find(names[i])) {
      all->found[i] = *known;
      remembered.push_back(names[i]);
    } else {
      unknown.push_back(i);
    }
  }
  all->names = std::move(names);
  // One more than there are, so that nothing is over before all was asked.
  all->open = 1 + !remembered.empty() + !unknown.empty();
  if (!remembered.empty()) ask_whether_there(all, std::move(remembered));
  if (!unknown.empty()) read_unknown(all, std::move(unknown));
  all->answered();
}

void directory_reader::ask_whether_there(const std::shared_ptr<batch>& which,
                                         std::vector<digest> remembered) {
  on_response(
      self_->request(from_, caf::infinite, find_missing{std::move(remembered)}),
      [this, which](const missing_blobs& missing) {
        forget(missing.blobs);
        std::unordered_set<digest> gone(missing.blobs.begin(), missing.blobs.end());
        for (std::size_t i = 0; !gone.empty() && i < which->names.size(); ++i)
          if (gone.contains(which->names[i]))
            which->found[i] = fail(errc::not_found, "directory {} is not there any more", which->names[i]);
        which->answered();
      },
      [which](const caf::error& fault) { which->failed(fault); });
}

void directory_reader::read_unknown(const std::shared_ptr<batch>& which, std::vector<std::size_t> places) {
  read_blobs order;
  order.blobs.reserve(places.size());
  for (auto place : places) order.blobs.push_back(which->names[place]);
  on_response(
      self_->request(from_, caf::infinite, std::move(order)),
      [this, which, places = std::move(places)](blob_batch& read) {
        if (read.results.size() != places.size())
          return which->failed(to_caf(error(errc::internal, "the store answered another batch of blobs")));
        for (std::size_t i = 0; i < places.size(); ++i) {
          auto& one = which->found[places[i]] = std::move(read.results[i]);
          // A copy: the store may have given a slice of a far larger buffer. What does not fit is not
          // kept.
          if (one)
            std::ignore = known_.insert(which->names[places[i]], bytes::copy_of(one->view()),
                                        one->size() + bookkeeping);
        }
        which->answered();
      },
      [which](const caf::error& fault) { which->failed(fault); });
}

void directory_reader::forget(const std::vector<digest>& names) {
  for (const auto& name : names) known_.erase(name);
}

}  // namespace kiln
