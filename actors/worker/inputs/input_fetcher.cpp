#include "actors/worker/inputs/input_fetcher.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "actors/worker/inputs/batch_size.hpp"
#include "actors/worker/inputs/unfolding.hpp"
#include "core/merkle/merkle_walk.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

class walking : public std::enable_shared_from_this<walking> {
public:
  using then_fn = std::function<void(expected<walked_inputs>)>;
  walking(action_self* self, worker_resources_ptr resources, digest_function function, then_fn then)
      : self_(self),
        shop_(std::move(resources)),
        walk_(function, input_rules(shop_->options)),
        then_(std::move(then)) {}

  void begin(const digest& root) {
    if (auto added = walk_.add_root(root); !added) return end(failure(std::move(added).error()));
    read_more();
  }

private:
  /// Several batches at once: a wide level costs as many round trips as it has batches, a deep tree one for
  /// each level.
  void read_more() {
    while (running_ < batches_at_once && then_) {
      auto next = walk_.next_batch();
      if (next.empty()) break;
      read_batch(std::move(next));
    }
    if (walk_.over() && then_) all_read();
  }

  void read_batch(merkle_walk::batch asked) {
    ++running_;
    read_blobs order{asked.names};
    self_->request(shop_->cas, caf::infinite, std::move(order))
        .then(
            [me = shared_from_this(), asked = std::move(asked)](const blob_batch& batch) {
              --me->running_;
              me->take(asked, batch);
            },
            [me = shared_from_this()](const caf::error& fault) {
              --me->running_;
              me->end(with_context(from_caf(fault), "reading input folders"));
            });
  }

  void take(const merkle_walk::batch& asked, const blob_batch& batch) {
    if (batch.results.size() < asked.names.size())
      return end(fail(errc::internal, "a store answered too few blobs"));
    for (std::size_t i = 0; i < asked.names.size() && then_; ++i) {
      const auto& name = asked.names[i];
      const auto& result = batch.results[i];
      if (result && digest_of(result->view(), name.function) != name)
        return end(fail(errc::unavailable, "input folder {} came damaged from the store", name));
      if (auto taken = walk_.take(asked.places[i], result); !taken)
        return end(failure(std::move(taken).error()));
      if (result) directories_.push_back(*result);
    }
    read_more();
  }

  void all_read() {
    if (auto fine = check_links(walk_.tree(), shop_->options); !fine)
      return end(failure(std::move(fine).error()));
    missing_ = walk_.missing();
    if (!missing_.empty()) return name_all_missing();
    end(walked_inputs{walk_.finish(), std::move(directories_)});
  }

  /// Folders are missing already. The client is to hear at once which files are as well.
  void name_all_missing() {
    self_->request(shop_->cas, caf::infinite, find_missing{walk_.tree().blobs()})
        .then(
            [me = shared_from_this()](const missing_blobs& files) {
              me->missing_.insert(me->missing_.end(), files.blobs.begin(), files.blobs.end());
              me->end(failure(missing_inputs(me->missing_)));
            },
            [me = shared_from_this()](const caf::error& fault) { me->end(failure(from_caf(fault))); });
  }

  void end(expected<walked_inputs> result) {
    if (auto then = std::exchange(then_, nullptr)) then(std::move(result));
  }

  action_self* const self_;
  const worker_resources_ptr shop_;
  merkle_walk walk_;
  std::vector<bytes> directories_;
  std::vector<digest> missing_;
  std::size_t running_ = 0;
  then_fn then_;
};

using tree_fn = std::function<void(expected<std::shared_ptr<input_tree>>)>;

void take_files(const std::shared_ptr<input_tree>& tree, const std::vector<wanted_input>& asked,
                const std::vector<lent_input_ptr>& lent, const tree_fn& then) {
  std::vector<digest> missing;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (lent[i])
      tree->lent[asked[i]] = lent[i];
    else
      missing.push_back(asked[i].blob);
  }
  if (missing.empty())
    then(tree);
  else
    then(failure(missing_inputs(missing)));
}

}  // namespace

void walk_inputs(action_self* self, const worker_resources_ptr& resources, const digest& root,
                 std::function<void(expected<walked_inputs>)> then) {
  std::make_shared<walking>(self, resources, root.function, std::move(then))->begin(root);
}

void borrow_files(action_self* self, const worker_resources_ptr& resources, std::shared_ptr<input_tree> tree,
                  tree_fn then) {
  borrow_inputs order;
  for (const auto& [which, lent] : tree->lent) order.inputs.push_back(which);
  if (order.inputs.empty()) return then(std::move(tree));
  auto asked = order.inputs;
  auto shared = std::make_shared<tree_fn>(std::move(then));
  self->request(resources->input_cache, caf::infinite, std::move(order))
      .then([tree = std::move(tree), asked = std::move(asked),
             shared](const borrowed_inputs& borrowed) { take_files(tree, asked, borrowed.inputs, *shared); },
            [shared](const caf::error& fault) { (*shared)(failure(from_caf(fault))); });
}

void fetch_inputs(action_self* self, const worker_resources_ptr& resources, const digest& root, bool links,
                  tree_fn then) {
  auto go_on = [self, resources, links, then = std::move(then)](expected<walked_inputs> walked) {
    if (!walked) return then(failure(std::move(walked).error()));
    auto tree = unfold(walked->tree, resources->options, links);
    if (!tree) return then(failure(std::move(tree).error()));
    borrow_files(self, resources, std::move(*tree), then);
  };
  walk_inputs(self, resources, root, std::move(go_on));
}

error missing_inputs(const std::vector<digest>& missing) {
  auto sorted = missing;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  error fault(errc::failed_precondition,
              fmt::format("{} inputs are not in the store, {} among them", sorted.size(), sorted.front()));
  return fault.add_detail(missing_blobs_detail(sorted));
}

}  // namespace kiln
