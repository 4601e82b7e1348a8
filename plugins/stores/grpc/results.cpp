#include "plugins/stores/grpc/results.hpp"

#include <unordered_set>
#include <utility>

#include "core/base/strand.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/message_writer.hpp"

namespace kiln::grpc_store {
namespace {

void get(const remote_ptr& where, const digest& action, done<bytes> then) {
  message_writer message;
  message.text(1, where->options().instance);
  message.put(2, action);
  message.varint(6, static_cast<std::uint64_t>(action.function));
  where->ask("/build.bazel.remote.execution.v2.ActionCache/GetActionResult", message.finish(),
             [then = std::move(then)](const expected<byte_chain>& result) {
               if (!result) return then(failure(result.error()));
               then(wrap_result(result->flatten()));
             });
}

void put(const remote_ptr& where, const digest& action, const bytes& record, done<receipt> then) {
  if (record.size() > where->options().max_result_size.bytes)
    return then(fail(errc::invalid_argument, "the result of action {} has {} bytes, too many", action,
                     record.size()));
  auto result = unwrap_result(record);
  if (!result) return then(fail(errc::invalid_argument, "{}", result.error().message()));
  message_writer message;
  message.text(1, where->options().instance);
  message.put(2, action);
  if (result->empty())
    message.open(3, 0);
  else
    message.data(3, *result);
  message.varint(5, static_cast<std::uint64_t>(action.function));
  where->ask("/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult", message.finish(),
             [then = std::move(then), size = record.size()](const expected<byte_chain>& kept) {
               if (!kept) return then(failure(kept.error()));
               then(receipt{size, false});
             });
}

/// The action cache knows no batches: one question after the other, and the answers in their order.
template <class T>
class one_by_one : public std::enable_shared_from_this<one_by_one<T>> {
public:
  using step = std::function<void(std::size_t, done<T>)>;
  using finally = std::function<void(std::vector<expected<T>>)>;

  one_by_one(std::size_t count, step each, finally then)
      : count_(count), each_(std::move(each)), then_(std::move(then)) {}

  void go() {
    strand_.run([self = this->shared_from_this()] {
      const std::size_t now = self->answers_.size();
      if (now == self->count_) return self->then_(std::move(self->answers_));
      self->each_(now, [self](expected<T> answer) {
        self->strand_.run([self, answer = std::move(answer)]() mutable {
          self->answers_.push_back(std::move(answer));
          self->go();
        });
      });
    });
  }

private:
  const std::size_t count_;
  const step each_;
  const finally then_;
  strand strand_;
  std::vector<expected<T>> answers_;
};

void get_all(const remote_ptr& where, std::vector<digest> actions,
             std::function<void(std::vector<expected<bytes>>)> then) {
  const std::size_t count = actions.size();
  std::make_shared<one_by_one<bytes>>(
      count,
      [where, actions = std::move(actions)](std::size_t i, done<bytes> one) {
        get(where, actions[i], std::move(one));
      },
      std::move(then))
      ->go();
}

}  // namespace

void find_missing_results_there(remote_ptr where, std::vector<digest> asked, done<missing_blobs> then) {
  std::unordered_set<digest> named;
  std::erase_if(asked, [&](const digest& action) { return !named.insert(action).second; });
  get_all(where, asked, [asked, then = std::move(then)](const std::vector<expected<bytes>>& results) {
    missing_blobs missing;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (results[i]) continue;
      if (results[i].error().code() != errc::not_found) return then(failure(results[i].error()));
      missing.blobs.push_back(asked[i]);
    }
    then(std::move(missing));
  });
}

void read_result_there(remote_ptr where, const read_blob& order, done<blob_content> then) {
  get(where, order.blob, [order, then = std::move(then)](const expected<bytes>& record) {
    if (!record) return then(failure(record.error()));
    if (order.offset > record->size())
      return then(
          fail(errc::out_of_range, "offset {} lies behind the end of result {}", order.offset, order.blob));
    const auto limit = order.limit == 0 ? record->size() : order.limit;
    then(blob_content{record->slice(order.offset, limit), nullptr});
  });
}

void read_results_there(remote_ptr where, std::vector<digest> asked, done<blob_batch> then) {
  get_all(where, std::move(asked), [then = std::move(then)](std::vector<expected<bytes>> results) {
    then(blob_batch{std::move(results)});
  });
}

void write_result_there(remote_ptr where, const digest& action, blob_source_ptr source, done<receipt> then) {
  collect(std::move(source), where->options().max_result_size.bytes,
          [where, action, then = std::move(then)](expected<bytes> record) {
            if (!record) return then(failure(record.error()));
            put(where, action, *record, then);
          });
}

void write_results_there(remote_ptr where, write_blobs order, done<receipts> then) {
  const std::size_t count = order.entries.size();
  std::make_shared<one_by_one<receipt>>(
      count,
      [where, order = std::move(order)](std::size_t i, done<receipt> one) {
        put(where, order.entries[i].blob, order.entries[i].content, std::move(one));
      },
      [then = std::move(then)](std::vector<expected<receipt>> kept) { then(receipts{std::move(kept)}); })
      ->go();
}

}  // namespace kiln::grpc_store
