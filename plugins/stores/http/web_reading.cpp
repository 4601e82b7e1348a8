#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/store_kit/few_at_once.hpp"
#include "core/wire/action_record.hpp"
#include "plugins/stores/http/web_download.hpp"
#include "plugins/stores/http/web_orders.hpp"

namespace kiln::web_store {
namespace {

constexpr std::uint64_t whole_at_once = 1 << 20;

std::vector<digest> each_of_them_once(const std::vector<digest>& blobs, bool without_empty) {
  std::vector<digest> result;
  std::unordered_set<digest> named;
  for (const digest& blob : blobs)
    if (!(without_empty && is_empty_blob(blob)) && named.insert(blob).second) result.push_back(blob);
  return result;
}

/// Has the blob removed where its bytes turn out to be wrong.
class web_proving_source final : public blob_source, public std::enable_shared_from_this<web_proving_source> {
public:
  web_proving_source(remote_ptr where, const digest& blob, blob_source_ptr source)
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
  const remote_ptr where_;
  const digest blob_;
  const blob_source_ptr source_;
};

error none_if_out_of_range(const remote_ptr& where, const digest& blob, const error& fault) {
  const bool is_none = fault.code() == errc::out_of_range || fault.code() == errc::not_found;
  return is_none ? where->no_such(blob).value() : fault;
}

// Small ones are read and proven before anybody hears of them: a blob that is not what it is called is none.
void read_at_once(const remote_ptr& where, const digest& blob, const web_range& range, steady_time until,
                  done<bytes> then) {
  const bool is_whole = range.length == static_cast<std::uint64_t>(blob.size);
  download(where, blob, range, until,
           [where, blob, range, is_whole, then = std::move(then)](expected<blob_source_ptr> source) {
             if (!source) return then(failure(none_if_out_of_range(where, blob, source.error())));
             auto bytes_of =
                 is_whole ? checked(*source, blob, where->engine().hashing, errc::data_loss) : *source;
             collect(std::move(bytes_of), static_cast<std::size_t>(range.length),
                     [where, blob, then](expected<bytes> content) {
                       if (!content && content.error().code() == errc::data_loss) {
                         where->drop_damaged(blob, content.error());
                         return then(where->no_such(blob));
                       }
                       then(std::move(content));
                     });
           });
}

void read_record(const remote_ptr& where, const digest& action, steady_time until, done<bytes> then) {
  if (!where->can_name(action)) return then(where->no_such(action));
  where->ask(where->order("GET", action, until),
             static_cast<std::size_t>(where->options().max_result_size.bytes),
             [where, action, then = std::move(then)](const expected<web_answer>& answer) {
               if (!answer) return then(failure(none_if_out_of_range(where, action, answer.error())));
               then(wrap_result(answer->body));
             });
}

void read_bytes_of(const remote_ptr& where, const digest& blob, steady_time until, done<bytes> then) {
  if (!where->holds_content()) return read_record(where, blob, until, std::move(then));
  if (!where->can_name(blob) || blob.size == 0) return then(where->no_such(blob));
  read_at_once(where, blob, {0, static_cast<std::uint64_t>(blob.size)}, until, std::move(then));
}

}  // namespace

void find_missing_there(const remote_ptr& where, find_missing order, done<missing_blobs> then) {
  struct finding {
    std::vector<digest> asked;
    std::vector<char> absent;
    std::mutex mutex;
    error fault;
  };
  auto all = std::make_shared<finding>();
  all->asked = each_of_them_once(order.blobs, where->holds_content());
  all->absent.resize(all->asked.size());
  few_at_once::run(
      all->asked.size(), where->of_one_order(),
      [where, all, until = order.until](std::size_t which, std::function<void()> ended) {
        {
          std::lock_guard lock(all->mutex);
          if (!all->fault.ok()) return ended();
        }
        where->look(
            all->asked[which], until,
            [all, which, ended = std::move(ended)](const expected<std::optional<std::uint64_t>>& size) {
              if (!size) {
                std::lock_guard lock(all->mutex);
                all->fault = size.error();
              } else if (!*size) {
                all->absent[which] = 1;
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

void read_blob_there(const remote_ptr& where, const read_blob& order, done<blob_content> then) {
  const digest& blob = order.blob;
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (order.offset > size)
    return then(fail(errc::out_of_range, "offset {} lies behind the end of blob {}", order.offset, blob));
  if (is_empty_blob(blob)) return then(blob_content{});
  if (!where->can_name(blob)) return then(where->no_such(blob));
  web_range range{order.offset, size - order.offset};
  if (order.limit != 0) range.length = std::min(range.length, order.limit);
  if (range.length == 0) {
    return where->look(
        blob, order.until,
        [where, blob, then = std::move(then)](const expected<std::optional<std::uint64_t>>& found) {
          if (!found) return then(failure(found.error()));
          if (!*found) return then(where->no_such(blob));
          then(blob_content{});
        });
  }
  if (range.length <= whole_at_once)
    return read_at_once(where, blob, range, order.until, [then = std::move(then)](expected<bytes> content) {
      if (!content) return then(failure(content.error()));
      then(blob_content{std::move(*content), nullptr});
    });
  download(where, blob, range, order.until,
           [where, blob, range, size, then = std::move(then)](expected<blob_source_ptr> source) {
             if (!source) return then(failure(none_if_out_of_range(where, blob, source.error())));
             if (range.length == size) source = std::make_shared<web_proving_source>(where, blob, *source);
             then(blob_content{{}, std::move(*source)});
           });
}

void read_result_there(const remote_ptr& where, const read_blob& order, done<blob_content> then) {
  read_record(where, order.blob, order.until, [order, then = std::move(then)](expected<bytes> record) {
    if (!record) return then(failure(record.error()));
    if (order.offset > record->size())
      return then(
          fail(errc::out_of_range, "offset {} lies behind the end of result {}", order.offset, order.blob));
    const auto limit = order.limit == 0 ? record->size() : order.limit;
    then(blob_content{record->slice(order.offset, limit), nullptr});
  });
}

void read_many_there(const remote_ptr& where, read_blobs order, done<blob_batch> then) {
  struct batch {
    std::vector<digest> asked, once;
    std::vector<expected<bytes>> results;
  };
  auto all = std::make_shared<batch>();
  all->asked = std::move(order.blobs);
  all->once = each_of_them_once(all->asked, where->holds_content());
  all->results.resize(all->once.size());
  few_at_once::run(
      all->once.size(), where->of_one_order(),
      [where, all, until = order.until](std::size_t which, std::function<void()> ended) {
        read_bytes_of(where, all->once[which], until,
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

}  // namespace kiln::web_store
