#include "actors/worker/inputs/input_fetcher.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "actors/worker/folders/folder_table.hpp"
#include "actors/worker/inputs/batch_size.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

class fetching : public std::enable_shared_from_this<fetching> {
public:
  using then_fn = std::function<void(expected<std::shared_ptr<input_tree>>)>;
  fetching(action_self* self, worker_resources_ptr resources, const digest& root, then_fn then)
      : self_(self),
        shop_(std::move(resources)),
        root_(root),
        table_(shop_->options, root.function),
        then_(std::move(then)) {}

  void begin() {
    table_.want(root_);
    wanted_.push_back(root_);
    read_more();
  }

private:
  /// Several batches at once: a wide level costs as many round trips as it has batches, a deep tree one for
  /// each level.
  void read_more() {
    while (!wanted_.empty() && running_ < batches_at_once && then_) read_batch();
    if (wanted_.empty() && running_ == 0 && then_) all_read();
  }

  void read_batch() {
    read_blobs order;
    for (std::int64_t room = batch_bytes; !wanted_.empty() && order.blobs.size() < batch_blobs;) {
      auto next = wanted_.back();
      if (is_empty_blob(next)) {  // a folder with nothing in it needs no store
        wanted_.pop_back();
        if (auto added = table_.add(next, {}, wanted_); !added) return end(failure(std::move(added).error()));
        continue;
      }
      room -= next.size;
      if (room < 0 && !order.blobs.empty()) break;
      if (auto fine = check_size(largest::directory, next); !fine)
        return end(with_context(fine.error(), "the input tree"));
      order.blobs.push_back(next);
      wanted_.pop_back();
    }
    if (order.blobs.empty()) return;
    ++running_;
    auto asked = order.blobs;
    self_->request(shop_->cas, caf::infinite, std::move(order))
        .then(
            [me = shared_from_this(), asked](const blob_batch& batch) {
              --me->running_;
              me->take(asked, batch);
            },
            [me = shared_from_this()](const caf::error& fault) {
              --me->running_;
              me->end(with_context(from_caf(fault), "reading input folders"));
            });
  }

  void take(const std::vector<digest>& asked, const blob_batch& batch) {
    for (std::size_t i = 0; i < asked.size() && then_; ++i) {
      if (i >= batch.results.size()) return end(fail(errc::internal, "a store answered too few blobs"));
      const auto& result = batch.results[i];
      if (!result && result.error().code() == errc::not_found) {
        missing_.push_back(asked[i]);
      } else if (!result) {
        return end(with_context(result.error(), "reading input folder {}", asked[i]));
      } else if (digest_of(result->view(), asked[i].function) != asked[i]) {
        return end(fail(errc::unavailable, "input folder {} came damaged from the store", asked[i]));
      } else if (auto added = table_.add(asked[i], *result, wanted_); !added) {
        return end(failure(std::move(added).error()));
      }
    }
    read_more();
  }

  void all_read() {
    if (!missing_.empty()) return name_all_missing();
    auto tree = table_.expand(root_, shop_->links);
    if (!tree) return end(failure(std::move(tree).error()));
    borrow_inputs order;
    for (const auto& [which, lent] : (*tree)->lent) order.inputs.push_back(which);
    if (order.inputs.empty()) return end(std::move(tree));
    auto asked = order.inputs;
    self_->request(shop_->input_cache, caf::infinite, std::move(order))
        .then([me = shared_from_this(), asked, tree = *tree](
                  const borrowed_inputs& borrowed) { me->take_files(tree, asked, borrowed.inputs); },
              [me = shared_from_this()](const caf::error& fault) { me->end(failure(from_caf(fault))); });
  }

  void take_files(const std::shared_ptr<input_tree>& tree, const std::vector<wanted_input>& asked,
                  const std::vector<lent_input_ptr>& lent) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (lent[i])
        tree->lent[asked[i]] = lent[i];
      else
        missing_.push_back(asked[i].blob);
    }
    if (missing_.empty()) return end(tree);
    end(failure(missing_inputs(missing_)));
  }

  /// Folders are missing already. The client is to hear at once which files are as well.
  void name_all_missing() {
    self_->request(shop_->cas, caf::infinite, find_missing{table_.files()})
        .then(
            [me = shared_from_this()](const missing_blobs& files) {
              me->missing_.insert(me->missing_.end(), files.blobs.begin(), files.blobs.end());
              me->end(failure(missing_inputs(me->missing_)));
            },
            [me = shared_from_this()](const caf::error& fault) { me->end(failure(from_caf(fault))); });
  }

  void end(expected<std::shared_ptr<input_tree>> result) {
    if (auto then = std::exchange(then_, nullptr)) then(std::move(result));
  }

  action_self* const self_;
  const worker_resources_ptr shop_;
  const digest root_;
  folder_table table_;
  std::vector<digest> wanted_;
  std::vector<digest> missing_;
  std::size_t running_ = 0;
  then_fn then_;
};

}  // namespace

void fetch_inputs(action_self* self, const worker_resources_ptr& resources, const digest& root,
                  std::function<void(expected<std::shared_ptr<input_tree>>)> then) {
  std::make_shared<fetching>(self, resources, root, std::move(then))->begin();
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
