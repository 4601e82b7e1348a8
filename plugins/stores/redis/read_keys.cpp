#include "plugins/stores/redis/read_keys.hpp"

#include <unordered_map>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "plugins/stores/redis/window_source.hpp"

namespace kiln::redis_store {
namespace {

// Blobs beyond are read in windows: one answer is to be no larger.
constexpr std::uint64_t whole_at_once = 4 << 20;
constexpr std::uint64_t bytes_at_once = 16 << 20;

using byte_gathering = gathering<bytes>;

/// Some of the blobs, by their places among those that are asked for.
using places = std::vector<std::size_t>;

struct read_plan {
  std::vector<places> together;
  places alone;
};

read_plan plan_of(const keyed_store& where, const std::vector<digest>& blobs) {
  const std::size_t at_once = most_in_pipeline / where.commands_per_key();
  read_plan plan;
  std::uint64_t bytes_so_far = 0;
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    const auto size = where.holds_content() ? static_cast<std::uint64_t>(blobs[i].size) : std::uint64_t{0};
    if (size > whole_at_once) {
      plan.alone.push_back(i);
      continue;
    }
    if (plan.together.empty() || plan.together.back().size() == at_once ||
        bytes_so_far + size > bytes_at_once) {
      plan.together.emplace_back();
      bytes_so_far = 0;
    }
    plan.together.back().push_back(i);
    bytes_so_far += size;
  }
  return plan;
}

expected<bytes> blob_in(const keyed_store& where, const digest& blob, const expected<resp_reply>& came) {
  if (!came) return failure(came.error());
  const auto absent = fail(errc::not_found, "no blob {} in store {}", blob, where.engine().name);
  if (static_cast<std::int64_t>(came->text.size()) != blob.size) return absent;
  if (auto good = check(blob, came->text, errc::data_loss); !good) {
    where.drop_damaged(blob, good.error());
    return absent;
  }
  return came->text;
}

class batch_reading : public std::enable_shared_from_this<batch_reading> {
public:
  batch_reading(keyed_ptr where, read_blobs order, done<blob_batch> then)
      : where_(std::move(where)),
        asked_(std::move(order.blobs)),
        until_(order.until),
        blobs_(named_once_of(asked_, where_->holds_content())),
        then_(std::move(then)) {}

  void go() {
    all_ = std::make_shared<byte_gathering>(
        blobs_.size(),
        [self = shared_from_this()](std::vector<expected<bytes>> results) { self->finish(results); });
    const auto plan = plan_of(*where_, blobs_);
    for (const auto& some : plan.together) ask_for(some);
    for (const std::size_t at : plan.alone) read_alone(at);
    std::exchange(all_, nullptr)->close();
  }

private:
  void ask_for(const places& some) {
    pipeline question;
    question.repeatable = true;
    question.until = until_;
    for (const std::size_t at : some) {
      const auto key = where_->names.of(blobs_[at]);
      // One byte more than there should be shows what is too long.
      const auto size = static_cast<std::uint64_t>(blobs_[at].size);
      if (where_->holds_content()) {
        question.commands.push_back(key_command({"GETRANGE", key, "0", std::to_string(size)}));
        question.answer_size += size;
      } else {
        question.commands.push_back(result_command(*where_, key));
        question.answer_size += std::uint64_t{4} << 10;  // what most have
      }
      where_->add_touch(question.commands, key);
    }
    where_->client->run(std::move(question), [self = shared_from_this(), all = all_, some](outcome what) {
      auto came = std::make_shared<const replies>(std::move(what.answers));
      auto judged = [self, all, some, came] {
        const std::size_t per_key = self->where_->commands_per_key();
        for (std::size_t i = 0; i < some.size(); ++i)
          all->settle(some[i], self->judge(self->blobs_[some[i]], (*came)[i * per_key]));
      };
      if (auto posted = self->where_->engine().hashing->post(judged); !posted)
        for (const std::size_t at : some) all->settle(at, failure(posted.error()));
    });
  }
  expected<bytes> judge(const digest& blob, const expected<resp_reply>& came) const {
    return caught([&] {
      return where_->holds_content() ? blob_in(*where_, blob, came) : result_in(*where_, blob, came);
    });
  }

  void read_alone(std::size_t at) {
    const digest blob = blobs_[at];
    read_key(where_, {blob, 0, 0, until_}, [all = all_, at, blob](expected<blob_content> content) {
      if (!content) return all->settle(at, failure(content.error()));
      if (!content->rest) return all->settle(at, content->head.flatten());
      collect(std::move(content->rest), static_cast<std::size_t>(blob.size),
              [all, at](expected<bytes> whole) { all->settle(at, std::move(whole)); });
    });
  }

  void finish(const std::vector<expected<bytes>>& results) {
    std::unordered_map<digest, std::size_t> place;
    for (std::size_t i = 0; i < blobs_.size(); ++i) place[blobs_[i]] = i;
    blob_batch batch;
    batch.results.reserve(asked_.size());
    for (const digest& blob : asked_) {
      auto found = place.find(blob);
      batch.results.push_back(found == place.end() ? expected<bytes>() : results[found->second]);
    }
    then_(std::move(batch));
  }

  const keyed_ptr where_;
  const std::vector<digest> asked_;
  const steady_time until_;
  const std::vector<digest> blobs_;
  const done<blob_batch> then_;
  std::shared_ptr<byte_gathering> all_;
};

}  // namespace

void read_many_keys(const keyed_ptr& where, read_blobs order, done<blob_batch> then) {
  std::make_shared<batch_reading>(where, std::move(order), std::move(then))->go();
}

resp_command result_command(const keyed_store& where, const std::string& key) {
  // One byte for the mark, and one more than there should be.
  const auto last = where.options().max_result_size.bytes + result_mark.size();
  return key_command({"GETRANGE", key, "0", std::to_string(last)});
}

expected<bytes> result_in(const keyed_store& where, const digest& action, const expected<resp_reply>& came) {
  if (!came) return failure(came.error());
  const bytes& content = came->text;
  if (content.size() > where.options().max_result_size.bytes + result_mark.size())
    return where.client->explain(
        {errc::resource_exhausted, fmt::format("the result of action {} has more than {} bytes", action,
                                               where.options().max_result_size.bytes)});
  if (!content.view().starts_with(result_mark))
    return fail(errc::not_found, "no result of action {} in store {}", action, where.engine().name);
  return content.slice(result_mark.size());
}

void read_result_key(const keyed_ptr& where, const read_blob& order, done<blob_content> then) {
  const auto key = where->names.of(order.blob);
  pipeline question;
  question.repeatable = true;
  question.until = order.until;
  question.answer_size = std::uint64_t{4} << 10;
  question.commands.push_back(result_command(*where, key));
  where->add_touch(question.commands, key);
  where->client->run(std::move(question), [where, order, then = std::move(then)](const outcome& what) {
    auto record = result_in(*where, order.blob, what.answers.front());
    if (!record) return then(failure(record.error()));
    if (order.offset > record->size())
      return then(
          fail(errc::out_of_range, "offset {} lies behind the end of result {}", order.offset, order.blob));
    const auto limit = order.limit == 0 ? record->size() : order.limit;
    then(blob_content{record->slice(order.offset, limit), nullptr});
  });
}

}  // namespace kiln::redis_store
