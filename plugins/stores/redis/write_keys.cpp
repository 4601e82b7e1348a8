#include "plugins/stores/redis/write_keys.hpp"

#include <utility>

#include "core/contract/checked_source.hpp"

namespace kiln::redis_store {
namespace {

constexpr std::uint64_t bytes_in_pipeline = 16 << 20;
constexpr std::string_view grace_for_readers = "300000";  // milliseconds

using receipt_gathering = gathering<receipt>;

byte_chain value_of(const keyed_store& where, bytes content) {
  byte_chain value;
  if (!where.holds_content()) value.append(bytes::of_static(result_mark));
  value.append(std::move(content));
  return value;
}

expected<void> may_be_kept(const keyed_store& where, const write_blobs::entry& entry) {
  if (where.holds_content()) {
    if (entry.content.size() > where.options().max_blob_size.bytes)
      return failure(where.too_large(entry.blob));
    return check(entry.blob, entry.content);
  }
  if (entry.content.size() > where.options().max_result_size.bytes)
    return fail(errc::invalid_argument, "the result of action {} has {} bytes, and at most {} are kept",
                entry.blob, entry.content.size(), where.options().max_result_size.bytes);
  return {};
}

class batch_writing : public std::enable_shared_from_this<batch_writing> {
public:
  batch_writing(keyed_ptr where, write_blobs order, done<receipts> then)
      : where_(std::move(where)), order_(std::move(order)), then_(std::move(then)) {}

  // Hashes, so on the thread pool.
  void go() {
    all_ = std::make_shared<receipt_gathering>(
        order_.entries.size(), [self = shared_from_this()](std::vector<expected<receipt>> results) {
          self->then_(receipts{std::move(results)});
        });
    for (std::size_t i = 0; i < order_.entries.size(); ++i) {
      auto& entry = order_.entries[i];
      if (auto good = caught([&] { return may_be_kept(*where_, entry); }); !good)
        all_->settle(i, failure(good.error()));
      else if (where_->holds_content() && is_empty_blob(entry.blob))
        all_->settle(i, receipt{0, true});
      else
        add(i);
    }
    send();
    std::exchange(all_, nullptr)->close();
  }

private:
  void add(std::size_t at) {
    auto& entry = order_.entries[at];
    const auto size = entry.content.size();
    if (places_.size() >= most_in_pipeline || (!places_.empty() && bytes_ + size > bytes_in_pipeline)) send();
    bytes_ += size;
    sizes_.push_back(size);
    places_.push_back(at);
    now_.commands.push_back(
        where_->set_command(where_->names.of(entry.blob), value_of(*where_, std::move(entry.content))));
  }
  void send() {
    if (places_.empty()) return;
    now_.repeatable = true;
    now_.until = order_.until;
    now_.answer_size = 8 * places_.size();
    bytes_ = 0;
    where_->client->run(
        std::exchange(now_, {}), [self = shared_from_this(), all = all_, places = std::exchange(places_, {}),
                                  sizes = std::exchange(sizes_, {})](const outcome& what) {
          for (std::size_t i = 0; i < places.size(); ++i) {
            const auto& answer = what.answers[i];
            if (!answer) {
              all->settle(places[i], failure(answer.error()));
              continue;
            }
            self->where_->publish(self->where_->names.of(self->order_.entries[places[i]].blob));
            all->settle(places[i], receipt{sizes[i], false});
          }
        });
  }

  const keyed_ptr where_;
  write_blobs order_;
  const done<receipts> then_;
  std::shared_ptr<receipt_gathering> all_;
  pipeline now_;
  std::uint64_t bytes_ = 0;
  std::vector<std::size_t> places_;
  std::vector<std::uint64_t> sizes_;
};

void set_result(const keyed_ptr& where, const digest& action, const bytes& record, steady_time until,
                const done<receipt>& then) {
  const auto key = where->names.of(action);
  pipeline order;
  order.repeatable = true;
  order.until = until;
  order.commands.push_back(where->set_command(key, value_of(*where, record)));
  where->client->run(std::move(order), [where, key, then, size = record.size()](const outcome& what) {
    const auto& answer = what.answers.front();
    if (!answer) return then(failure(answer.error()));
    where->publish(key);
    then(receipt{size, false});
  });
}

bool was_no_key(const expected<resp_reply>& renamed) {
  return renamed && !renamed->items.empty() && renamed->items[0].is_fault() &&
         renamed->items[0].text.view().find("no such key") != std::string_view::npos;
}

}  // namespace

void write_many_keys(const keyed_ptr& where, write_blobs order, done<receipts> then) {
  auto writing = std::make_shared<batch_writing>(where, std::move(order), then);
  auto posted = where->engine().hashing->post([writing] { writing->go(); });
  if (!posted) then(failure(posted.error()));
}

void write_result_key(const keyed_ptr& where, write_blob order, done<receipt> then) {
  collect(std::move(order.source), where->options().max_result_size.bytes,
          [where, action = order.blob, until = order.until, then = std::move(then)](expected<bytes> record) {
            if (!record) return then(failure(record.error()));
            set_result(where, action, *record, until, then);
          });
}

void forget_key(const keyed_ptr& where, const forget_blob& order, done<forgotten> then) {
  const auto key = where->names.of(order.blob);
  const bool may_be_in_reading =
      where->holds_content() && static_cast<std::uint64_t>(order.blob.size) > where->chunk();
  pipeline task;
  task.until = order.until;
  if (!may_be_in_reading) {
    task.repeatable = true;
    task.commands.push_back(key_command({"UNLINK", key}));
  } else {
    const auto gone = where->names.forgotten(key);
    task.is_transaction = true;
    task.commands.push_back(make_command({"MULTI"}));
    task.commands.push_back(key_command({"RENAME", key, gone}));
    task.commands.push_back(key_command({"PEXPIRE", gone, grace_for_readers}));
    task.commands.push_back(make_command({"EXEC"}));
  }
  where->client->run(std::move(task), [may_be_in_reading, then = std::move(then)](const outcome& what) {
    for (const auto& one : what.answers)
      if (!one) return then(failure(one.error()));
    const auto& last = what.answers.back();
    if (may_be_in_reading) return then(forgotten{!was_no_key(last)});
    then(forgotten{last->number > 0});
  });
}

}  // namespace kiln::redis_store
