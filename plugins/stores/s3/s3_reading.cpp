#include "plugins/stores/s3/s3_reading.hpp"

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/store_kit/few_at_once.hpp"
#include "plugins/stores/s3/s3_download.hpp"

namespace kiln::s3_store {
namespace {

constexpr std::uint64_t comes_at_once = 1 << 20;
constexpr std::size_t slack = 64 << 10;

std::vector<digest> each_once(const std::vector<digest>& blobs, bool without_empty) {
  std::vector<digest> result;
  std::unordered_set<digest> named;
  for (const digest& blob : blobs)
    if (!(without_empty && is_empty_blob(blob)) && named.insert(blob).second) result.push_back(blob);
  return result;
}

struct finding {
  std::vector<digest> asked;
  std::vector<std::size_t> unknown;  // places
  std::vector<char> absent;          // by place; not bool, for several threads set them
  std::mutex mutex;
  error fault;
};

void find_them(const bucket_ptr& where, std::shared_ptr<finding> all, steady_time until,
               done<missing_blobs> then) {
  for (std::size_t i = 0; i < all->asked.size(); ++i)
    if (!where->remembers(all->asked[i])) all->unknown.push_back(i);
  few_at_once::run(
      all->unknown.size(), where->of_one_order(),
      [where, all, until](std::size_t which, std::function<void()> ended) {
        {
          std::lock_guard lock(all->mutex);
          if (!all->fault.ok()) return ended();
        }
        const auto place = all->unknown[which];
        where->look(
            all->asked[place], until,
            [all, place, ended = std::move(ended)](const expected<std::optional<object_facts>>& facts) {
              if (!facts) {
                std::lock_guard lock(all->mutex);
                all->fault = facts.error();
              } else if (!*facts) {
                all->absent[place] = 1;
              }
              ended();
            });
      },
      [all, then = std::move(then)] {
        if (!all->fault.ok()) return then(failure(all->fault));
        missing_blobs missing;
        for (std::size_t i = 0; i < all->asked.size(); ++i)
          if (all->absent[i] != 0) missing.blobs.push_back(all->asked[i]);
        then(std::move(missing));
      });
}

/// Removes the object where its bytes turn out to be wrong.
class s3_proving_source final : public blob_source, public std::enable_shared_from_this<s3_proving_source> {
public:
  s3_proving_source(bucket_ptr where, const digest& blob, blob_source_ptr source)
      : where_(std::move(where)),
        blob_(blob),
        source_(checked(std::move(source), blob_, where_->engine().hashing, errc::data_loss)) {}

