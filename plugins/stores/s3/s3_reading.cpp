#include "plugins/stores/s3/s3_reading.hpp"

#include <algorithm>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/store_kit/one_by_one.hpp"
#include "plugins/stores/s3/s3_download.hpp"

namespace kiln::s3_store {
namespace {

constexpr std::uint64_t comes_at_once = 1 << 20;
constexpr std::size_t slack = 64 << 10;

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
                            source =
                                proven(std::move(source), blob, where->engine().hashing,
                                       [where, blob](const error& why) { where->drop_damaged(blob, why); });
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
  // On the thread on which the answers come, which knows what is remembered.
  where->engine().web->post([where, order = std::move(order), then = std::move(then)] {
    auto look = [where, until = order.until](const digest& blob, done<bool> found) {
      if (where->remembers(blob)) return found(true);
      where->look(blob, until,
                  [found = std::move(found)](const expected<std::optional<object_facts>>& facts) {
                    found(facts ? expected<bool>(facts->has_value()) : failure(facts.error()));
                  });
    };
    one_by_one::find_all(order, where->engine().what, where->of_one_order(), std::move(look), then);
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
    then(record ? one_by_one::part_of_result(order, *record) : failure(record.error()));
  });
}

void read_many_objects(const bucket_ptr& where, read_blobs order, done<blob_batch> then) {
  auto read = [where, until = order.until](const digest& blob, done<bytes> content) {
    read_all_bytes(where, blob, until, std::move(content));
  };
  one_by_one::read_all(order, where->engine().what, where->of_one_order(), std::move(read), std::move(then));
}

}  // namespace kiln::s3_store
