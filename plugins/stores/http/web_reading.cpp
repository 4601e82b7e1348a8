#include <algorithm>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/store_kit/one_by_one.hpp"
#include "core/wire/action_record.hpp"
#include "plugins/stores/http/web_download.hpp"
#include "plugins/stores/http/web_orders.hpp"

namespace kiln::web_store {
namespace {

constexpr std::uint64_t whole_at_once = 1 << 20;

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
  auto look = [where, until = order.until](const digest& blob, done<bool> found) {
    where->look(blob, until, [found = std::move(found)](const expected<std::optional<std::uint64_t>>& size) {
      found(size ? expected<bool>(size->has_value()) : failure(size.error()));
    });
  };
  one_by_one::find_all(order, where->engine().what, where->of_one_order(), std::move(look), std::move(then));
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
             if (range.length == size)
               source = proven(std::move(*source), blob, where->engine().hashing,
                               [where, blob](const error& why) { where->drop_damaged(blob, why); });
             then(blob_content{{}, std::move(*source)});
           });
}

void read_result_there(const remote_ptr& where, const read_blob& order, done<blob_content> then) {
  read_record(where, order.blob, order.until, [order, then = std::move(then)](expected<bytes> record) {
    then(record ? one_by_one::part_of_result(order, *record) : failure(record.error()));
  });
}

void read_many_there(const remote_ptr& where, read_blobs order, done<blob_batch> then) {
  auto read = [where, until = order.until](const digest& blob, done<bytes> content) {
    read_bytes_of(where, blob, until, std::move(content));
  };
  one_by_one::read_all(order, where->engine().what, where->of_one_order(), std::move(read), std::move(then));
}

}  // namespace kiln::web_store