  void read(next then) override {
    source_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> piece) {
      if (!piece && piece.error().code() == errc::data_loss)
        self->where_->drop_damaged(self->blob_, piece.error());
      then(std::move(piece));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  const bucket_ptr where_;
  const digest blob_;
  const blob_source_ptr source_;
};

/// `judge()` here if that is short, else on the thread pool.
template <class T, class Judge>
void judged(const bucket_ptr& where, std::size_t size, const done<T>& then, Judge judge) {
  if (size <= hashed_in_place) return then(judge());
  auto posted = where->engine().hashing->post([then, judge] { then(caught(judge)); });
  if (!posted) then(failure(posted.error()));
}

// Bytes that go out now are right; a blob that is not what it is called is none.
expected<bytes> right_blob(const bucket_ptr& where, const digest& blob, const bytes& content) {
  if (auto good = check(blob, content, errc::data_loss); !good) {
    where->drop_damaged(blob, good.error());
    return where->no_such(blob);
  }
  return content;
}

void read_at_once(const bucket_ptr& where, const digest& blob, const object_range& range, steady_time until,
                  done<bytes> then) {
  where->client()->ask(
      range_order(*where, blob, range), until, static_cast<std::size_t>(range.length) + slack,
      [where, blob, range, then = std::move(then)](const expected<web_answer>& answer) {
        if (!answer) {
          const auto code = answer.error().code();
          const bool is_none = code == errc::not_found || code == errc::out_of_range;
          if (!is_none) return then(failure(answer.error()));
          where->lost(blob);
          return then(where->no_such(blob));
        }
        auto facts = check_range(*where, blob, range, *answer);
        if (!facts) {
          where->lost(blob);
          return then(failure(facts.error()));
        }
        if (answer->body.size() != range.length)
          return then(fail(errc::unavailable, "{} of {} bytes came of blob {}", answer->body.size(),
                           range.length, blob));
        where->saw(blob, *facts);
        if (range.length != static_cast<std::uint64_t>(blob.size)) return then(answer->body);
        judged<bytes>(where, answer->body.size(), then,
                      [where, blob, content = answer->body] { return right_blob(where, blob, content); });
      });
}

void read_as_it_comes(const bucket_ptr& where, const digest& blob, const object_range& range,
                      steady_time until, done<blob_content> then) {
  where->client()->open(range_order(*where, blob, range), until,
                        [where, blob, range, until, then = std::move(then)](expected<web_reply> reply) {
                          if (!reply) {
                            const auto code = reply.error().code();
                            const bool is_none = code == errc::not_found || code == errc::out_of_range;
                            if (!is_none) return then(failure(reply.error()));
                            where->lost(blob);
                            return then(where->no_such(blob));
                          }
                          auto facts = check_range(*where, blob, range, *reply);
                          if (!facts) {
                            where->lost(blob);
                            return then(failure(facts.error()));
                          }
                          where->saw(blob, *facts);
                          auto source = download(where, blob, range, until, std::move(*reply));
                          if (range.length == static_cast<std::uint64_t>(blob.size))
                            source = std::make_shared<s3_proving_source>(where, blob, std::move(source));
                          then(blob_content{{}, std::move(source)});
                        });
}

// As proven by the hash that stands beside it.
expected<bytes> right_result(const bucket_ptr& where, const digest& action, const std::string& hash,
                             const bytes& content) {
  const auto found = digest_of(content.view()).hex();
  if (found == hash) return content;
  where->drop_damaged(
      action, error(errc::data_loss,
                    fmt::format("the result of action {} has the hash {}, not {}", action, found, hash)));
  return where->no_such(action);
}

void read_result_bytes(const bucket_ptr& where, const digest& action, steady_time until, done<bytes> then) {
  where->client()->ask(
      {"GET", where->key_of(action)}, until, static_cast<std::size_t>(where->options().max_result_size.bytes),
      [where, action, then = std::move(then)](const expected<web_answer>& answer) {
        if (!answer && answer.error().code() != errc::not_found) return then(failure(answer.error()));
        if (!answer) return then(where->no_such(action));
        const auto facts = where->facts_in(*answer, answer->body.size());
        if (!where->is_there(action, facts)) return then(where->no_such(action));
        where->saw(action, facts);
        judged<bytes>(where, answer->body.size(), then, [where, action, facts, content = answer->body] {
          return right_result(where, action, facts.hash, content);
        });
      });
}

void read_all_bytes(const bucket_ptr& where, const digest& blob, steady_time until, done<bytes> then) {
  if (!where->engine().holds_content()) return read_result_bytes(where, blob, until, std::move(then));
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (size == 0) return then(where->no_such(blob));  // the empty blob has been answered
  if (size <= comes_at_once) return read_at_once(where, blob, {0, size}, until, std::move(then));
  read_as_it_comes(where, blob, {0, size}, until,
                   [size, then = std::move(then)](expected<blob_content> content) {
                     if (!content) return then(failure(content.error()));
                     collect(std::move(content->rest), static_cast<std::size_t>(size), then);
                   });
}

}  // namespace

void find_missing_objects(const bucket_ptr& where, find_missing order, done<missing_blobs> then) {
  auto all = std::make_shared<finding>();
  all->asked = each_once(order.blobs, where->engine().holds_content());
  all->absent.resize(all->asked.size());
  where->engine().web->post([where, all, until = order.until, then = std::move(then)]() mutable {
    find_them(where, std::move(all), until, std::move(then));
  });
}

void read_object(const bucket_ptr& where, const read_blob& order, done<blob_content> then) {
  const digest& blob = order.blob;
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (order.offset > size)
    return then(fail(errc::out_of_range, "offset {} lies behind the end of blob {}", order.offset, blob));
  if (is_empty_blob(blob)) return then(blob_content{});
  object_range range{order.offset, size - order.offset};
  if (order.limit != 0) range.length = std::min(range.length, order.limit);
  if (range.length == 0) {
    // Nothing is asked for, but of a blob that must be there.
    return where->look(
        blob, order.until,
        [where, blob, then = std::move(then)](const expected<std::optional<object_facts>>& facts) {
          if (!facts) return then(failure(facts.error()));
          if (!*facts) return then(where->no_such(blob));
          then(blob_content{});
        });
  }
  if (range.length > comes_at_once) return read_as_it_comes(where, blob, range, order.until, std::move(then));
  read_at_once(where, blob, range, order.until, [then = std::move(then)](expected<bytes> content) {
    if (!content) return then(failure(content.error()));
    then(blob_content{std::move(*content), nullptr});
  });
}

void read_result_object(const bucket_ptr& where, const read_blob& order, done<blob_content> then) {
  read_result_bytes(where, order.blob, order.until, [order, then = std::move(then)](expected<bytes> record) {
    if (!record) return then(failure(record.error()));
    if (order.offset > record->size())
      return then(
          fail(errc::out_of_range, "offset {} lies behind the end of result {}", order.offset, order.blob));
    const auto limit = order.limit == 0 ? record->size() : order.limit;
    then(blob_content{record->slice(order.offset, limit), nullptr});
  });
}

void read_many_objects(const bucket_ptr& where, read_blobs order, done<blob_batch> then) {
  struct batch {
    std::vector<digest> asked, once;
    std::vector<expected<bytes>> results;
  };
  auto all = std::make_shared<batch>();
  all->asked = std::move(order.blobs);
  all->once = each_once(all->asked, where->engine().holds_content());
  all->results.resize(all->once.size());
  few_at_once::run(
      all->once.size(), where->of_one_order(),
      [where, all, until = order.until](std::size_t which, std::function<void()> ended) {
        read_all_bytes(where, all->once[which], until,
                       [all, which, ended = std::move(ended)](expected<bytes> content) {
                         all->results[which] = std::move(content);
                         ended();
                       });
      },
      [all, then = std::move(then)] {
        std::unordered_map<digest, std::size_t> place;
        for (std::size_t i = 0; i < all->once.size(); ++i) place[all->once[i]] = i;
        blob_batch answer;
        for (const digest& blob : all->asked) {
          auto found = place.find(blob);
          answer.results.push_back(found == place.end() ? expected<bytes>() : all->results[found->second]);
        }
        then(std::move(answer));
      });
}

}  // namespace kiln::s3_store
